"""Cross entropy through a frozen head, without ever holding the whole logits."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as functional

from phi3studio.worker.data.preparing.tokenise import IGNORED
from phi3studio.worker.training.fused.frozen_weights import Frozen

_CHUNK = 1024


class _HeadLoss(torch.autograd.Function):
    """The negative log likelihoods (nats) of *targets*: (tokens,), 0 where one is ignored.

    Shapes: hidden (tokens, size), weight (vocabulary, size), targets (tokens,). The gradient of
    the hidden states is taken in the forward pass, chunk by chunk, while the logits exist; not
    where nothing asks for it.
    With *fills* some targets may be ``IGNORED``.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, weight: Frozen, targets: torch.Tensor, fills: bool
    ) -> torch.Tensor:
        losses = torch.empty(len(hidden), dtype=torch.float32, device=hidden.device)
        gradient = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        for begin in range(0, hidden.shape[0], _CHUNK):
            part = slice(begin, begin + _CHUNK)
            logits = weight.ahead(hidden[part]).float()
            chosen = targets[part].clamp(min=0) if fills else targets[part]
            counts = targets[part, None] != IGNORED if fills else 1.0
            logs = functional.log_softmax(logits, dim=-1)
            losses[part] = -(logs.gather(1, chosen[:, None]) * counts)[:, 0]
            if gradient is None:
                continue
            logs.exp_()
            logs.scatter_add_(1, chosen[:, None], logs.new_full((len(chosen), 1), -1.0))
            if fills:
                logs.mul_(counts)
            gradient[part] = weight.back(logs.to(hidden.dtype))
        if gradient is not None:
            ctx.save_for_backward(gradient)
        return losses

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        (gradient,) = ctx.saved_tensors
        return gradient * gradients[0][:, None].to(gradient.dtype), None, None, None


def head_losses(
    hidden: torch.Tensor, weight: Frozen, targets: torch.Tensor, fills: bool = False
) -> torch.Tensor:
    """The losses (tokens,) of *targets* after *hidden*, for a head whose weights are not trained.

    With *fills* some targets may be ``IGNORED``, which a GPU need not be waited for to know.
    """
    losses: torch.Tensor = _HeadLoss.apply(hidden, weight, targets, fills)  # type: ignore[no-untyped-call]
    return losses


def total_of(losses: torch.Tensor) -> torch.Tensor:
    """The sum of token losses, added up in the parts in which the head computes them."""
    total = losses.new_zeros(())
    for part in torch.split(losses, _CHUNK):
        total = total + part.sum()
    return total
