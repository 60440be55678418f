"""Self-attention on a CPU from the normed input to the heads' results, as one function.

The adapted products for queries, keys and values, the rotary positions of all heads at once, and
attention over rows: nothing is split, turned over or joined again in between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MethodType
from typing import Any

import torch

from phi3studio.worker.training.fused.joined import ATTENTION_GROUPS, Group
from phi3studio.worker.training.fused.lora import Dropping
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
        _turn(qkv, kept, cos, sin, 1.0)
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
        _turn(dqkv, ctx.kept, cos, sin, -1.0)
        group: Group = ctx.group
        dy = dqkv.view(dqkv.shape[0], -1)
        dx, found = group.back(dy, inputs, ctx.drop_scale, ctx.needs_input_grad[0])
        return dx, *(None,) * 9, *found


def _turn(
    qkv: torch.Tensor, kept: int, cos: torch.Tensor, sin: torch.Tensor, direction: float
) -> None:
    """Turn the queries and keys of *qkv* (tokens, heads + 2 kept, size) in place, or back."""
    turned = cos.shape[-1]
    part = qkv[:, :-kept, :turned]
    rolled = part.roll(turned // 2, -1)
    part.mul_(cos[:, None]).addcmul_(rolled, sin[:, None], value=direction)


class _Positions:
    """The rotary positions of a batch, made for :func:`_turn` once for all layers."""

    def __init__(self) -> None:
        self._given: torch.Tensor | None = None
        self._signed: torch.Tensor | None = None

    def __call__(self, cos: torch.Tensor, sin: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """cos and sin (tokens, turned) of what a model hands to its layers, (1, tokens, turned)."""
        if self._signed is None or self._given is not sin:
            half = sin.shape[-1] // 2
            self._given = sin
            self._signed = torch.cat((-sin[0, :, :half], sin[0, :, half:]), dim=-1)
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
    plain = attention.forward
    kept, size = attention.config.num_key_value_heads, attention.head_dim

    def forward(
        self: Any,
        hidden_states: torch.Tensor,
        position_embeddings: tuple[torch.Tensor, torch.Tensor],
        attention_mask: torch.Tensor | None = None,
        past_key_values: Any = None,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        rows: Rows | None = kwargs.get("rows")
        if rows is None or not rows.is_even or past_key_values is not None or group.is_plain:
            result: tuple[torch.Tensor, torch.Tensor | None] = plain(
                hidden_states,
                position_embeddings=position_embeddings,
                attention_mask=attention_mask,
                past_key_values=past_key_values,
                **kwargs,
            )
            return result
        x = hidden_states[0]
        out: torch.Tensor = _SelfAttention.apply(  # type: ignore[no-untyped-call]
            x,
            group,
            group.dropping(x),
            *positions(*position_embeddings),
            kept,
            rows,
            self.scaling,
            window,
            size,
            *group.parameters,
        )
        return self.o_proj(out.view(1, x.shape[0], -1)), None

    attention.forward = MethodType(forward, attention)
