"""Triton kernels: the gated product and the rotary positions, one pass over the memory each.

Triton reads the kernels' source and allows no annotations there but its own. Imported only where
Triton is there; see :mod:`phi3studio.worker.training.fused.elementwise`.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl

_BLOCK = 1024


@triton.jit  # type: ignore[untyped-decorator]
def _silu_product(  # type: ignore[no-untyped-def]
    gate,
    up,
    out,
    stride,
    width,
    BLOCK: tl.constexpr,  # noqa: N803
):
    row = tl.program_id(0).to(tl.int64)
    at = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = at < width
    g = tl.load(gate + row * stride + at, mask=inside, other=0.0).to(tl.float32)
    u = tl.load(up + row * stride + at, mask=inside, other=0.0).to(tl.float32)
    value = g * tl.sigmoid(g) * u
    tl.store(out + row * width + at, value.to(out.dtype.element_ty), mask=inside)


@triton.jit  # type: ignore[untyped-decorator]
def _silu_product_backward(  # type: ignore[no-untyped-def]
    gate,
    up,
    dout,
    dgate,
    dup,
    stride,
    width,
    BLOCK: tl.constexpr,  # noqa: N803
):
    row = tl.program_id(0).to(tl.int64)
    at = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = at < width
    g = tl.load(gate + row * stride + at, mask=inside, other=0.0).to(tl.float32)
    u = tl.load(up + row * stride + at, mask=inside, other=0.0).to(tl.float32)
    slope = tl.load(dout + row * width + at, mask=inside, other=0.0).to(tl.float32)
    share = tl.sigmoid(g)
    kind = dgate.dtype.element_ty
    value = slope * u * share * (1 + g * (1 - share))
    tl.store(dgate + row * stride + at, value.to(kind), mask=inside)
    tl.store(dup + row * stride + at, (slope * g * share).to(kind), mask=inside)


def _forward(gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    rows, width = gate.shape
    out = gate.new_empty(rows, width)
    grid = (rows, triton.cdiv(width, _BLOCK))
    _silu_product[grid](gate, up, out, gate.stride(0), width, BLOCK=_BLOCK)
    return out


def _backward(
    gate: torch.Tensor,
    up: torch.Tensor,
    dout: torch.Tensor,
    dgate: torch.Tensor,
    dup: torch.Tensor,
) -> None:
    rows, width = gate.shape
    grid = (rows, triton.cdiv(width, _BLOCK))
    _silu_product_backward[grid](
        gate, up, dout.contiguous(), dgate, dup, gate.stride(0), width, BLOCK=_BLOCK
    )


class JoinedSiluProduct(torch.autograd.Function):
    """``silu(gate) · up`` of a tensor (tokens, 2 × width) whose halves they are.

    The halves are taken inside of the kernel: outside, the backward pass would put them together
    again in a pass over the memory of its own.
    """

    @staticmethod
    def forward(ctx: Any, both: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(both)
        return _forward(*both.chunk(2, dim=-1))

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        (both,) = ctx.saved_tensors
        dboth = torch.empty_like(both)
        (gate, up), (dgate, dup) = both.chunk(2, dim=-1), dboth.chunk(2, dim=-1)
        _backward(gate, up, gradients[0], dgate, dup)
        return dboth


class SiluProduct(torch.autograd.Function):
    """``silu(gate) · up`` of two tensors (tokens, width), both contiguous."""

    @staticmethod
    def forward(ctx: Any, gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(gate, up)
        return _forward(gate, up)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        gate, up = ctx.saved_tensors
        dgate, dup = torch.empty_like(gate), torch.empty_like(up)
        _backward(gate, up, gradients[0], dgate, dup)
        return dgate, dup


@triton.jit  # type: ignore[untyped-decorator]
def _rotate(  # type: ignore[no-untyped-def]
    x,
    out,
    cos,
    sin,
    x_token,
    x_head,
    out_token,
    out_head,
    heads,
    size,
    turned,
    SIGN: tl.constexpr,  # noqa: N803
    HEADS: tl.constexpr,  # noqa: N803
    HALF: tl.constexpr,  # noqa: N803
    REST: tl.constexpr,  # noqa: N803
):
    token = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1) * HEADS + tl.arange(0, HEADS)[:, None]
    half = turned // 2
    at = tl.arange(0, HALF)[None, :]
    wave = at < half
    inside = (head < heads) & wave
    begin = x + token * x_token + head * x_head + at
    place = out + token * out_token + head * out_head + at
    kind = out.dtype.element_ty
    first = tl.load(begin, mask=inside, other=0.0).to(tl.float32)
    second = tl.load(begin + half, mask=inside, other=0.0).to(tl.float32)
    # The two halves of cos and sin are not equal in every model, so both are read.
    c1 = tl.load(cos + token * turned + at, mask=wave, other=0.0).to(tl.float32)
    c2 = tl.load(cos + token * turned + half + at, mask=wave, other=0.0).to(tl.float32)
    s1 = tl.load(sin + token * turned + at, mask=wave, other=0.0).to(tl.float32)
    s2 = tl.load(sin + token * turned + half + at, mask=wave, other=0.0).to(tl.float32)
    if SIGN > 0:
        upper = first * c1 - second * s1
        lower = second * c2 + first * s2
    else:
        upper = first * c1 + second * s2
        lower = second * c2 - first * s1
    tl.store(place, upper.to(kind), mask=inside)
    tl.store(place + half, lower.to(kind), mask=inside)
    if REST > 0:
        beyond = tl.arange(0, REST)[None, :] + turned
        kept = (head < heads) & (beyond < size)
        value = tl.load(x + token * x_token + head * x_head + beyond, mask=kept, other=0.0)
        tl.store(out + token * out_token + head * out_head + beyond, value, mask=kept)


def rotate(
    x: torch.Tensor, out: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, sign: int
) -> None:
    """Rotate (*sign* 1) or rotate back, transposed (−1), *x* into *out*.

    Shapes: x and out (tokens, heads, size), the last dimension contiguous; cos and sin (tokens,
    turned), contiguous. Dimensions beyond *turned* are copied.
    """
    tokens, heads, size = x.shape
    turned = cos.shape[-1]
    block = min(16, triton.next_power_of_2(heads))
    rest = size - turned
    _rotate[(tokens, triton.cdiv(heads, block))](
        x,
        out,
        cos,
        sin,
        x.stride(0),
        x.stride(1),
        out.stride(0),
        out.stride(1),
        heads,
        size,
        turned,
        SIGN=sign,
        HEADS=block,
        HALF=triton.next_power_of_2(turned // 2),
        REST=triton.next_power_of_2(rest) if rest else 0,
    )


class SplitAndRotate(torch.autograd.Function):
    """(tokens, values of all heads) → queries, keys, values, each (tokens, heads, size)."""

    @staticmethod
    def forward(
        ctx: Any,
        qkv: torch.Tensor,
        cos: torch.Tensor,
        sin: torch.Tensor,
        heads: int,
        others: int,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        parts = qkv.view(qkv.shape[0], heads + 2 * others, -1)
        size = parts.shape[2]
        q = qkv.new_empty(qkv.shape[0], heads, size)
        k = qkv.new_empty(qkv.shape[0], others, size)
        rotate(parts[:, :heads], q, cos, sin, 1)
        rotate(parts[:, heads : heads + others], k, cos, sin, 1)
        v = parts[:, heads + others :].contiguous()
        ctx.save_for_backward(cos, sin)
        ctx.heads, ctx.others = heads, others
        return q, k, v

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        cos, sin = ctx.saved_tensors
        dq, dk, dv = gradients
        heads, others = ctx.heads, ctx.others
        whole = dq.new_empty(dq.shape[0], heads + 2 * others, dq.shape[2])
        rotate(dq, whole[:, :heads], cos, sin, -1)
        rotate(dk, whole[:, heads : heads + others], cos, sin, -1)
        whole[:, heads + others :].copy_(dv)
        return whole.view(dq.shape[0], -1), None, None, None, None


class Rotate(torch.autograd.Function):
    """Rotary positions of a tensor (tokens, heads, size), the first two in any memory order."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        out = x.new_empty(x.shape)
        rotate(x, out, cos, sin, 1)
        ctx.save_for_backward(cos, sin)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        cos, sin = ctx.saved_tensors
        dout = gradients[0]
        if dout.stride(-1) != 1:
            dout = dout.contiguous()
        dx = dout.new_empty(dout.shape)
        rotate(dout, dx, cos, sin, -1)
        return dx, None, None
