"""Norms, gated activations and rotary positions on a CPU: fewer passes, and less kept.

What autograd would keep of each step of these formulas is computed again in the backward pass:
for tensors that fit the cache that is quicker than writing and reading them.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as functional

from phi3studio.worker.training.fused.frozen import Frozen


class RmsNorm(torch.autograd.Function):
    """``w · x / rms(x)``, rounded to x's format before the weight, which is frozen.

    Shapes: x (…, size), w (size,).
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, epsilon: float) -> torch.Tensor:
        wide = x.float()
        inverse = torch.linalg.vector_norm(wide, dim=-1, keepdim=True)
        inverse.pow_(2).div_(x.shape[-1]).add_(epsilon).rsqrt_()
        ctx.save_for_backward(x, weight, inverse)
        normed: torch.Tensor = (wide * inverse).to(x.dtype)
        return normed.mul_(weight)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        x, weight, inverse = ctx.saved_tensors
        normed = x * inverse
        dnormed = (gradients[0] * weight).float()
        along = torch.linalg.vecdot(dnormed, normed).div_(x.shape[-1]).unsqueeze_(-1)
        dx = dnormed.addcmul_(normed, along, value=-1.0).mul_(inverse)
        return dx.to(x.dtype), None, None


class Rotate(torch.autograd.Function):
    """Rotary positions. Shapes: x (tokens, heads, size), cos and sin (tokens, turned), the halves
    of which are equal; dimensions beyond *turned* stay as they are."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(cos, sin)
        return _rotated(x, cos, sin)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        cos, sin = ctx.saved_tensors
        return _rotated(gradients[0], cos, -sin), None, None


def _rotated(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    turned = cos.shape[-1]
    half = turned // 2
    c, s = cos[:, None, :half], sin[:, None, :half]
    upper, lower = x[..., :half], x[..., half:turned]
    out = torch.empty(x.shape, dtype=x.dtype)
    torch.mul(upper, c, out=out[..., :half])
    out[..., :half].addcmul_(lower, s, value=-1.0)
    torch.mul(lower, c, out=out[..., half:turned])
    out[..., half:turned].addcmul_(upper, s)
    if turned < x.shape[-1]:
        out[..., turned:] = x[..., turned:]
    return out


class GatedMlp(torch.autograd.Function):
    """``(silu(x Gᵀ) · x Uᵀ) Dᵀ`` of frozen matrices. Shapes: x (tokens, size), G and U (inner,
    size), D (size, inner). Keeps the two products and the activation, not x or what goes into D."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, gate: Frozen, up: Frozen, down: Frozen) -> torch.Tensor:
        g, u = gate.ahead(x), up.ahead(x)
        active = functional.silu(g)
        ctx.save_for_backward(g, u, active)
        ctx.weights = gate, up, down
        return down.ahead(active * u)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        g, u, active = ctx.saved_tensors
        gate, up, down = ctx.weights
        inner = down.back(gradients[0])
        dx = up.back(active * inner)
        inner.mul_(u)
        dx = gate.back(torch.ops.aten.silu_backward(inner, g), dx)
        return dx, None, None, None
