"""Which families of models the fused layers know, and what holds for each; others train unfused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Window = Callable[[Any], int | None]
"""From an attention to its sliding window in tokens."""


def _of_config(attention: Any) -> int | None:
    return getattr(attention.config, "sliding_window", None)


@dataclass(frozen=True)
class Family:
    """A family, all of whose rotary positions turn the halves of each head by equal angles.

    ``model_type``: as its config says; ``prefix``: of its classes in Transformers. ``plain_norms``:
    they multiply by the weight after rounding to the input's format (Gemma's adds one).
    ``plain_layers``: they add the attention's output and the MLP's, and do nothing else.
    ``window``: of an attention that does nothing to queries and keys but turn them.
    """

    model_type: str
    prefix: str
    plain_norms: bool = True
    plain_layers: bool = True
    window: Window | None = None


FAMILIES = (
    Family("phi3", "Phi3", window=_of_config),
    Family("llama", "Llama", window=lambda attention: None),
    Family("mistral", "Mistral", window=_of_config),
    Family("qwen2", "Qwen2", window=lambda attention: getattr(attention, "sliding_window", None)),
    Family("qwen3", "Qwen3"),
    Family("smollm3", "SmolLM3", plain_norms=False),
    Family("gemma", "Gemma", plain_norms=False, plain_layers=False),
)

USUAL_ROTARY = frozenset(family.model_type for family in FAMILIES)
PLAIN_NORMS = frozenset(f"{family.prefix}RMSNorm" for family in FAMILIES if family.plain_norms)
PLAIN_LAYERS = frozenset(
    f"{family.prefix}DecoderLayer" for family in FAMILIES if family.plain_layers
)
WINDOWS: Mapping[str, Window] = {
    f"{family.prefix}Attention": family.window for family in FAMILIES if family.window is not None
}
