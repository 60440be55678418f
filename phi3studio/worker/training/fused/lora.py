"""A linear layer with a LoRA adapter as one function with a backward pass of its own.

PEFT computes the adapter in float32 and keeps a float32 copy of the layer's input for the
backward pass. Here the products run in the layer's own number format with float32 sums, the
adapter's output is added inside the product, and only the input itself is kept, which
neighbouring layers share.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MethodType
from typing import Any

import torch
import torch.nn.functional as functional


class _LoraLinear(torch.autograd.Function):
    """``y = x Wᵀ + b + scale · (x Aᵀ) Bᵀ``.

    Shapes: x (tokens, in), W (out, in), A (rank, in), B (out, rank). W and b are frozen. A and B
    are the float32 parameters, of which the sums use the copies in x's format; their gradients
    are float32.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        a: torch.Tensor,
        b: torch.Tensor,
        a_copy: torch.Tensor,
        b_copy: torch.Tensor,
        scale: float,
    ) -> torch.Tensor:
        y = functional.linear(x, weight, bias)
        inner = x @ a_copy.T
        y.addmm_(inner, b_copy.T, alpha=scale)
        ctx.save_for_backward(x, weight, inner, a_copy, b_copy)
        ctx.scale = scale
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        x, weight, inner, a_copy, b_copy = ctx.saved_tensors
        (dy,) = gradients
        d_inner = (dy @ b_copy).mul_(ctx.scale)
        dx = None
        if ctx.needs_input_grad[0]:
            dx = dy @ weight
            dx.addmm_(d_inner, a_copy)
        da = _product(d_inner.T, x)
        db = _product(dy.T, inner).mul_(ctx.scale)
        return dx, None, None, da, db, None, None, None


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

    def add(self, parameter: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """A copy of *parameter* that :meth:`refresh` keeps up to date."""
        copy = parameter.detach().to(dtype, copy=True)
        self._parameters.append(parameter)
        self._copies.append(copy)
        return copy

    def refresh(self) -> None:
        """Take over what the optimiser changed."""
        if self._copies:
            with torch.no_grad():
                torch._foreach_copy_(self._copies, self._parameters)


def fuse_linear(layer: Any, copies: AdapterCopies) -> bool:
    """Replace the forward of one PEFT layer; ``False`` where it does something else as well."""
    from peft.tuners.lora.layer import Linear

    if type(layer) is not Linear or type(layer.base_layer) is not torch.nn.Linear:
        return False
    names: Sequence[str] = list(layer.lora_A)
    if len(names) != 1 or layer.lora_variant or layer.active_adapters != names:
        return False
    name = names[0]
    if getattr(layer.lora_dropout[name], "p", 0.0) or layer.lora_A[name].bias is not None:
        return False
    plain, base, scale = layer.forward, layer.base_layer, layer.scaling[name]
    a, b = layer.lora_A[name].weight, layer.lora_B[name].weight
    a_copy, b_copy = (copies.add(parameter, base.weight.dtype) for parameter in (a, b))

    def forward(self: Any, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        if args or kwargs or self.disable_adapters or self.merged or not torch.is_grad_enabled():
            result: torch.Tensor = plain(x, *args, **kwargs)
            return result
        y: torch.Tensor = _LoraLinear.apply(  # type: ignore[no-untyped-call]
            x.reshape(-1, x.shape[-1]), base.weight, base.bias, a, b, a_copy, b_copy, scale
        )
        return y.view(*x.shape[:-1], -1)

    layer.forward = MethodType(forward, layer)
    return True
