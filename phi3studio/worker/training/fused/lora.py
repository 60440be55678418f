"""Linear layers with LoRA adapters as one function with a backward pass of its own.

PEFT computes the adapter in float32 and keeps a float32 copy of the layer's input for the
backward pass. Here the products run in the layer's own number format with float32 sums, the
adapter's output is added inside the product, and only the input itself is kept, which
neighbouring layers share.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import MethodType
from typing import Any, NamedTuple

import torch

from phi3studio.worker.training.fused.dropout import draw_dropped, drop_, dropped
from phi3studio.worker.training.fused.frozen_weights import Frozen, packing_of, times


class _Adapted(torch.autograd.Function):
    """:class:`AdaptedLinear` by itself: the output of each of its layers, (tokens, out).

    *parameters* are the float32 A and B of each layer in turn, which the sums use the copies of;
    their gradients are float32.
    """

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, linear: AdaptedLinear, *parameters: torch.Tensor
    ) -> torch.Tensor | tuple[torch.Tensor, ...]:
        drawn = draw_dropped(x, linear.dropout) if linear.dropout else None
        y, kept = linear.ahead(x, drawn, keeps_x=True)
        ctx.save_for_backward(*kept[:3])
        ctx.linear, ctx.scale = linear, kept.scale
        return y if len(linear.widths) == 1 else torch.split(y, list(linear.widths), dim=1)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        dy = gradients[0] if len(gradients) == 1 else torch.cat(gradients, dim=1)
        linear: AdaptedLinear = ctx.linear
        x, inner, drawn = ctx.saved_tensors
        kept = Kept(x, inner, drawn, ctx.scale)
        dx, factors = linear.back(dy, kept, ctx.needs_input_grad[0])
        return dx, None, *linear.gradients(factors)


class Kept(NamedTuple):
    """What the gradients take: x as it was after dropping, x Aᵀ, what was dropped, the scale."""

    x: torch.Tensor
    inner: torch.Tensor
    drawn: torch.Tensor | None
    scale: float


class Factors(NamedTuple):
    """What the gradients of A and B are products of. Shapes: x (tokens, in), inner and d_inner
    (tokens, rank), dy (tokens, out)."""

    x: torch.Tensor
    inner: torch.Tensor
    dy: torch.Tensor
    d_inner: torch.Tensor
    scale: float


class AdaptedLinear:
    """``y = x Wᵀ + b + scale · (drop(x) Aᵀ) Bᵀ`` of one PEFT layer, or of several that read the
    same input.

    Shapes: x (tokens, in), W (out, in), A (rank, in), B (out, rank). W and b are frozen. Of several
    layers the base weights become views of one matrix, the adapters' A stand one above the other
    and their B along a diagonal, and all of them drop the same values of the input.
    """

    def __init__(
        self,
        layers: Sequence[Any],
        adapters: Sequence[Adapter],
        copies: AdapterCopies,
        laid_out: bool = False,
    ) -> None:
        self.layers = tuple(layers)
        bases = [layer.base_layer for layer in layers]
        self._first = adapters[0]
        self.widths = tuple(base.out_features for base in bases)
        self._ranks = tuple(adapter.a.shape[0] for adapter in adapters)
        self.parameters = tuple(
            parameter for adapter in adapters for parameter in (adapter.a, adapter.b)
        )
        one = len(bases) == 1
        with torch.no_grad():
            weight = bases[0].weight if one else torch.cat([base.weight for base in bases])
            biased = bases[0].bias is not None and not one
            self._bias = torch.cat([base.bias for base in bases]) if biased else bases[0].bias
        if not one:
            parts = torch.split(weight, list(self.widths))
            for base, part in zip(bases, parts, strict=True):
                base.weight.data = part
        self._weight = Frozen(weight, laid_out)
        rank, width = sum(self._ranks), sum(self.widths)
        like: dict[str, Any] = {"dtype": self._weight.dtype, "device": weight.device}
        self._a = torch.zeros(rank, bases[0].in_features, **like)
        # Products are quicker with B lying the other way.
        self._b_turned = torch.zeros(rank, width, **like)
        for adapter, (rows, columns) in zip(adapters, self._blocks, strict=True):
            copies.keep(adapter.a, self._a[columns])
            copies.keep(adapter.b, self._b_turned.T[rows, columns])

    @property
    def frozen(self) -> Frozen:
        """W."""
        return self._weight

    @property
    def kind(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Layers of equal kinds, inputs and scales can have their gradients taken at once."""
        return self.widths, self._ranks

    @property
    def is_plain(self) -> bool:
        """Whether the layers have to do what they did: nothing is trained, or without adapters."""
        idle = any(layer.disable_adapters or layer.merged for layer in self.layers)
        return idle or not torch.is_grad_enabled()

    @property
    def in_features(self) -> int:
        """The size of the input."""
        return self._a.shape[1]

    @property
    def dropout(self) -> float:
        """The share of the adapters' input that is dropped at the moment."""
        return self._first.dropout if self.layers[0].training else 0.0

    @property
    def _blocks(self) -> Iterator[tuple[slice, slice]]:
        """Where each layer's B stands in the joined one: its rows and columns."""
        row = column = 0
        for width, rank in zip(self.widths, self._ranks, strict=True):
            yield slice(row, row + width), slice(column, column + rank)
            row, column = row + width, column + rank

    def __call__(self, x: torch.Tensor) -> Any:
        """The output (tokens, out) with a gradient, or those of several layers."""
        return _Adapted.apply(x, self, *self.parameters)  # type: ignore[no-untyped-call]

    def ahead(
        self,
        x: torch.Tensor,
        drawn: torch.Tensor | None,
        more: torch.Tensor | None = None,
        keeps_x: bool = False,
    ) -> tuple[torch.Tensor, Kept]:
        """The outputs side by side (tokens, sum of out), added to *more*, and what
        :meth:`back` takes. The adapters see x without what is *drawn*
        (:func:`~phi3studio.worker.training.fused.dropout.draw_dropped`). May overwrite *x*
        unless *keeps_x*."""
        y = self._weight.ahead(x, self._bias, more)
        scale = self._first.scale
        if drawn is not None:
            x = dropped(x, drawn) if keeps_x else drop_(x, drawn)
            scale /= 1.0 - self._first.dropout
        inner = times(x, self._a)
        y.addmm_(inner, self._b_turned, alpha=scale)
        return y, Kept(x, inner, drawn, scale)

    def back(
        self, dy: torch.Tensor, kept: Kept, wants_dx: bool = True
    ) -> tuple[torch.Tensor | None, Factors]:
        """The gradient of x (``None`` where nobody wants it), and what those of
        :attr:`parameters` are made of."""
        d_inner = times(dy, self._b_turned).mul_(kept.scale)
        factors = Factors(kept.x, kept.inner, dy, d_inner, kept.scale)
        if not wants_dx:
            return None, factors
        dx = d_inner @ self._a
        if kept.drawn is not None:
            dx = drop_(dx, kept.drawn)
        return self._weight.back(dy, dx), factors

    def gradients(self, factors: Factors) -> list[torch.Tensor]:
        """Those of :attr:`parameters`."""
        da = _product(factors.d_inner.T, factors.x)
        db = _product(factors.dy.T, factors.inner).mul_(factors.scale)
        found: list[torch.Tensor] = []
        for rows, columns in self._blocks:
            found += (da[columns], db[rows, columns])
        return found

    def gradients_of_many(self, factors: Sequence[Factors]) -> list[list[torch.Tensor]]:
        """As :meth:`gradients`, for layers of equal shapes and scales at once, on a CPU."""
        x, inner, dy, d_inner = (
            torch.stack(parts) for parts in list(zip(*factors, strict=True))[:-1]
        )
        das = torch.bmm(d_inner.mT, x).float()
        found: list[list[torch.Tensor]] = [[] for _ in factors]
        for rows, columns in self._blocks:
            products = torch.bmm(dy[:, :, rows].mT, inner[:, :, columns]).float()
            dbs = products.mul_(factors[0].scale)
            for gradients, da, db in zip(found, das, dbs, strict=True):
                gradients += (da[columns], db)
        return found


def _product(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """A matrix product whose result is float32, without rounding in between where possible."""
    if left.is_cuda and left.dtype != torch.float32:
        return torch.mm(left, right, out_dtype=torch.float32)
    return (left @ right).float()


class AdapterCopies:
    """The adapters' matrices in the base weights' format, brought up to date once a step.

    One call for all of them: converting each where it is used takes two launches a layer.
    """

    def __init__(self) -> None:
        self._parameters: list[torch.Tensor] = []
        self._copies: list[torch.Tensor] = []

    def keep(self, parameter: torch.Tensor, copy: torch.Tensor) -> torch.Tensor:
        """*copy*, which :meth:`refresh` keeps equal to *parameter*."""
        with torch.no_grad():
            copy.copy_(parameter)
        self._parameters.append(parameter)
        self._copies.append(copy)
        return copy

    def refresh(self) -> None:
        """Take over what the optimiser changed."""
        if self._copies:
            with torch.no_grad():
                torch._foreach_copy_(self._copies, self._parameters)


@dataclass(frozen=True)
class Adapter:
    """A plain LoRA adapter: its parameters A (rank, in) and B (out, rank)."""

    a: torch.Tensor
    b: torch.Tensor
    scale: float
    dropout: float


def adapter_of(layer: Any) -> Adapter | None:
    """The adapter of a PEFT *layer*; ``None`` where the layer does something else as well."""
    from peft.tuners.lora.layer import Linear

    plain = type(layer) is Linear and type(layer.base_layer) is torch.nn.Linear
    if not plain and not _is_in_4_bits(layer):
        return None
    names: Sequence[str] = list(layer.lora_A)
    if len(names) != 1 or layer.lora_variant or layer.active_adapters != names:
        return None
    a, b = layer.lora_A[names[0]], layer.lora_B[names[0]]
    if a.bias is not None or b.bias is not None:
        return None
    dropout = float(getattr(layer.lora_dropout[names[0]], "p", 0.0))
    return Adapter(a.weight, b.weight, layer.scaling[names[0]], dropout)


def _is_in_4_bits(layer: Any) -> bool:
    """Whether a PEFT *layer* adapts a bitsandbytes layer that computes in the format of what it was
    packed from."""
    base: Any = getattr(layer, "base_layer", None)
    if not type(layer).__name__ == type(base).__name__ == "Linear4bit":
        return False
    packing = packing_of(base.weight)
    return packing is not None and bool(base.compute_dtype == packing.dtype)


def fuse_linear(layer: Any, copies: AdapterCopies, laid_out: bool = False) -> AdaptedLinear | None:
    """Replace the forward of one PEFT layer; ``None`` where it does something else as well."""
    adapter = adapter_of(layer)
    if adapter is None:
        return None
    plain, linear = layer.forward, AdaptedLinear([layer], [adapter], copies, laid_out)

    def forward(self: Any, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        if args or kwargs or linear.is_plain:
            result: torch.Tensor = plain(x, *args, **kwargs)
            return result
        y: torch.Tensor = linear(x.reshape(-1, x.shape[-1]))
        return y.view(*x.shape[:-1], y.shape[-1])

    layer.forward = MethodType(forward, layer)
    return linear
