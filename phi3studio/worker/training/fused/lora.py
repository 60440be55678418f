"""A linear layer with a LoRA adapter as one function with a backward pass of its own.

PEFT computes the adapter in float32 and keeps a float32 copy of the layer's input for the
backward pass. Here the products run in the layer's own number format with float32 sums, the
adapter's output is added inside the product, and only the input itself is kept, which
neighbouring layers share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MethodType
from typing import Any

import torch

from phi3studio.worker.training.fused.dropout import add_dropped, draw_dropped, dropped
from phi3studio.worker.training.fused.frozen import Frozen, times


class _LoraLinear(torch.autograd.Function):
    """``y = x Wᵀ + b + scale · (drop(x) Aᵀ) Bᵀ``.

    Shapes: x (tokens, in), W (out, in), A (rank, in), B (out, rank). W and b are frozen. A and B
    are the float32 parameters, of which the sums use *matrices*, the copies in x's format; their
    gradients are float32.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: Frozen,
        bias: torch.Tensor | None,
        a: torch.Tensor,
        b: torch.Tensor,
        matrices: Matrices,
        drop: Dropping,
    ) -> torch.Tensor:
        y, kept = adapted(x, weight, bias, matrices, drop)
        ctx.save_for_backward(*kept)
        ctx.weight, ctx.scale = weight, drop.scale
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        dx, da, db = adapted_backward(
            gradients[0], ctx.saved_tensors, ctx.weight, ctx.scale, ctx.needs_input_grad[0]
        )
        return dx, None, None, da, db, None, None


Kept = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor | None]
"""For the gradients: x as it was after dropping, x Aᵀ, A, B turned over, and what was dropped."""


def adapted(
    x: torch.Tensor,
    weight: Frozen,
    bias: torch.Tensor | None,
    matrices: Matrices,
    drop: Dropping,
) -> tuple[torch.Tensor, Kept]:
    """A frozen layer's output with its adapter's added, and what the gradients take."""
    y = weight.ahead(x, bias)
    if drop.drawn is not None:
        x = dropped(x, drop.drawn)
    inner = times(x, matrices.a)
    y.addmm_(inner, matrices.b_turned, alpha=drop.scale)
    return y, (x, inner, matrices.a, matrices.b_turned, drop.drawn)


def adapted_backward(
    dy: torch.Tensor,
    kept: Kept,
    weight: Frozen,
    scale: float,
    wants_dx: bool,
) -> tuple[torch.Tensor | None, torch.Tensor, torch.Tensor]:
    """The gradients of x (``None`` where nobody wants it), A and B after :func:`adapted`, which
    gave *kept*."""
    x, inner, a, b_turned, drawn = kept
    d_inner = times(dy, b_turned).mul_(scale)
    dx = _input_gradient(dy, weight, d_inner, a, drawn) if wants_dx else None
    return dx, _product(d_inner.T, x), _product(dy.T, inner).mul_(scale)


def _input_gradient(
    dy: torch.Tensor,
    weight: Frozen,
    d_inner: torch.Tensor,
    a: torch.Tensor,
    drawn: torch.Tensor | None,
) -> torch.Tensor:
    dx = weight.back(dy)
    if drawn is None:
        return dx.addmm_(d_inner, a)
    return add_dropped(dx, d_inner @ a, drawn)


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
        self._parameters.append(parameter)
        self._copies.append(copy)
        return copy

    def refresh(self) -> None:
        """Take over what the optimiser changed."""
        if self._copies:
            with torch.no_grad():
                torch._foreach_copy_(self._copies, self._parameters)


@dataclass(frozen=True)
class Matrices:
    """Copies of A (rank, in) and of B turned over (rank, out) in the base's format: products are
    quicker with B lying that way."""

    a: torch.Tensor
    b_turned: torch.Tensor


@dataclass(frozen=True)
class Dropping:
    """Which values of an adapter's input are dropped (``None``: none), and its scale, which makes
    up for them."""

    drawn: torch.Tensor | None
    scale: float


@dataclass(frozen=True)
class Adapter:
    """A plain LoRA adapter: its parameters A (rank, in) and B (out, rank)."""

    a: torch.Tensor
    b: torch.Tensor
    scale: float
    dropout: float

    def dropping(self, x: torch.Tensor, training: bool) -> Dropping:
        """What is dropped of the input *x*."""
        if not self.dropout or not training:
            return Dropping(None, self.scale)
        return Dropping(draw_dropped(x, self.dropout), self.scale / (1.0 - self.dropout))


def adapter_of(layer: Any) -> Adapter | None:
    """The adapter of a PEFT *layer*; ``None`` where the layer does something else as well."""
    from peft.tuners.lora.layer import Linear

    if type(layer) is not Linear or type(layer.base_layer) is not torch.nn.Linear:
        return None
    names: Sequence[str] = list(layer.lora_A)
    if len(names) != 1 or layer.lora_variant or layer.active_adapters != names:
        return None
    a, b = layer.lora_A[names[0]], layer.lora_B[names[0]]
    if a.bias is not None or b.bias is not None:
        return None
    dropout = float(getattr(layer.lora_dropout[names[0]], "p", 0.0))
    return Adapter(a.weight, b.weight, layer.scaling[names[0]], dropout)


def fuse_linear(layer: Any, copies: AdapterCopies, laid_out: bool = False) -> bool:
    """Replace the forward of one PEFT layer; ``False`` where it does something else as well."""
    adapter = adapter_of(layer)
    if adapter is None:
        return False
    plain, base = layer.forward, layer.base_layer
    kind, weight = base.weight.dtype, Frozen(base.weight, laid_out)
    a = copies.keep(adapter.a, adapter.a.detach().to(kind, copy=True))
    turned = adapter.b.detach().T.to(kind).contiguous()
    copies.keep(adapter.b, turned.T)
    matrices = Matrices(a, turned)

    def forward(self: Any, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        if args or kwargs or self.disable_adapters or self.merged or not torch.is_grad_enabled():
            result: torch.Tensor = plain(x, *args, **kwargs)
            return result
        flat = x.reshape(-1, x.shape[-1])
        drop = adapter.dropping(flat, self.training)
        y: torch.Tensor = _LoraLinear.apply(  # type: ignore[no-untyped-call]
            flat, weight, base.bias, adapter.a, adapter.b, matrices, drop
        )
        return y.view(*x.shape[:-1], y.shape[-1])

    layer.forward = MethodType(forward, layer)
    return True
