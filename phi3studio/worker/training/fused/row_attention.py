"""Attention on a CPU over packed rows: each row attends to itself and to what all share.

PyTorch's flash attention on a CPU takes milliseconds for the backward pass of a few short rows
and computes a dense mask in full. Short rows are laid beside one another here, and all heads of
all rows are a handful of small float32 products; long rows go through flash attention one by one.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
import torch.nn.functional as functional

from phi3studio.worker.training.fused.rows import Rows, rows_of

NAME = "phi3studio_rows"


def register() -> None:
    """Make :data:`NAME` known to transformers."""
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    ALL_ATTENTION_FUNCTIONS.register(NAME, row_attention)
    ALL_MASK_ATTENTION_FUNCTIONS.register(NAME, _no_mask)


def row_attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """transformers' attention interface. Shapes: (1, heads, tokens, size) in, (1, tokens, heads,
    size) out. Takes ``rows``, a :class:`Rows`; without them all tokens are one row."""
    rows: Rows = kwargs.get("rows") or rows_of([query.shape[2]])
    q, k, v = (part[0].transpose(0, 1) for part in (query, key, value))
    scale = q.shape[-1] ** -0.5 if scaling is None else scaling
    window = sliding_window or 0
    if rows.is_even:
        out: torch.Tensor = _EvenRows.apply(q, k, v, rows, scale, window)  # type: ignore[no-untyped-call]
    else:
        out = _row_by_row(q, k, v, rows, scale, window)
    return out[None], None


def _no_mask(*args: Any, **kwargs: Any) -> None:
    """transformers asks for a mask; the rows say it all."""


class _EvenRows(torch.autograd.Function):
    """Rows of about the same length, padded to the longest. Shapes: q (tokens, heads, size), k and
    v (tokens, fewer heads, size); the heads that share a key are rows of one product."""

    @staticmethod
    def forward(
        ctx: Any,
        q: torch.Tensor,
        k: torch.Tensor,
        v: torch.Tensor,
        rows: Rows,
        scale: float,
        window: int,
    ) -> torch.Tensor:
        group = q.shape[1] // k.shape[1]
        queries = _padded(q, rows, group)
        keys, values = _padded(k, rows, 1), _padded(v, rows, 1)
        bias = _causal(rows.places.shape[1], group, window)
        # In 16 bits PyTorch's softmax and sums take longer than converting to 32 and back.
        scores = torch.bmm(queries, keys.mT).float().mul_(scale).add_(bias)
        weights = torch.softmax(scores, dim=-1).to(q.dtype)
        ctx.save_for_backward(queries, keys, values, weights)
        ctx.rows, ctx.scale, ctx.tokens = rows, scale, q.shape[0]
        return _packed(weights @ values, rows, group, q.shape[0])

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        queries, keys, values, weights = ctx.saved_tensors
        rows: Rows = ctx.rows
        group = queries.shape[1] // keys.shape[1]
        dout = _spread(gradients[0], rows, group)
        dvalues = weights.mT @ dout
        dweights = (dout @ values.mT).float()
        # PyTorch's own function for the softmax's gradient rounds otherwise with other threads.
        wide = weights.float()
        along = torch.linalg.vecdot(dweights, wide).unsqueeze_(-1)
        dscores = dweights.sub_(along).mul_(wide).mul_(ctx.scale).to(queries.dtype)
        dq = _gathered(dscores @ keys, rows, group, ctx.tokens)
        dk = _gathered(dscores.mT @ queries, rows, 1, ctx.tokens)
        dv = _gathered(dvalues, rows, 1, ctx.tokens)
        return dq, dk, dv, None, None, None


def _padded(x: torch.Tensor, rows: Rows, group: int) -> torch.Tensor:
    """(tokens, heads, size) → (rows · kept heads, group · longest, size)."""
    count, longest = rows.places.shape
    kept, size = x.shape[1] // group, x.shape[-1]
    spread = x.index_select(0, rows.places.view(-1)).view(count, longest, kept, group, size)
    out = x.new_empty(count, kept, group, longest, size)
    out.copy_(spread.permute(0, 2, 3, 1, 4))
    return out.view(count * kept, group * longest, size)


def _spread(gradient: torch.Tensor, rows: Rows, group: int) -> torch.Tensor:
    """As :func:`_padded` for the output's gradient: a place that gave nothing to it gets none."""
    gradient = gradient[: len(rows.place_of)]
    count, longest = rows.places.shape
    kept, size = gradient.shape[1] // group, gradient.shape[-1]
    spread = gradient.new_zeros(count * longest, *gradient.shape[1:])
    spread.index_copy_(0, rows.place_of, gradient)
    out = gradient.new_empty(count, kept, group, longest, size)
    out.copy_(spread.view(count, longest, kept, group, size).permute(0, 2, 3, 1, 4))
    return out.view(count * kept, group * longest, size)


def _by_place(x: torch.Tensor, rows: Rows, group: int) -> torch.Tensor:
    """(rows · kept heads, group · longest, size) as (rows, longest, heads, size), a view."""
    count, longest = rows.places.shape
    heads = x.view(count, -1, group, longest, x.shape[-1])
    return heads.permute(0, 3, 1, 2, 4)


def _packed(x: torch.Tensor, rows: Rows, group: int, tokens: int) -> torch.Tensor:
    """The outputs (tokens, heads, size) in the packed order; a shared token's is the same in every
    row."""
    ordered = _by_place(x, rows, group)
    count, longest, kept, _, size = ordered.shape
    places = x.new_empty(count * longest, kept * group, size)
    places.view(ordered.shape).copy_(ordered)
    known = len(rows.place_of)
    out = x.new_empty(tokens, *places.shape[1:])
    torch.index_select(places, 0, rows.place_of, out=out[:known])
    out[known:].zero_()  # what fills the batch up: nothing sees it
    return out


def _gathered(x: torch.Tensor, rows: Rows, group: int, tokens: int) -> torch.Tensor:
    """Gradients in the packed order; a shared token's is the sum over the rows."""
    out = _packed(x, rows, group, tokens)
    if rows.shared:
        ordered = _by_place(x, rows, group)[:, : rows.shared]
        out[: rows.shared] = ordered.sum(0).reshape(rows.shared, *out.shape[1:])
    return out


@functools.lru_cache(maxsize=64)
def _causal(longest: int, group: int, window: int) -> torch.Tensor:
    """0 where a token is seen and −inf elsewhere; shape (group · longest, longest)."""
    at = torch.arange(longest)
    seen = at[:, None] >= at
    if window:
        seen &= at[:, None] - at < window
    bias = torch.zeros(longest, longest).masked_fill_(~seen, float("-inf"))
    return bias.repeat(group, 1)


def _row_by_row(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, rows: Rows, scale: float, window: int
) -> torch.Tensor:
    """Rows of very different lengths, or long ones: flash attention for each."""
    outs = []
    begin = rows.shared
    for number, length in enumerate(rows.lengths):
        end = begin + length - rows.shared
        parts = [
            torch.cat((x[: rows.shared], x[begin:end])) if rows.shared else x[begin:end]
            for x in (q, k, v)
        ]
        query, key, value = (part.transpose(0, 1)[None] for part in parts)
        banded = window and length > window
        out = functional.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=_causal(length, 1, window) == 0 if banded else None,
            is_causal=not banded,
            scale=scale,
            enable_gqa=q.shape[1] != k.shape[1],
        )[0].transpose(0, 1)
        outs.append(out if number == 0 else out[rows.shared :])
        begin = end
    joined = torch.cat(outs)
    # Zeros for the tokens that fill the batch up: nothing sees them.
    return functional.pad(joined, (0, 0, 0, 0, 0, q.shape[0] - joined.shape[0]))
