"""Replaces the slow parts of a PEFT model, part by part where each is known to be equal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from phi3studio.worker.data.tokenise import IGNORED
from phi3studio.worker.training.examples import collate_packed
from phi3studio.worker.training.fused import attention
from phi3studio.worker.training.fused.elementwise import (
    fuse_attention,
    fuse_mlp,
    fuse_norm,
    fuse_rotary,
    has_kernels,
)
from phi3studio.worker.training.fused.lora import AdapterCopies, fuse_linear
from phi3studio.worker.training.fused.loss import head_loss

# Settings of a config that change the logits after the head.
_LOGIT_SETTINGS = ("final_logit_softcapping", "logits_scaling", "logit_scale")


@dataclass(frozen=True)
class Fused:
    """A model after :func:`fuse`, and how many of its parts were replaced."""

    model: Any
    copies: AdapterCopies
    linear: int
    norms: int
    mlps: int
    packed_attention: bool
    head: bool

    def loss(self, inputs: Mapping[str, Any]) -> tuple[torch.Tensor, int]:
        """Sum of the learned tokens' negative log likelihoods (nats), and their number.

        *inputs* come from :func:`collate_fused`; the tensors may still be on the CPU.
        """
        self.copies.refresh()
        device = self.model.device
        moved = {
            name: value.to(device, non_blocking=True)
            for name, value in inputs.items()
            if isinstance(value, torch.Tensor)
        }
        ids, positions, where = moved["input_ids"], moved["position_ids"], moved["learned"]
        targets = moved["labels"][0].index_select(0, where + 1)
        more: dict[str, Any] = {}
        if self.packed_attention:
            more = attention.row_arguments(inputs["row_lengths"], device)
        base = self.model.get_base_model()
        if self.head:
            body = base.get_decoder()
            output = body(input_ids=ids, position_ids=positions, use_cache=False, **more)
            hidden = output.last_hidden_state[0].index_select(0, where)
            weight = base.get_output_embeddings().weight
            return head_loss(hidden, weight, targets), where.numel()
        output = base(
            input_ids=ids, position_ids=positions, use_cache=False, logits_to_keep=where, **more
        )
        logits = output.logits[0].float()
        loss = torch.nn.functional.cross_entropy(logits, targets, reduction="sum")
        return loss, where.numel()


def collate_fused(batch: Sequence[Mapping[str, Sequence[int]]]) -> dict[str, Any]:
    """As ``collate_packed``, with what the GPU would otherwise have to be waited for:
    ``learned``, the positions whose next token is learned, and ``row_lengths``."""
    inputs: dict[str, Any] = collate_packed(batch)
    inputs["learned"] = torch.nonzero(inputs["labels"][0, 1:] != IGNORED).flatten()
    inputs["row_lengths"] = [len(row["input_ids"]) for row in batch]
    return inputs


def fuse(model: Any) -> Fused:
    """Replace what can be replaced in a PEFT *model*, in place.

    Parts of unknown kinds stay as they are: a model of another family trains as before, slower.
    """
    from peft.tuners.lora.layer import LoraLayer

    base = model.get_base_model()
    copies = AdapterCopies()
    kernels = base.device.type == "cuda" and has_kernels()
    linear = norms = mlps = 0
    for name, module in base.named_modules():
        if isinstance(module, LoraLayer):
            linear += fuse_linear(module, copies)
        elif name.endswith(".mlp"):
            mlps += kernels and fuse_mlp(module)
        elif name.endswith(".self_attn"):
            _ = kernels and fuse_attention(module)
        else:
            norms += fuse_norm(module)
    if kernels:
        fuse_rotary(base)
    return Fused(
        model=model,
        copies=copies,
        linear=linear,
        norms=norms,
        mlps=mlps,
        packed_attention=_use_packed_attention(base),
        head=_is_plain_head(base),
    )


def _use_packed_attention(base: Any) -> bool:
    """Switch the attention over, on a GPU that can do it in the model's number format."""
    config = base.config
    if base.device.type != "cuda" or base.dtype not in (torch.bfloat16, torch.float16):
        return False
    if getattr(config, "attention_dropout", 0.0) or getattr(config, "attn_logit_softcapping", None):
        return False
    # Flash attention needs an Ampere card or a newer one.
    if torch.cuda.get_device_capability(base.device) < (8, 0) or not attention.register():
        return False
    config._attn_implementation = attention.NAME
    return True


def _is_plain_head(base: Any) -> bool:
    """Whether the logits are the frozen head's product and nothing more."""
    head = base.get_output_embeddings()
    plain = type(head) is torch.nn.Linear and head.bias is None and not head.weight.requires_grad
    settings = any(
        getattr(base.config, name, None) not in (None, 1, 1.0) for name in _LOGIT_SETTINGS
    )
    return plain and not settings and base.get_decoder() is not base
