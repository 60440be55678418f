"""Layers that read the same input, computed as one: queries, keys and values, or gate and up.

A small model's products are too small for a CPU to be fast at, an adapter's even more. The base
weights become views of one matrix, the adapters' A stand one above the other and their B along a
diagonal, and all of them drop the same values of the input.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MethodType
from typing import Any

import torch
import torch.nn.functional as functional

from phi3studio.worker.training.fused.dropout import keep_mask
from phi3studio.worker.training.fused.lora import (
    AdapterCopies,
    adapter_of,
    input_gradient,
    product,
)

GROUPS = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"))

_MOST_RANK = 128
"""Of all adapters of a group together: a wider diagonal is mostly products with zero."""


class _JoinedLora(torch.autograd.Function):
    """As ``_LoraLinear`` for several layers: their outputs, each (tokens, out).

    *parameters* are the float32 A and B of each layer in turn, which the sums use the copies of.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        a: torch.Tensor,
        b: torch.Tensor,
        scale: float,
        keep: torch.Tensor | None,
        widths: tuple[int, ...],
        ranks: tuple[int, ...],
        *parameters: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        y = functional.linear(x, weight, bias)
        if keep is not None:
            x = torch.where(keep, x, 0.0)
        inner = x @ a.T
        y.addmm_(inner, b.T, alpha=scale)
        ctx.save_for_backward(x, weight, inner, a, b, keep)
        ctx.scale, ctx.widths, ctx.ranks = scale, widths, ranks
        return torch.split(y, list(widths), dim=1)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        x, weight, inner, a, b, keep = ctx.saved_tensors
        dy = torch.cat(gradients, dim=1)
        d_inner = (dy @ b).mul_(ctx.scale)
        dx = input_gradient(dy, weight, d_inner, a, keep) if ctx.needs_input_grad[0] else None
        das = torch.split(product(d_inner.T, x), ctx.ranks)
        db = product(dy.T, inner).mul_(ctx.scale)
        found: list[torch.Tensor] = []
        row = column = 0
        for da, width, rank in zip(das, ctx.widths, ctx.ranks, strict=True):
            found += (da, db[row : row + width, column : column + rank])
            row, column = row + width, column + rank
        return dx, *(None,) * 8, *found


class _Group:
    """The layers of one group; whichever is called first computes for all."""

    def __init__(self, layers: Sequence[Any], copies: AdapterCopies) -> None:
        self._plain = [layer.forward for layer in layers]
        self._layers = tuple(layers)
        self._input: torch.Tensor | None = None
        self._outputs: dict[int, torch.Tensor] = {}
        bases = [layer.base_layer for layer in layers]
        adapters = [adapter_of(layer) for layer in layers]
        first = adapters[0]
        assert first is not None
        self._scale, self._dropped = first.scale, first.dropout
        self._widths = tuple(base.out_features for base in bases)
        self._ranks = tuple(adapter.a.shape[0] for adapter in adapters if adapter)
        self._parameters = tuple(
            parameter for adapter in adapters if adapter for parameter in (adapter.a, adapter.b)
        )
        with torch.no_grad():
            self._weight = torch.cat([base.weight for base in bases])
            biased = bases[0].bias is not None
            self._bias = torch.cat([base.bias for base in bases]) if biased else None
            for base, part in zip(
                bases, torch.split(self._weight, list(self._widths)), strict=True
            ):
                base.weight.data = part
        kind = self._weight.dtype
        self._a = torch.zeros(sum(self._ranks), bases[0].in_features, dtype=kind)
        self._b = torch.zeros(sum(self._widths), sum(self._ranks), dtype=kind)
        row = column = 0
        for adapter, width, rank in zip(adapters, self._widths, self._ranks, strict=True):
            assert adapter is not None
            copies.keep(adapter.a, self._a[column : column + rank])
            copies.keep(adapter.b, self._b[row : row + width, column : column + rank])
            row, column = row + width, column + rank

    def __call__(self, number: int, x: torch.Tensor) -> torch.Tensor:
        layer = self._layers[number]
        if layer.disable_adapters or layer.merged or not torch.is_grad_enabled():
            plain: torch.Tensor = self._plain[number](x)
            return plain
        if self._input is not x or number not in self._outputs:
            self._compute(x, layer.training)
        output = self._outputs.pop(number)
        if not self._outputs:
            self._input = None
        return output

    def _compute(self, x: torch.Tensor, training: bool) -> None:
        flat, keep, scale = x.reshape(-1, x.shape[-1]), None, self._scale
        if self._dropped and training:
            keep, scale = keep_mask(flat, self._dropped), scale / (1.0 - self._dropped)
        outputs = _JoinedLora.apply(  # type: ignore[no-untyped-call]
            flat,
            self._weight,
            self._bias,
            self._a,
            self._b,
            scale,
            keep,
            self._widths,
            self._ranks,
            *self._parameters,
        )
        self._input = x
        self._outputs = {
            number: output.view(*x.shape[:-1], output.shape[-1])
            for number, output in enumerate(outputs)
        }


def fuse_groups(module: Any, copies: AdapterCopies) -> list[Any]:
    """Join the groups of adapted layers that *module* has; the layers that were joined."""
    joined: list[Any] = []
    for names in GROUPS:
        layers: list[Any] = [getattr(module, name, None) for name in names]
        if not _go_together(layers):
            continue
        group = _Group(layers, copies)
        for number, layer in enumerate(layers):

            def forward(self: Any, x: torch.Tensor, at: int = number, all_: Any = group) -> Any:
                return all_(at, x)

            layer.forward = MethodType(forward, layer)
        joined += layers
    return joined


def _go_together(layers: Sequence[Any]) -> bool:
    adapters = [adapter_of(layer) for layer in layers if layer is not None]
    if len(adapters) != len(layers) or None in adapters:
        return False
    kinds = {
        (
            layer.base_layer.bias is None,
            layer.base_layer.weight.dtype,
            adapter.scale,
            adapter.dropout,
        )
        for layer, adapter in zip(layers, adapters, strict=True)
        if adapter
    }
    total = sum(adapter.a.shape[0] for adapter in adapters if adapter)
    return len(kinds) == 1 and total <= _MOST_RANK
