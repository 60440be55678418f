"""Which number formats each execution provider can run, as ModelBuilder builds them."""

from __future__ import annotations

from collections.abc import Mapping

from phi3studio.domain.errors import InputError
from phi3studio.domain.recipe import Provider, Quantisation, Recipe

ALLOWED: Mapping[Provider, tuple[Quantisation, ...]] = {
    "cpu": ("int4", "fp32"),
    "cuda": ("int4", "fp16", "bf16"),
    "dml": ("int4", "fp16"),
}
"""Of ModelBuilder in onnxruntime-genai 0.14. Each can be built on any machine.

Its help lists fp32 for CUDA as well, but the graph that it then builds promises outputs
(``present.0.key``) that no node makes, so it loads nowhere.
"""

PROVIDER_TITLES: Mapping[Provider, str] = {"cpu": "the CPU", "cuda": "CUDA", "dml": "DirectML"}

FLAVOURS: Mapping[Provider, tuple[str, ...]] = {
    "cpu": ("onnxruntime-genai", "onnxruntime"),
    "cuda": ("onnxruntime-genai-cuda", "onnxruntime-gpu"),
    "dml": ("onnxruntime-genai-directml", "onnxruntime-directml"),
}
"""The wheels that run a model of each provider; one flavour fits into an environment."""


def check_target(recipe: Recipe) -> None:
    """Raise :class:`InputError` for a target that cannot be built; asked first of all."""
    provider, quantisation = recipe.target.provider, recipe.target.quantisation
    if "quantise" not in recipe.steps or quantisation in ALLOWED[provider]:
        return
    elsewhere = [name for name, formats in ALLOWED.items() if quantisation in formats]
    others = f", or target.provider: {' or '.join(elsewhere)}" if elsewhere else ""
    raise InputError(
        "recipe.target",
        f"A model for {PROVIDER_TITLES[provider]} cannot be exported as {quantisation}.",
        f"Set target.quantisation: {' or '.join(ALLOWED[provider])}{others}.",
    )
