"""What ModelBuilder (onnxruntime-genai 0.14) gets wrong about the Gemma family, made good."""

from __future__ import annotations

from typing import Any


def mend_builder() -> None:
    """Correct the builder in this process; called before a model is built. Idempotent.

    Gemma 2: layers that look only at the sliding window and such that look at everything take
    turns, beginning with the window. The builder begins with the other kind, so that texts longer
    than the window (4,096 tokens) would be answered differently.

    Gemma 3: transformers 5 keeps the rotary bases of the two kinds of layers in
    ``rope_parameters``; the builder asks for two attributes of transformers 4.
    """
    from onnxruntime_genai.models import builder

    builder.Gemma2Model.is_local = _is_even
    original = builder.Gemma3Model.__init__
    if getattr(original, "mended", False):
        return

    def begin(self: Any, config: Any, *arguments: Any, **options: Any) -> None:
        _name_rotary_bases(config)
        original(self, config, *arguments, **options)

    begin.mended = True  # type: ignore[attr-defined]
    builder.Gemma3Model.__init__ = begin


def _is_even(self: object, layer_id: int) -> bool:
    return layer_id % 2 == 0


def _name_rotary_bases(config: Any) -> None:
    rope = getattr(config, "rope_parameters", None) or {}
    near, far = rope.get("sliding_attention"), rope.get("full_attention")
    if near and far:
        config.rope_local_base_freq = near["rope_theta"]
        config.rope_theta = far["rope_theta"]
