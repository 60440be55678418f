"""What this computer has, asked without the machine learning libraries. Blocking: use a thread."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psutil

from phi3studio.domain.flow import MachineFacts

CudaReason = Literal["", "no_gpu", "cpu_torch"]
DirectMlReason = Literal["", "not_windows", "not_installed"]

Probe = Callable[[], Awaitable[dict[str, Any]]]
"""Asks the probe service what torch and ONNX Runtime find; takes seconds."""

_RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml")
_GENAI = ("onnxruntime-genai", "onnxruntime-genai-cuda", "onnxruntime-genai-directml")
_PACKAGES = (
    "torch",
    "transformers",
    "peft",
    "olive-ai",
    "datasets",
    *_RUNTIMES,
    *_GENAI,
    "pyside6",
)


@dataclass(frozen=True)
class MachineReport:
    """Facts for the wizard, and versions and conflicts for the doctor.

    ``gpu`` is the name that the driver gives, also where the installed torch cannot use it.
    """

    facts: MachineFacts
    processor: str
    system: str
    gpu: str | None
    cuda_reason: CudaReason
    directml_reason: DirectMlReason
    packages: dict[str, str]
    runtimes: tuple[str, ...]
    genais: tuple[str, ...]

    @property
    def conflict(self) -> bool:
        """Whether several ONNX Runtime flavours share one import folder."""
        return len(self.runtimes) > 1 or len(self.genais) > 1


def look_at_machine(home: Path) -> MachineReport:
    """Ask the system; takes up to a few seconds where a GPU driver has to wake up."""
    packages = {name: version for name in _PACKAGES if (version := _version(name))}
    gpu, gpu_memory = _gpu()
    torch_cpu = "+cpu" in packages.get("torch", "")
    reason: CudaReason = "" if gpu and not torch_cpu else ("cpu_torch" if gpu else "no_gpu")
    directml: DirectMlReason = "not_windows" if sys.platform != "win32" else ""
    if not directml and "onnxruntime-directml" not in packages:
        directml = "not_installed"
    memory = psutil.virtual_memory()
    folder = home
    while not folder.exists() and folder.parent != folder:
        folder = folder.parent
    facts = MachineFacts(
        memory=memory.total,
        free_memory=memory.available,
        free_disk=shutil.disk_usage(folder).free,
        cores=psutil.cpu_count(logical=False) or psutil.cpu_count() or 1,
        cuda=gpu if not reason else None,
        cuda_memory=gpu_memory if not reason else 0,
        directml=not directml,
    )
    return MachineReport(
        facts,
        processor(),
        f"{platform.system()} {platform.release()}",
        gpu,
        reason,
        directml,
        packages,
        tuple(name for name in _RUNTIMES if name in packages),
        tuple(name for name in _GENAI if name in packages),
    )


def processor() -> str:
    """The processor's name as people know it."""
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            if line.lower().startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _gpu() -> tuple[str | None, int]:
    """Name and memory in bytes of the first NVIDIA GPU, from its driver's own tool."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None, 0
    try:
        done = subprocess.run(
            [tool, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
        name, memory = done.stdout.splitlines()[0].rsplit(",", 1)
        return name.strip(), int(float(memory)) * 1024**2
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None, 0
