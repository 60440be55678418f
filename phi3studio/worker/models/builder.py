"""What ModelBuilder (onnxruntime-genai 0.14) gets wrong about today's models, made good."""

from __future__ import annotations

from typing import Any


def legacy_keys(config: dict[str, Any]) -> dict[str, Any]:
    """*config* (a ``config.json``) with the rope keys of older transformers beside today's.

    ModelBuilder reads the keys of transformers 4 and ends without them, or, worse, builds a model
    with the defaults of another one.
    """
    rope = config.get("rope_parameters")
    if not isinstance(rope, dict):
        return config
    match config.get("model_type"):
        case "phi3":
            added = {
                key: rope[key] for key in ("rope_theta", "partial_rotary_factor") if key in rope
            }
            kind = rope.get("rope_type", "default")
            if kind != "default" and not config.get("rope_scaling"):
                added["rope_scaling"] = {**rope, "type": kind}
        case "gemma3_text":
            # Two kinds of layers, each with a base of its own.
            near, far = rope.get("sliding_attention", {}), rope.get("full_attention", {})
            added = {
                "rope_local_base_freq": near.get("rope_theta", 10_000.0),
                "rope_theta": far.get("rope_theta", 1_000_000.0),
            }
        case _:
            return config
    return added | config


def mend_builder() -> None:
    """Correct the builder in this process; called before a model is built.

    Gemma 2 begins with a layer that looks at the sliding window only, every second one is such a
    layer. The builder takes the others for these, so that texts longer than the window (4,096
    tokens) are answered differently.
    """
    from onnxruntime_genai.models.builders.gemma import Gemma2Model

    Gemma2Model.is_local = _is_even


def _is_even(self: object, layer_id: int) -> bool:
    return layer_id % 2 == 0
