"""Attention on a CPU over packed rows: each row attends to itself and to what all share.

PyTorch's flash attention on a CPU takes milliseconds for the backward pass of a few short rows
and computes a dense mask in full. Short rows are laid side by side here, and all heads of
all rows are a handful of small float32 products; long rows go through flash attention one by one.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
import torch.nn.functional as functional

from phi3studio.worker.training.fused.attention import add_attention
from phi3studio.worker.training.fused.packed_rows import HeadPlaces, Rows, rows_of

NAME = "phi3studio_rows"


def register() -> None:
    """Make :data:`NAME` known to transformers."""
    add_attention(NAME, row_attention)


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
    rows: Rows = kwargs.get("rows") or rows_of([[(0, query.shape[2])]])
    q, k, v = (part[0].transpose(0, 1) for part in (query, key, value))
    scale = q.shape[-1] ** -0.5 if scaling is None else scaling
    window = sliding_window or 0
    if rows.is_even:
        joined = torch.cat((q, k, v), dim=1)
        out: torch.Tensor = _EvenRows.apply(joined, k.shape[1], rows, scale, window)  # type: ignore[no-untyped-call]
    else:
        out = _row_by_row(q, k, v, rows, scale, window)
    return out[None], None


class _EvenRows(torch.autograd.Function):
    """:func:`attend` by itself."""

    @staticmethod
    def forward(
        ctx: Any, qkv: torch.Tensor, kept: int, rows: Rows, scale: float, window: int
    ) -> torch.Tensor:
        out, matrices = attend(qkv, kept, rows, scale, window)
        ctx.save_for_backward(*matrices)
        ctx.rows, ctx.scale = rows, scale
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        dqkv = attend_backward(gradients[0], ctx.saved_tensors, ctx.rows, ctx.scale)
        return dqkv, None, None, None, None


def attend(
    qkv: torch.Tensor, kept: int, rows: Rows, scale: float, window: int
) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    """Attention of rows of about the same length, and what its gradient takes.

    Shapes: qkv (tokens, heads + 2 kept, size), the heads of queries, then the kept ones of keys
    and of values; the result (tokens, heads, size). Rows are padded to the longest, and the heads
    that share a key are rows of one product.
    """
    tokens, width, size = qkv.shape
    heads = width - 2 * kept
    places, longest = rows.of_heads(heads, kept, tokens), rows.places.shape[1]
    spread = qkv.view(-1, size).index_select(0, places.spread)
    queries, keys, values = _matrices(spread, places, longest, heads // kept)
    # In 16 bits PyTorch's softmax and sums take longer than converting to 32 and back.
    products = torch.bmm(queries, keys.mT)
    scores = products.float()
    seen = _causal(longest, heads // kept, window)
    torch.add(seen, scores, alpha=scale, out=scores)
    weights = torch.softmax(scores, dim=-1, out=scores)
    rounded = products.copy_(weights)
    by_place = torch.bmm(rounded, values).view(-1, size)
    out = by_place.index_select(0, places.outputs).view(tokens, heads, size)
    return out, (queries, keys, values, weights, rounded)


def attend_backward(
    dout: torch.Tensor, matrices: tuple[torch.Tensor, ...], rows: Rows, scale: float
) -> torch.Tensor:
    """The gradient of qkv after :func:`attend`, which gave *matrices*."""
    queries, keys, values, weights, rounded = matrices
    tokens, heads, size = dout.shape
    group, longest = queries.shape[1] // keys.shape[1], keys.shape[1]
    kept = heads // group
    places, known = rows.of_heads(heads, kept, tokens), len(rows.place_of)
    # A place that gave nothing to the result gets no gradient.
    spread = dout.new_zeros(places.queries, size)
    spread.index_copy_(0, places.outputs[: known * heads], dout[:known].view(-1, size))
    by_query = spread.view(queries.shape)
    # One more for the places that a token does not have.
    found = dout.new_empty(places.queries + 2 * places.keys + 1, size)
    dqueries, dkeys, dvalues = _matrices(found, places, longest, group)
    torch.bmm(rounded.mT, by_query, out=dvalues)
    dweights = torch.empty_like(rounded)
    torch.baddbmm(dweights, by_query, values.mT, beta=0, alpha=scale, out=dweights)
    wide = dweights.float()
    # PyTorch's own function for the softmax's gradient rounds otherwise with other threads.
    along = torch.linalg.vecdot(wide, weights).unsqueeze_(-1)
    dscores = dweights.copy_(wide.sub_(along).mul_(weights))
    torch.bmm(dscores, keys, out=dqueries)
    torch.bmm(dscores.mT, queries, out=dkeys)
    dqkv = found.index_select(0, places.gathered)
    if len(places.repeated):
        # That of a token that several rows have is the sum over them.
        found[-1].zero_()
        apart = found.index_select(0, places.summed.view(-1)).view(*places.summed.shape, size)
        dqkv.index_copy_(0, places.repeated, apart.sum(0))
    dqkv = dqkv.view(tokens, heads + 2 * kept, size)
    if known < tokens:
        dqkv[known:].zero_()  # what fills the batch up: nothing sees it
    return dqkv


def _matrices(
    x: torch.Tensor, places: HeadPlaces, longest: int, group: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Views of (places, size): queries (rows · kept heads, group · longest, size), keys and values
    (rows · kept heads, longest, size)."""
    size, keys = x.shape[-1], places.queries + places.keys
    values = keys + places.keys
    return (
        x[: places.queries].view(-1, group * longest, size),
        x[places.queries : keys].view(-1, longest, size),
        x[keys:values].view(-1, longest, size),
    )


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
    for runs, length in zip(rows.runs, rows.lengths, strict=True):
        parts = [torch.cat([x[slice(*run)] for run in runs]) for x in (q, k, v)]
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
        begin, end = runs[-1]
        outs.append(out[length - (end - begin) :])
    joined = torch.cat(outs)
    # Zeros for the tokens that fill the batch up: nothing sees them.
    return functional.pad(joined, (0, 0, 0, 0, 0, q.shape[0] - joined.shape[0]))
