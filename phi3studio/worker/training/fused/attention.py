"""Attention over packed rows without a mask: each row attends to itself through flash attention.

A dense block-diagonal mask of n tokens has n² elements and forces the slow kernels; given where
the rows begin, flash attention does only the work inside the rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

NAME = "phi3studio_packed"


def register() -> bool:
    """Make :data:`NAME` known to transformers; ``False`` where PyTorch has no such attention."""
    try:
        from torch.nn.attention.varlen import varlen_attn  # noqa: F401
    except ImportError:
        return False
    add_attention(NAME, packed_attention)
    return True


def add_attention(name: str, attention: Callable[..., Any]) -> None:
    """Make an attention that needs no mask known to transformers."""
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    ALL_ATTENTION_FUNCTIONS.register(name, attention)
    ALL_MASK_ATTENTION_FUNCTIONS.register(name, _no_mask)


def row_arguments(bounds: torch.Tensor, longest: int) -> dict[str, Any]:
    """What the model has to hand on to :func:`packed_attention` for rows that begin and end at
    *bounds* (rows + 1,) and have at most *longest* tokens."""
    return {
        "cu_seq_lens_q": bounds,
        "cu_seq_lens_k": bounds,
        "max_length_q": longest,
        "max_length_k": longest,
    }


def packed_attention(
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
    size) out. Takes ``cu_seq_lens_q`` and ``max_length_q`` from :func:`row_arguments`."""
    from torch.nn.attention.varlen import varlen_attn

    bounds, longest = kwargs["cu_seq_lens_q"], kwargs["max_length_q"]
    # Flash attention wants (tokens, heads, size), and its own layout of the same memory will do.
    q, k, v = (part[0].transpose(0, 1) for part in (query, key, value))
    left = -1 if sliding_window is None or sliding_window > longest else sliding_window - 1
    more: dict[str, Any] = {"enable_gqa": True} if q.shape[1] != k.shape[1] else {}
    out: Any = varlen_attn(
        q,
        k,
        v,
        bounds,
        bounds,
        longest,
        longest,
        scale=scaling,
        window_size=(left, 0),
        **more,
    )
    return out[None], None


def _no_mask(*args: Any, **kwargs: Any) -> None:
    """transformers asks for a mask; where the rows are says it all."""
