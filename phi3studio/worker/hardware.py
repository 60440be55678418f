"""The device, number format and thread count of a training."""

from __future__ import annotations

from phi3studio.domain.errors import InputError
from phi3studio.domain.recipe import Recipe


def choose_device(recipe: Recipe) -> str:
    """``cpu`` or ``cuda``; raises :class:`InputError` for a CUDA that is not there."""
    import torch

    wanted = recipe.target.train_on
    if wanted == "cpu":
        return "cpu"
    if torch.cuda.is_available():
        return "cuda"
    if wanted == "auto":
        return "cpu"
    built = torch.version.cuda is not None
    raise InputError(
        "device.no_cuda",
        "The recipe trains on CUDA, but no CUDA device can be used: "
        + ("no NVIDIA GPU or driver was found." if built else "this PyTorch is a CPU build."),
        "Set target.train_on: cpu (or auto)"
        + (
            ", or install the NVIDIA driver."
            if built
            else ", or set up the cuda flavour: python3 installers/bootstrap.py --flavour cuda."
        ),
    )


def choose_precision(recipe: Recipe, device: str) -> str:
    """The number format of the base weights: the recipe's, or the fastest that is sound here."""
    import torch

    wanted = recipe.training.precision
    if wanted == "float16" and device == "cpu":
        raise InputError(
            "recipe.float16_on_cpu",
            "training.precision is float16, which CPUs cannot train in.",
            "Set training.precision: auto.",
        )
    if wanted != "auto":
        return wanted
    if device == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    return "bfloat16" if cpu_has_bfloat16() else "float32"


def cpu_has_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 in hardware; elsewhere it is slower than float32."""
    import torch

    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
