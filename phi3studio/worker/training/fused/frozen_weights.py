"""Frozen matrices: unpacked for each product where in 4 bits, else laid out as a CPU wants them.

oneDNN rearranges a matrix for every product with it, which for the few hundred tokens of a step
is a tenth of the product. A small model's matrices are kept in that layout instead, once for each
direction; a large one's would take too much memory, and its batches gain less.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

import torch
import torch.nn.functional as functional

from phi3studio.domain.estimation.estimate import LAID_OUT_MOST_BYTES

_USUAL_TOKENS = 256


class Frozen:
    """A matrix W (out, in) that nobody trains, for ``x Wᵀ`` and, backwards, ``dy W``.

    *weight* is W itself, or W in 4 bits as bitsandbytes keeps it.
    """

    def __init__(self, weight: torch.Tensor, laid_out: bool = False) -> None:
        self._weight = weight
        self._packed = _without_second_packing(packing_of(weight))
        self._laid_out = laid_out
        self._ahead: torch.Tensor | None = None
        self._back: torch.Tensor | None = None
        self.renew()

    def renew(self) -> None:
        """Take over a W that was changed in place."""
        if self._laid_out:
            with torch.no_grad():
                self._ahead = _lay_out(self._weight.detach())
                self._back = _lay_out(self._weight.detach().T.contiguous())

    @property
    def weight(self) -> torch.Tensor:
        """W in the number format of the products."""
        if self._packed is None:
            return self._weight
        from bitsandbytes.functional import dequantize_4bit

        unpacked: torch.Tensor = dequantize_4bit(self._weight.data, self._packed)
        return unpacked

    @property
    def dtype(self) -> torch.dtype:
        """The number format of the products."""
        return self._weight.dtype if self._packed is None else self._packed.dtype

    def ahead(
        self,
        x: torch.Tensor,
        bias: torch.Tensor | None = None,
        more: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """``x Wᵀ + bias + more``. Shapes: x (tokens, in), more (tokens, out)."""
        if self._ahead is None:
            y = functional.linear(x, self.weight, bias)
            return y if more is None else y.add_(more)
        return _linear(x, self._ahead, bias, more)

    def back(self, dy: torch.Tensor, more: torch.Tensor | None = None) -> torch.Tensor:
        """``dy W``, added to *more*, which may be overwritten. Shapes: dy (tokens, out)."""
        if self._back is None:
            return dy @ self.weight if more is None else more.addmm_(dy, self.weight)
        return _linear(dy, self._back, None, more)


def packing_of(weight: torch.Tensor) -> Any | None:
    """How bitsandbytes packed *weight* into 4 bits (its ``QuantState``); ``None``: it did not."""
    return getattr(weight, "quant_state", None)


def _without_second_packing(packing: Any | None) -> Any | None:
    """*packing* with its scales as numbers, where these are packed in turn: a sixteenth of a byte
    for each weight, for one launch instead of three at each product."""
    if packing is None or not packing.nested:
        return packing
    from bitsandbytes.functional import QuantState, dequantize_blockwise

    return QuantState(  # type: ignore[no-untyped-call]
        absmax=dequantize_blockwise(packing.absmax, packing.state2) + packing.offset,
        shape=packing.shape,
        code=packing.code,
        blocksize=packing.blocksize,
        quant_type=packing.quant_type,
        dtype=packing.dtype,
    )


def can_lay_out(weights: Iterable[torch.Tensor]) -> bool:
    """Whether both layouts of *weights* are worth their memory, and this PyTorch has them."""
    found = list(weights)
    if not found or any(w.is_cuda or w.dtype != torch.bfloat16 for w in found):
        return False
    if 2 * sum(w.numel() * w.element_size() for w in found) > LAID_OUT_MOST_BYTES:
        return False
    return _has_products()


def times(x: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    """``x matrixᵀ`` of a small matrix that changes. Shapes: x (tokens, in), matrix (out, in).

    In 16 bits through the function that the frozen matrices use: for a few hundred tokens it
    begins sooner than PyTorch's general product.
    """
    if x.dtype == torch.bfloat16 and not x.is_cuda and _has_products():
        return _linear(x, matrix)
    return x @ matrix.T


@functools.cache
def _has_products() -> bool:
    """Whether this PyTorch has oneDNN's products, and this processor bfloat16 for them."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    if not hasattr(torch.ops.mkldnn, "_reorder_linear_weight"):
        return False
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _lay_out(weight: torch.Tensor) -> torch.Tensor:
    laid: torch.Tensor = torch.ops.mkldnn._reorder_linear_weight(weight, _USUAL_TOKENS)
    return laid


def _linear(
    x: torch.Tensor,
    laid: torch.Tensor,
    bias: torch.Tensor | None = None,
    more: torch.Tensor | None = None,
) -> torch.Tensor:
    product = torch.ops.mkldnn._linear_pointwise
    y: torch.Tensor = (
        product(x, laid, bias, "none", [], "")
        if more is None
        else product.binary(x, more, laid, bias, "add")
    )
    return y
