"""Norms, gated activations and rotary positions on a CPU: fewer passes, and less kept.

What autograd would keep of each step of these formulas is computed again in the backward pass:
for tensors that fit the cache that is quicker than writing and reading them.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as functional

from phi3studio.worker.training.fused.frozen_weights import Frozen


class RmsNorm(torch.autograd.Function):
    """``w · x / √(mean(x²) + ε)``, rounded to x's format before the weight, which is frozen.

    Shapes: x (…, size), not empty; w (size,). PyTorch has no such kernel for a CPU, but one that
    scales rows to a given length: with a last column of √(size · ε) behind x, scaled to √size, it
    is the norm. Its gradient's kernel takes the lengths and so needs no column.
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, epsilon: float) -> torch.Tensor:
        rows = x.reshape(-1, x.shape[-1])
        y, lengths = normed(rows, weight, epsilon)
        ctx.save_for_backward(rows, weight, lengths)
        ctx.epsilon = epsilon
        return y.view(x.shape)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        rows, weight, lengths = ctx.saved_tensors
        dy = gradients[0].reshape(rows.shape)
        dx = normed_backward(dy, rows, weight, lengths, ctx.epsilon)
        return dx.view(gradients[0].shape), None, None


def normed(
    x: torch.Tensor, weight: torch.Tensor, epsilon: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """What :class:`RmsNorm` says of x (tokens, size), and each token's length for its gradient."""
    tokens, size = x.shape
    padded, inside, length, more = _norm_setting(tokens, size, epsilon, x.dtype)
    inside.copy_(x)
    scaled, lengths = torch.ops.aten._weight_norm_interface(padded, length, 0)
    return _times(scaled[:, :size], weight, more), lengths


def normed_backward(
    dy: torch.Tensor,
    x: torch.Tensor,
    weight: torch.Tensor,
    lengths: torch.Tensor,
    epsilon: float,
) -> torch.Tensor:
    """The gradient of x after :func:`normed`, which gave *lengths*."""
    _, _, length, more = _norm_setting(*x.shape, epsilon, x.dtype)
    dscaled = _times(dy, weight, more)
    dx: torch.Tensor
    dx, _ = torch.ops.aten._weight_norm_interface_backward(dscaled, x, length, lengths, 0)
    return dx


_PADDING = 16  # columns, so that rows stay aligned; two are used
_EXACT = 2e-4
"""How far √size may be off in 16 bits before the weight has to make up for it."""


@functools.lru_cache(maxsize=4)  # norms of the layers, of queries, of keys, and of the learned
def _norm_setting(
    rows: int, size: int, epsilon: float, dtype: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, float]:
    """x with the columns behind it, where x is to be copied, the length for each row, and what the
    length lacks to √size."""
    padded = torch.zeros(rows, size + _PADDING, dtype=dtype)
    # Two squares come nearer to size · ε than one: the second makes up for the first's rounding.
    wanted = size * epsilon
    padded[:, size] = 0.99 * wanted**0.5
    padded[:, size + 1] = max(wanted - float(padded[0, size]) ** 2, 0.0) ** 0.5
    length = torch.full((rows, 1), size**0.5, dtype=dtype)
    more = size**0.5 / float(torch.tensor(size**0.5, dtype=dtype))
    return padded, padded[:, :size], length, more if abs(more - 1.0) > _EXACT else 1.0


def _times(x: torch.Tensor, weight: torch.Tensor, more: float) -> torch.Tensor:
    """``x · w · more`` in x's format, rounded once."""
    if more == 1.0:
        return x * weight
    return torch.mul(x, weight.float() * more, out=torch.empty(x.shape, dtype=x.dtype))


class Rotate(torch.autograd.Function):
    """Rotary positions. Shapes: x (tokens, heads, size), cos and sin (tokens, turned), the halves
    of which are equal; dimensions beyond *turned* stay as they are."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        cos, sin = cos[:, None], signed(sin)[:, None]
        ctx.save_for_backward(cos, sin)
        return turn(x.clone(memory_format=torch.contiguous_format), cos, sin)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        cos, sin = ctx.saved_tensors
        dx = gradients[0].clone(memory_format=torch.contiguous_format)
        return turn(dx, cos, sin, back=True), None, None


def signed(sin: torch.Tensor) -> torch.Tensor:
    """*sin* (tokens, turned) with the first half negative, as :func:`turn` takes it."""
    half = sin.shape[-1] // 2
    return torch.cat((-sin[:, :half], sin[:, half:]), dim=-1)


def turn(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, back: bool = False) -> torch.Tensor:
    """Turn *x* (tokens, heads, size) in place, or *back*. Shapes: cos and sin (tokens, 1, turned),
    the halves of cos equal and those of sin opposite."""
    turned = cos.shape[-1]
    part = x if turned == x.shape[-1] else x[..., :turned]
    rolled = part.roll(turned // 2, -1)
    part.mul_(cos).addcmul_(rolled, sin, value=-1.0 if back else 1.0)
    return x


class GatedMlp(torch.autograd.Function):
    """:class:`FrozenMlp` by itself."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, mlp: FrozenMlp) -> torch.Tensor:
        y, kept = mlp.ahead(x)
        ctx.save_for_backward(*kept)
        ctx.mlp = mlp
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        return ctx.mlp.back(gradients[0], ctx.saved_tensors), None


@dataclass(frozen=True)
class FrozenMlp:
    """``(silu(x Gᵀ) · x Uᵀ) Dᵀ`` of frozen matrices. Shapes: x (tokens, size), G and U (inner,
    size), D (size, inner)."""

    gate: Frozen
    up: Frozen
    down: Frozen

    def ahead(
        self, x: torch.Tensor, more: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, Activated]:
        """The result, added to *more*, and what :meth:`back` takes: not x or what goes into D."""
        g, u = self.gate.ahead(x), self.up.ahead(x)
        product, kept = activated(g, u)
        return self.down.ahead(product, more=more), kept

    def back(self, dy: torch.Tensor, kept: Activated) -> torch.Tensor:
        """The gradient of x; overwrites what was *kept*: memory that the cache has already."""
        dproduct = self.down.back(dy)
        dg, _, du = kept
        activated_backward(dproduct, kept, dg, du)
        return self.gate.back(dg, self.up.back(du))


Activated = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Gate, up and the activation of gate."""


def activated(g: torch.Tensor, u: torch.Tensor) -> tuple[torch.Tensor, Activated]:
    """``silu(g) · u``, and what its gradient takes."""
    active = functional.silu(g)
    return active * u, (g, u, active)


def activated_backward(
    dproduct: torch.Tensor, kept: Activated, dg: torch.Tensor, du: torch.Tensor
) -> None:
    """Fill *dg* and *du*, the gradients after :func:`activated`, which may be gate and its
    activation; overwrites *dproduct*."""
    g, u, active = kept
    torch.mul(active, dproduct, out=du)
    torch.ops.aten.silu_backward.grad_input(dproduct.mul_(u), g, grad_input=dg)
