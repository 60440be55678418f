"""Self-attention on a CPU from the normed input to the heads' results, as one function.

The adapted products for queries, keys and values, the rotary positions of all heads at once, and
attention over rows: nothing is split, turned over or joined again in between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from phi3studio.worker.training.fused.elementwise import Attended, replace_attention
from phi3studio.worker.training.fused.joined import ATTENTION_GROUPS, Group
from phi3studio.worker.training.fused.lora import Dropping
from phi3studio.worker.training.fused.on_cpu import signed, turn
from phi3studio.worker.training.fused.row_attention import attend, attend_backward
from phi3studio.worker.training.fused.rows import Rows

# Attentions that do nothing to queries and keys but turn them, and where each finds its window.
_WINDOWS: Mapping[str, Callable[[Any], int | None]] = {
    "LlamaAttention": lambda attention: None,
    "MistralAttention": lambda attention: getattr(attention.config, "sliding_window", None),
    "Phi3Attention": lambda attention: getattr(attention.config, "sliding_window", None),
    "Qwen2Attention": lambda attention: getattr(attention, "sliding_window", None),
}


class _SelfAttention(torch.autograd.Function):
    """Shapes: x (tokens, size); cos and sin (tokens, turned), the halves of cos equal and those of
    sin opposite; the result (tokens, heads, head size). *parameters* are the group's."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        group: Group,
        drop: Dropping,
        cos: torch.Tensor,
        sin: torch.Tensor,
        kept: int,
        rows: Rows,
        scale: float,
        window: int,
        head_size: int,
        *parameters: torch.Tensor,
    ) -> torch.Tensor:
        y, inputs = group.ahead(x, drop)
        qkv = y.view(x.shape[0], -1, head_size)
        turn(qkv[:, :-kept], cos, sin)
        out, matrices = attend(qkv, kept, rows, scale, window)
        ctx.save_for_backward(cos, sin, *matrices, *inputs)
        ctx.group, ctx.drop_scale, ctx.kept = group, drop.scale, kept
        ctx.rows, ctx.scale = rows, scale
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        cos, sin, *saved = ctx.saved_tensors
        matrices, inputs = tuple(saved[:4]), tuple(saved[4:])
        dqkv = attend_backward(gradients[0], matrices, ctx.rows, ctx.scale)
        turn(dqkv[:, : -ctx.kept], cos, sin, back=True)
        group: Group = ctx.group
        dy = dqkv.view(dqkv.shape[0], -1)
        dx, found = group.back(dy, inputs, ctx.drop_scale, ctx.needs_input_grad[0])
        return dx, *(None,) * 9, *found


class _Positions:
    """The rotary positions of a batch, made for :func:`turn` once for all layers."""

    def __init__(self) -> None:
        self._given: torch.Tensor | None = None
        self._signed: torch.Tensor | None = None

    def __call__(self, cos: torch.Tensor, sin: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """cos and sin (tokens, turned) of what a model hands to its layers, (1, tokens, turned)."""
        if self._signed is None or self._given is not sin:
            self._given, self._signed = sin, signed(sin[0])
        return cos[0], self._signed


def self_attention_fuser() -> Callable[[Any, Group], bool]:
    """What replaces the forward of a model's attentions, one by one; ``False`` for one that does
    more."""
    positions = _Positions()

    def fuse(attention: Any, group: Group) -> bool:
        window = _WINDOWS.get(type(attention).__name__)
        if window is None or group.names not in ATTENTION_GROUPS:
            return False
        _replace(attention, group, positions, window(attention) or 0)
        return True

    return fuse


def _replace(attention: Any, group: Group, positions: _Positions, window: int) -> None:
    kept, size = attention.config.num_key_value_heads, attention.head_dim

    def compute(
        hidden_states: torch.Tensor,
        position_embeddings: tuple[torch.Tensor, torch.Tensor],
        attention_mask: torch.Tensor | None,
        **kwargs: Any,
    ) -> Attended | None:
        rows: Rows | None = kwargs.get("rows")
        if rows is None or not rows.is_even or group.is_plain:
            return None
        x = hidden_states[0]
        out: torch.Tensor = _SelfAttention.apply(  # type: ignore[no-untyped-call]
            x,
            group,
            group.dropping(x),
            *positions(*position_embeddings),
            kept,
            rows,
            attention.scaling,
            window,
            size,
            *group.parameters,
        )
        return attention.o_proj(out.view(1, x.shape[0], -1)), None

    replace_attention(attention, compute)
