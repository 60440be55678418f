"""Cross entropy through a frozen head, without ever holding the whole logits."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as functional

from phi3studio.worker.data.preparing.tokenise import IGNORED
from phi3studio.worker.training.fused.frozen_weights import Frozen

_CHUNK = 1024


class _HeadLoss(torch.autograd.Function):
    """Sum of the negative log likelihoods (nats) of *targets*.

    Shapes: hidden (tokens, size), weight (vocabulary, size), targets (tokens,). The gradient of
    the hidden states is taken in the forward pass, chunk by chunk, while the logits exist.
    With *fills* some targets may be ``IGNORED``.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, weight: Frozen, targets: torch.Tensor, fills: bool
    ) -> torch.Tensor:
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        gradient = torch.empty_like(hidden)
        for begin in range(0, hidden.shape[0], _CHUNK):
            part = slice(begin, begin + _CHUNK)
            logits = weight.ahead(hidden[part]).float()
            chosen = targets[part].clamp(min=0) if fills else targets[part]
            counts = targets[part, None] != IGNORED if fills else 1.0
            logs = functional.log_softmax(logits, dim=-1)
            total -= (logs.gather(1, chosen[:, None]) * counts).sum()
            logs.exp_()
            logs.scatter_add_(1, chosen[:, None], logs.new_full((len(chosen), 1), -1.0))
            if fills:
                logs.mul_(counts)
            gradient[part] = weight.back(logs.to(hidden.dtype))
        ctx.save_for_backward(gradient)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        (gradient,) = ctx.saved_tensors
        return gradient * gradients[0].to(gradient.dtype), None, None, None


def head_loss(
    hidden: torch.Tensor, weight: Frozen, targets: torch.Tensor, fills: bool = False
) -> torch.Tensor:
    """The summed loss of *targets* after *hidden*, for a head whose weights are not trained.

    With *fills* some targets may be ``IGNORED``, which a GPU need not be waited for to know.
    """
    loss: torch.Tensor = _HeadLoss.apply(hidden, weight, targets, fills)  # type: ignore[no-untyped-call]
    return loss
