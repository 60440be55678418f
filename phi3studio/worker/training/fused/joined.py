"""Layers that read the same input, computed as one: queries, keys and values, or gate and up.

A layer that has them as one already, as Phi-3's, is a group of one.

A small model's products are too small for a CPU to be fast at, an adapter's even more. The base
weights become views of one matrix, the adapters' A stand one above the other and their B along a
diagonal, and all of them drop the same values of the input.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import MethodType
from typing import Any

import torch

from phi3studio.worker.training.fused.frozen import Frozen
from phi3studio.worker.training.fused.lora import (
    Adapter,
    AdapterCopies,
    Dropping,
    Kept,
    Matrices,
    adapted,
    adapted_backward,
    adapter_of,
)

ATTENTION_GROUPS = (("q_proj", "k_proj", "v_proj"), ("qkv_proj",))
GROUPS = (*ATTENTION_GROUPS, ("gate_proj", "up_proj"))

_MOST_RANK = 128
"""Of all adapters of a group together: a wider diagonal is mostly products with zero."""


class _JoinedLora(torch.autograd.Function):
    """As ``_LoraLinear`` for several layers: their outputs, each (tokens, out).

    *parameters* are the float32 A and B of each layer in turn, which the sums use the copies of.
    """

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, group: Group, drop: Dropping, *parameters: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        y, kept = group.ahead(x, drop)
        ctx.save_for_backward(*kept)
        ctx.group, ctx.scale = group, drop.scale
        return torch.split(y, list(group.widths), dim=1)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        dy = torch.cat(gradients, dim=1)
        group: Group = ctx.group
        dx, found = group.back(dy, ctx.saved_tensors, ctx.scale, ctx.needs_input_grad[0])
        return dx, None, None, *found


def _diagonal(widths: Sequence[int], ranks: Sequence[int]) -> Iterator[tuple[slice, slice]]:
    """Where each layer's B stands in the joined one: its rows and columns."""
    row = column = 0
    for width, rank in zip(widths, ranks, strict=True):
        yield slice(row, row + width), slice(column, column + rank)
        row, column = row + width, column + rank


class Group:
    """The layers of one group; whichever is called first computes for all."""

    def __init__(
        self,
        names: tuple[str, ...],
        layers: Sequence[Any],
        adapters: Sequence[Adapter],
        copies: AdapterCopies,
        laid_out: bool,
    ) -> None:
        self._plain = [layer.forward for layer in layers]
        self.names, self.layers = names, tuple(layers)
        self._input: torch.Tensor | None = None
        self._outputs: dict[int, torch.Tensor] = {}
        bases = [layer.base_layer for layer in layers]
        self._first = adapters[0]
        self.widths = tuple(base.out_features for base in bases)
        self._ranks = tuple(adapter.a.shape[0] for adapter in adapters)
        self.parameters = tuple(
            parameter for adapter in adapters for parameter in (adapter.a, adapter.b)
        )
        with torch.no_grad():
            one = len(bases) == 1
            weight = bases[0].weight if one else torch.cat([base.weight for base in bases])
            biased = bases[0].bias is not None
            self._bias = torch.cat([base.bias for base in bases]) if biased else None
        if not one:
            parts = torch.split(weight, list(self.widths))
            for base, part in zip(bases, parts, strict=True):
                base.weight.data = part
        self._weight, kind = Frozen(weight, laid_out), weight.dtype
        rank, width = sum(self._ranks), sum(self.widths)
        matrices = self._matrices = Matrices(
            a=torch.zeros(rank, bases[0].in_features, dtype=kind),
            b_turned=torch.zeros(rank, width, dtype=kind),
        )
        for adapter, block in zip(adapters, _diagonal(self.widths, self._ranks), strict=True):
            copies.keep(adapter.a, matrices.a[block[1]])
            copies.keep(adapter.b, matrices.b_turned.T[block])

    @property
    def is_plain(self) -> bool:
        """Whether the layers have to do what they did: nothing is trained, or without adapters."""
        idle = any(layer.disable_adapters or layer.merged for layer in self.layers)
        return idle or not torch.is_grad_enabled()

    def dropping(self, x: torch.Tensor) -> Dropping:
        """What is dropped of the input *x* (tokens, in)."""
        return self._first.dropping(x, self.layers[0].training)

    def ahead(self, x: torch.Tensor, drop: Dropping) -> tuple[torch.Tensor, Kept]:
        """The outputs beside one another, (tokens, sum of the widths), and what :meth:`back`
        takes."""
        return adapted(x, self._weight, self._bias, self._matrices, drop)

    def back(
        self,
        dy: torch.Tensor,
        kept: Kept,
        scale: float,
        wants_dx: bool,
    ) -> tuple[torch.Tensor | None, list[torch.Tensor]]:
        """The gradients of x (``None`` where nobody wants it) and of :attr:`parameters`."""
        dx, joined, db = adapted_backward(dy, kept, self._weight, scale, wants_dx)
        das = torch.split(joined, list(self._ranks))
        found: list[torch.Tensor] = []
        for da, block in zip(das, _diagonal(self.widths, self._ranks), strict=True):
            found += (da, db[block])
        return dx, found

    def __call__(self, number: int, x: torch.Tensor) -> torch.Tensor:
        if self.is_plain:
            plain: torch.Tensor = self._plain[number](x)
            return plain
        if self._input is not x or number not in self._outputs:
            self._compute(x)
        output = self._outputs.pop(number)
        if not self._outputs:
            self._input = None
        return output

    def _compute(self, x: torch.Tensor) -> None:
        flat = x.reshape(-1, x.shape[-1])
        outputs = _JoinedLora.apply(flat, self, self.dropping(flat), *self.parameters)  # type: ignore[no-untyped-call]
        self._input = x
        self._outputs = {
            number: output.view(*x.shape[:-1], output.shape[-1])
            for number, output in enumerate(outputs)
        }


def fuse_groups(module: Any, copies: AdapterCopies, laid_out: bool = False) -> list[Group]:
    """Join the groups of adapted layers that *module* has."""
    groups: list[Group] = []
    for names in GROUPS:
        layers: list[Any] = [getattr(module, name, None) for name in names]
        adapters = _adapters(layers)
        if adapters is None:
            continue
        group = Group(names, layers, adapters, copies, laid_out)
        for number, layer in enumerate(layers):

            def forward(self: Any, x: torch.Tensor, at: int = number, all_: Any = group) -> Any:
                return all_(at, x)

            layer.forward = MethodType(forward, layer)
        groups.append(group)
    return groups


def _adapters(layers: Sequence[Any]) -> list[Adapter] | None:
    """The adapters of *layers*; ``None`` where these cannot be computed as one."""
    found = [adapter_of(layer) for layer in layers if layer is not None]
    adapters = [adapter for adapter in found if adapter is not None]
    if len(adapters) != len(layers):
        return None
    bases = [layer.base_layer for layer in layers]
    kinds = {
        (base.bias is None, base.weight.dtype, adapter.scale, adapter.dropout)
        for base, adapter in zip(bases, adapters, strict=True)
    }
    total = sum(adapter.a.shape[0] for adapter in adapters)
    return adapters if len(kinds) == 1 and total <= _MOST_RANK else None
