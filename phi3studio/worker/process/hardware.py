"""The device, number format and thread count of a training."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

from phi3studio.app.machine_speed import MachineSpeed
from phi3studio.domain.errors import InputError
from phi3studio.domain.recipe import Recipe
from phi3studio.runtime_pack.use import BROKEN_VARIABLE
from phi3studio.worker.process.threads import usable_cores

if TYPE_CHECKING:
    import torch

_WORTH_ROUNDING = 1.15


def choose_device(recipe: Recipe) -> str:
    """``cpu`` or ``cuda``; raises :class:`InputError` for a CUDA that is not there."""
    import torch

    wanted = recipe.target.train_on
    if wanted == "cpu":
        return "cpu"
    if torch.cuda.is_available():
        return "cuda"
    if wanted in ("auto", "azureml"):  # a job's machine is not this one
        return "cpu"
    if os.environ.get(BROKEN_VARIABLE):  # a notice of the run says so
        return "cpu"
    built = torch.version.cuda is not None
    raise InputError("device.no_cuda", variant="" if built else "cpu_build")


def choose_precision(recipe: Recipe, device: str, before: str | None = None) -> str:
    """The number format of the base weights: the recipe's, or the fastest that is sound here.

    *before*: what an earlier attempt of the run computed in; a run never changes it, or what was
    trained before and after a pause would differ.
    """
    import torch

    wanted = recipe.training.precision
    if wanted == "float16" and device == "cpu":
        raise InputError("recipe.float16_on_cpu")
    if wanted != "auto":
        return wanted
    if before is not None:
        return before
    if device == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    return "bfloat16" if cpu_prefers_bfloat16(machine_speed()) else "float32"


def cpu_has_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 in hardware; elsewhere it is slower than float32."""
    import torch

    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def cpu_prefers_bfloat16(speed: MachineSpeed) -> bool:
    """Whether bfloat16 was measured to be so much faster that rounding to it pays."""
    return speed.bfloat16 >= _WORTH_ROUNDING * speed.float32


def machine_speed() -> MachineSpeed:
    """The CPU's matrix work in operations a second, measured once and kept in the home's cache."""
    import torch

    from phi3studio.app.machine_speed import read_speed, write_speed
    from phi3studio.app.paths import user_home

    home = user_home()
    cpu = torch.cpu.get_capabilities().get("cpu_name", "")
    kind = torch.backends.cpu.get_cpu_capability()
    key = f"torch {torch.__version__}, {usable_cores()} cores, {cpu} {kind}"
    known = read_speed(home, key)
    if known is not None:
        return known
    found = MachineSpeed(
        key,
        float32=_matmul_flops(torch.float32),
        bfloat16=_matmul_flops(torch.bfloat16) if cpu_has_bfloat16() else 0.0,
    )
    with contextlib.suppress(OSError):
        write_speed(home, found)
    return found


def _matmul_flops(dtype: torch.dtype) -> float:
    """Operations a second of a product such as a small model's layers need; about 0.2 s.

    The fastest of several, because another program can only make it slower.
    """
    import torch

    rows, inner, columns = 512, 1024, 2048
    left = torch.randn(rows, inner).to(dtype)
    right = torch.randn(columns, inner).to(dtype)
    fastest = float("inf")
    for _ in range(8):
        began = time.perf_counter()
        torch.nn.functional.linear(left, right)
        fastest = min(fastest, time.perf_counter() - began)
    return 2 * rows * inner * columns / fastest


def cuda_matmul_flops(precision: str) -> float:
    """Operations a second of a large product on the GPU."""
    import torch

    dtype = torch.float32 if precision == "float32" else torch.bfloat16
    side = 4096
    left = torch.randn(side, side, device="cuda", dtype=dtype)
    fastest = float("inf")
    for _ in range(6):
        torch.cuda.synchronize()
        began = time.perf_counter()
        torch.matmul(left, left)
        torch.cuda.synchronize()
        fastest = min(fastest, time.perf_counter() - began)
    return 2 * side**3 / fastest
