"""What is installed and whether it fits together, without importing any of it."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import sys
from dataclasses import dataclass, field
from typing import Any

import psutil

from phi3studio import __version__
from phi3studio.runs.models import ModelStore, catalogue
from phi3studio.runs.paths import Home

FLAVOURS = {
    "cpu": "onnxruntime",
    "cuda": "onnxruntime-gpu",
    "directml": "onnxruntime-directml",
}
_REPORTED = (
    "torch",
    "transformers",
    "peft",
    "datasets",
    "olive-ai",
    "onnxruntime",
    "onnxruntime-gpu",
    "onnxruntime-directml",
    "onnxruntime-genai",
    "onnxruntime-genai-cuda",
    "onnxruntime-genai-directml",
    "bitsandbytes",
    "pyside6",
)


@dataclass(frozen=True)
class Finding:
    """Something that is wrong, and what to do about it."""

    code: str
    message: str
    hint: str


@dataclass(frozen=True)
class Report:
    """The machine and the installation. Sizes in bytes."""

    program: str
    system: str
    python: str
    cores: int
    memory_total: int
    memory_available: int
    disk_free: int
    home: str
    versions: dict[str, str]
    flavours: list[str]
    models: dict[str, bool]
    findings: list[Finding] = field(default_factory=list)
    devices: dict[str, Any] | None = None


def examine(home: Home) -> Report:
    """Look at the machine; asks no service and imports no library."""
    versions: dict[str, str] = {}
    for name in _REPORTED:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    flavours = [name for name, wheel in FLAVOURS.items() if wheel in versions]
    folder = home.made(home.root)
    memory = psutil.virtual_memory()
    store = ModelStore(home)
    return Report(
        program=__version__,
        system=platform.platform(),
        python=sys.version.split()[0],
        cores=psutil.cpu_count(logical=False) or 1,
        memory_total=memory.total,
        memory_available=memory.available,
        disk_free=shutil.disk_usage(folder).free,
        home=str(folder),
        versions=versions,
        flavours=flavours,
        models={entry.name: store.is_installed(entry.name) for entry in catalogue()},
        findings=_findings(versions, flavours),
    )


def _findings(versions: dict[str, str], flavours: list[str]) -> list[Finding]:
    found: list[Finding] = []
    if len(flavours) > 1:
        found.append(
            Finding(
                "install.two_runtimes",
                "Two flavours of ONNX Runtime are installed over each other: "
                + ", ".join(FLAVOURS[name] for name in flavours)
                + ".",
                "They share one folder and break each other. Set the environment up anew: "
                "python3 installers/bootstrap.py --flavour cpu --fresh doctor.",
            )
        )
    if not flavours:
        found.append(
            Finding(
                "install.no_runtime",
                "ONNX Runtime is not installed.",
                "Set the environment up: python3 installers/bootstrap.py doctor.",
            )
        )
    found.extend(
        Finding(
            "install.missing",
            f"{name} is not installed.",
            "Set the environment up: python3 installers/bootstrap.py doctor.",
        )
        for name in ("torch", "transformers", "peft", "datasets", "olive-ai")
        if name not in versions
    )
    if "cuda" in flavours and versions.get("torch", "").endswith("+cpu"):
        found.append(
            Finding(
                "install.cpu_torch",
                "ONNX Runtime is the CUDA flavour, but PyTorch is a CPU build, so training would "
                "run on the CPU.",
                "Install the CUDA build of the same PyTorch version.",
            )
        )
    return found
