"""Layers that read the same input, computed as one: queries, keys and values, or gate and up.

A small model's products are too small for a CPU to be fast at, an adapter's even more.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MethodType
from typing import Any

import torch

from phi3studio.worker.training.fused.frozen_weights import packing_of
from phi3studio.worker.training.fused.lora import AdaptedLinear, Adapter, AdapterCopies, adapter_of

_GROUPS = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"))

_MOST_RANK = 128
"""Of all adapters of a group together: a wider diagonal is mostly products with zero."""


class _Group:
    """The layers of one group; whichever is called first computes for all."""

    def __init__(self, linear: AdaptedLinear) -> None:
        self._linear = linear
        self._plain = [layer.forward for layer in linear.layers]
        self._input: torch.Tensor | None = None
        self._outputs: dict[int, torch.Tensor] = {}

    def __call__(self, number: int, x: torch.Tensor) -> torch.Tensor:
        if self._linear.is_plain:
            plain: torch.Tensor = self._plain[number](x)
            return plain
        if self._input is not x or number not in self._outputs:
            self._compute(x)
        output = self._outputs.pop(number)
        if not self._outputs:
            self._input = None
        return output

    def _compute(self, x: torch.Tensor) -> None:
        outputs = self._linear(x.reshape(-1, x.shape[-1]))
        self._input = x
        self._outputs = {
            number: output.view(*x.shape[:-1], output.shape[-1])
            for number, output in enumerate(outputs)
        }


def fuse_groups(module: Any, copies: AdapterCopies, laid_out: bool = False) -> list[AdaptedLinear]:
    """Join the groups of adapted layers that *module* has."""
    found: list[AdaptedLinear] = []
    for names in _GROUPS:
        layers: list[Any] = [getattr(module, name, None) for name in names]
        adapters = _adapters(layers)
        if adapters is None:
            continue
        linear = AdaptedLinear(layers, adapters, copies, laid_out)
        group = _Group(linear)
        for number, layer in enumerate(layers):

            def forward(self: Any, x: torch.Tensor, at: int = number, all_: Any = group) -> Any:
                return all_(at, x)

            layer.forward = MethodType(forward, layer)
        found.append(linear)
    return found


def _adapters(layers: Sequence[Any]) -> list[Adapter] | None:
    """The adapters of *layers*; ``None`` where these cannot be computed as one."""
    found = [adapter_of(layer) for layer in layers if layer is not None]
    adapters = [adapter for adapter in found if adapter is not None]
    if len(adapters) != len(layers):
        return None
    bases = [layer.base_layer for layer in layers]
    if any(packing_of(base.weight) for base in bases):
        return None
    kinds = {
        (base.bias is None, base.weight.dtype, adapter.scale, adapter.dropout)
        for base, adapter in zip(bases, adapters, strict=True)
    }
    total = sum(adapter.a.shape[0] for adapter in adapters)
    return adapters if len(kinds) == 1 and total <= _MOST_RANK else None
