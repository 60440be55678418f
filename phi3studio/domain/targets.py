"""Whether a recipe's target can be built, and what runs a model of each execution provider."""

from __future__ import annotations

from collections.abc import Mapping

from phi3studio.domain.errors import InputError
from phi3studio.domain.quantisation import ALLOWED, FORMATS, PRESETS, Provider
from phi3studio.domain.recipe import Recipe

PROVIDER_TITLES: Mapping[Provider, str] = {"cpu": "the CPU", "cuda": "CUDA", "dml": "DirectML"}

FLAVOURS: Mapping[Provider, tuple[str, ...]] = {
    "cpu": ("onnxruntime-genai", "onnxruntime"),
    "cuda": ("onnxruntime-genai-cuda", "onnxruntime-gpu"),
    "dml": ("onnxruntime-genai-directml", "onnxruntime-directml"),
}
"""The wheels that run a model of each provider; one flavour fits into an environment."""


def check_target(recipe: Recipe) -> None:
    """Raise :class:`InputError` for a target that cannot be built; asked first of all."""
    target = recipe.target
    if "quantise" not in recipe.steps:
        return
    if target.quantisation not in ALLOWED[target.provider]:
        raise InputError(
            "recipe.target",
            provider=target.provider,
            quantisation=target.quantisation,
            formats=ALLOWED[target.provider],
            providers=FORMATS[target.quantisation].providers,
        )
    preset = PRESETS.get(target.int4) if target.quantisation == "int4" else None
    if preset is not None and target.provider not in preset.providers:
        raise InputError(
            "recipe.target",
            variant="preset",
            provider=target.provider,
            preset=preset.name,
            presets=[row.name for row in PRESETS.values() if target.provider in row.providers],
        )
