"""Replaces the slow parts of a PEFT model, part by part where each is known to be equal."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from phi3studio.worker.data.preparing.tokenise import IGNORED
from phi3studio.worker.training.examples import collate_packed, sums_by_row
from phi3studio.worker.training.fused import attention, row_attention
from phi3studio.worker.training.fused.decoder import Decoder, decoder_of
from phi3studio.worker.training.fused.elementwise import (
    fuse_attention,
    fuse_frozen_mlp,
    fuse_mlp,
    fuse_norm,
    fuse_rotary,
    has_kernels,
)
from phi3studio.worker.training.fused.families import USUAL_ROTARY
from phi3studio.worker.training.fused.frozen_weights import Frozen, can_lay_out
from phi3studio.worker.training.fused.graphs import can_record, padded
from phi3studio.worker.training.fused.joined import fuse_groups
from phi3studio.worker.training.fused.last_layer import trim_last_layer
from phi3studio.worker.training.fused.lora import AdaptedLinear, AdapterCopies, fuse_linear
from phi3studio.worker.training.fused.loss import head_losses, total_of
from phi3studio.worker.training.fused.on_cpu import FrozenMlp
from phi3studio.worker.training.fused.packed_rows import collate_rows

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
    attention: str | None
    head: Frozen | None
    trimmed: bool
    decoder: Decoder | None
    can_record: bool
    """Whether :meth:`total` may be a CUDA graph; :attr:`collate` then pads."""
    frozen: Sequence[Frozen] = ()

    @property
    def collate(self) -> Callable[[Sequence[Mapping[str, Sequence[int]]]], dict[str, Any]]:
        """What makes the inputs of :meth:`loss` from a batch's rows."""
        if self.attention == row_attention.NAME:
            return collate_rows
        return functools.partial(collate_fused, pads=True) if self.can_record else collate_fused

    def renew(self) -> None:
        """Take over frozen weights that were changed in place."""
        for weight in self.frozen:
            weight.renew()

    def loss(self, inputs: Mapping[str, Any]) -> tuple[torch.Tensor, int]:
        """Sum of the learned tokens' negative log likelihoods (nats), and their number.

        *inputs* come from :attr:`collate`; the tensors may still be on the CPU.
        """
        moved = _on(self.model.device, inputs)
        count = inputs.get("count", moved["learned"].numel())
        return self.total(moved, inputs.get("longest", 0), inputs.get("rows")), count

    def log_likelihoods(self, inputs: Mapping[str, Any]) -> torch.Tensor:
        """The log-likelihood of each row's supervised tokens (rows,), in nats and float32.

        *inputs* come from :attr:`collate`, with ``supervised`` (rows,), how many tokens each row
        has; not of a model that is padded for CUDA graphs.
        """
        moved = _on(self.model.device, inputs)
        losses = self.token_losses(moved, inputs.get("longest", 0), inputs.get("rows"))
        return sums_by_row(-losses, moved["supervised"])

    def total(
        self, inputs: Mapping[str, torch.Tensor], longest: int = 0, rows: Any = None
    ) -> torch.Tensor:
        """The sum that :meth:`loss` gives, of tensors on the model's device; *longest* and *rows*
        as collated."""
        return total_of(self.token_losses(inputs, longest, rows))

    def token_losses(
        self, inputs: Mapping[str, torch.Tensor], longest: int = 0, rows: Any = None
    ) -> torch.Tensor:
        """The negative log likelihoods of the supervised tokens (tokens,); arguments as those of
        :meth:`total`."""
        self.copies.refresh()
        ids, positions, where = inputs["input_ids"], inputs["position_ids"], inputs["learned"]
        targets = inputs["targets"]
        more: dict[str, Any] = {}
        if self.attention == attention.NAME:
            more = attention.row_arguments(inputs["bounds"], longest)
        elif self.attention == row_attention.NAME:
            more = {"rows": rows}
        base = self.model.get_base_model()
        if self.head and self.decoder and self.decoder.does(rows, where):
            hidden = self.decoder(ids, positions, rows, where)
            return head_losses(hidden, self.head, targets)
        if self.head is not None:
            body = base.get_decoder()
            if self.trimmed:
                more["learned"] = where
            output = body(input_ids=ids, position_ids=positions, use_cache=False, **more)
            hidden = output.last_hidden_state[0]
            if not self.trimmed:
                hidden = hidden.index_select(0, where)
            return head_losses(hidden, self.head, targets, self.can_record)
        output = base(
            input_ids=ids, position_ids=positions, use_cache=False, logits_to_keep=where, **more
        )
        logits = output.logits[0].float()
        return torch.nn.functional.cross_entropy(
            logits, targets, reduction="none", ignore_index=IGNORED
        )


def _on(device: torch.device, inputs: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """The tensors of *inputs* on *device*."""
    return {
        name: value.to(device, non_blocking=True)
        for name, value in inputs.items()
        if isinstance(value, torch.Tensor)
    }


def collate_fused(
    batch: Sequence[Mapping[str, Sequence[int]]], pads: bool = False
) -> dict[str, Any]:
    """As ``collate_packed``, with what the GPU would otherwise have to be waited for: ``learned``,
    the positions whose next token is learned, ``targets``, those tokens, ``count``, how many they
    are, ``bounds`` (rows + 1,), where the rows begin and end, ``longest`` of their lengths, and
    ``row_tokens``, their sum.

    With *pads* tokens, learned ones and the longest row are few sizes: what fills them up is one
    more row, and targets that are ignored.
    """
    inputs: dict[str, Any] = collate_packed(batch)
    lengths = [len(row["input_ids"]) for row in batch]
    tokens = sum(lengths)
    learned = torch.nonzero(inputs["labels"][0, 1:] != IGNORED).flatten()
    targets = inputs["labels"][0].index_select(0, learned + 1)
    inputs |= {"count": len(learned), "row_tokens": tokens}
    if pads:
        filling, more = padded(tokens) - tokens, padded(len(learned), 32) - len(learned)
        pad = torch.nn.functional.pad
        inputs["input_ids"] = pad(inputs["input_ids"], (0, filling))
        inputs["labels"] = pad(inputs["labels"], (0, filling), value=IGNORED)
        row = torch.arange(filling)[None]
        inputs["position_ids"] = torch.cat([inputs["position_ids"], row], dim=1)
        learned, targets = pad(learned, (0, more)), pad(targets, (0, more), value=IGNORED)
        lengths.append(filling)
    longest = max(lengths)
    inputs |= {"learned": learned, "targets": targets}
    inputs["longest"] = max(128, 1 << (longest - 1).bit_length()) if pads else longest
    inputs["bounds"] = torch.tensor([0, *lengths]).cumsum(0).to(torch.int32)
    return inputs


def fuse(model: Any) -> Fused:
    """Replace what can be replaced in a PEFT *model*, in place.

    Parts of unknown kinds stay as they are: a model of another family trains as before, slower.
    """
    from peft.tuners.lora.layer import LoraLayer

    base = model.get_base_model()
    copies = AdapterCopies()
    on_gpu = base.device.type == "cuda"
    kernels = on_gpu and has_kernels()
    laid_out = can_lay_out(_body_weights(base))
    head = _frozen_head(base, laid_out)
    norms = gpu_mlps = 0
    adapters = 0
    adapted: dict[Any, AdaptedLinear] = {}
    mlps: dict[Any, FrozenMlp] = {}
    turns = base.config.model_type in USUAL_ROTARY
    by_rows = None if on_gpu else _use_row_attention(base)
    for name, module in base.named_modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            # bitsandbytes packs the weights for answering, without a gradient, where a model is
            # evaluated on such a processor, and does not unpack them for the next step.
            module.support_avx512bf16_for_cpu = False
        for group in [] if on_gpu else fuse_groups(module, copies, laid_out):
            adapted.update(dict.fromkeys(group.layers, group))
        if isinstance(module, LoraLayer):
            adapters += 1
            linear = adapted.get(module) or fuse_linear(module, copies, laid_out)
            if linear is not None:
                adapted[module] = linear
        elif name.endswith(".mlp") and on_gpu:
            gpu_mlps += kernels and fuse_mlp(module)
        elif name.endswith(".mlp"):
            mlp = fuse_frozen_mlp(module, laid_out)
            if mlp is not None:
                mlps[module] = mlp
        elif name.endswith(".self_attn"):
            _ = kernels and fuse_attention(module)
        else:
            norms += fuse_norm(module)
    if kernels or (not on_gpu and turns):
        fuse_rotary(base)
    trimmed = head is not None and not on_gpu and trim_last_layer(base)
    attends = _use_packed_attention(base) if on_gpu else by_rows
    frozen = [linear.frozen for linear in dict.fromkeys(adapted.values())]
    frozen += [part for mlp in mlps.values() for part in (mlp.gate, mlp.up, mlp.down)]
    return Fused(
        model=model,
        copies=copies,
        linear=len(adapted),
        norms=norms,
        mlps=gpu_mlps + len(mlps),
        attention=attends,
        head=head,
        trimmed=trimmed,
        decoder=decoder_of(base, adapted, mlps) if trimmed and by_rows and turns else None,
        can_record=bool(on_gpu and attends and len(adapted) == adapters and can_record(base)),
        frozen=[*frozen, head] if head is not None else frozen,
    )


def _body_weights(base: Any) -> list[torch.Tensor]:
    """The frozen matrices of the layers: all linear ones but the head and the adapters."""
    return [
        module.weight
        for module in base.get_decoder().modules()
        if type(module) is torch.nn.Linear and not module.weight.requires_grad
    ]


def _use_packed_attention(base: Any) -> str | None:
    """Switch the attention over, on a GPU that can do it in the model's number format."""
    if base.dtype not in (torch.bfloat16, torch.float16) or not _is_plain_attention(base):
        return None
    # Flash attention needs an Ampere card or a newer one.
    if torch.cuda.get_device_capability(base.device) < (8, 0) or not attention.register():
        return None
    base.config._attn_implementation = attention.NAME
    return attention.NAME


def _use_row_attention(base: Any) -> str | None:
    """Switch the attention over to rows on a CPU."""
    if not _is_plain_attention(base):
        return None
    row_attention.register()
    base.config._attn_implementation = row_attention.NAME
    return row_attention.NAME


def _is_plain_attention(base: Any) -> bool:
    """Whether the attention is a softmax over scaled products and nothing more."""
    dropped = getattr(base.config, "attention_dropout", 0.0)
    return not dropped and not getattr(base.config, "attn_logit_softcapping", None)


def _frozen_head(base: Any, laid_out: bool) -> Frozen | None:
    """The head where the logits are its product and nothing more, laid out like the layers."""
    head = base.get_output_embeddings()
    plain = type(head) is torch.nn.Linear and head.bias is None and not head.weight.requires_grad
    settings = any(
        getattr(base.config, name, None) not in (None, 1, 1.0) for name in _LOGIT_SETTINGS
    )
    if not plain or settings or base.get_decoder() is base:
        return None
    return Frozen(head.weight, laid_out and can_lay_out([head.weight]))
