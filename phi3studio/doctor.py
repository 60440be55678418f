"""What the computer has, what is installed and whether it fits together, importing none of it."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any, Literal

import psutil

from phi3studio import __version__
from phi3studio.app.about import installed_version
from phi3studio.app.advice import repair
from phi3studio.app.machine_speed import processor_name, read_ratios, read_speed
from phi3studio.app.paths import Home
from phi3studio.app.program import find_program
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import Said, plain_values, say
from phi3studio.models.model_store import ModelStore, catalogue
from phi3studio.runtime_pack.installed import pack_status
from phi3studio.runtime_pack.pack_files import PackState, PackStatus
from phi3studio.runtime_pack.place import no_pack
from phi3studio.wizard.flow import MachineFacts

CudaReason = Literal["", "no_gpu", "cpu_torch"]
"""Why no CUDA device can train; empty: one can."""
DirectMlReason = Literal["", "not_windows", "not_installed"]
Level = Literal["error", "warning"]

FLAVOURS = {
    "cpu": "onnxruntime",
    "cuda": "onnxruntime-gpu",
    "directml": "onnxruntime-directml",
}
_GENAI = ("onnxruntime-genai", "onnxruntime-genai-cuda", "onnxruntime-genai-directml")
_REPORTED = (
    "torch",
    "transformers",
    "peft",
    "datasets",
    "olive-ai",
    *FLAVOURS.values(),
    *_GENAI,
    "bitsandbytes",
    "pyside6",
)
_LOW_DISK = 5_000_000_000
_LOW_MEMORY = 4_000_000_000


@dataclass(frozen=True)
class Diagnosis:
    """Something that is wrong, and what to do about it; a ``warning`` lets runs work.

    :func:`diagnosis` makes one of a code of the message catalogue.
    """

    code: str
    level: Level
    variant: str
    values: dict[str, Any]

    @property
    def recorded(self) -> Said:
        """No words of its own: they are in the catalogue."""
        return Said("")

    def to_json(self) -> dict[str, Any]:
        """Code and values, and what they say in English."""
        said = say(self)
        words = {"message": said.message, "hint": said.hint}
        return {"code": self.code, **words, "level": self.level, "values": self.values}


def diagnosis(
    code: str, /, *, level: Level = "error", variant: str = "", **values: Any
) -> Diagnosis:
    """A diagnosis: a code of the message catalogue with its values."""
    return Diagnosis(code, level, variant, plain_values(values))


@dataclass(frozen=True)
class Report:
    """The machine and the installation. Sizes in bytes.

    ``gpu`` is the name that the driver gives, also where the installed torch cannot use it.
    ``cuda_pack``: the state of the runtime pack, ``None`` where there is none for this system.
    """

    program: str
    system: str
    processor: str
    python: str
    cores: int
    memory_total: int
    memory_available: int
    disk_free: int
    home: str
    versions: dict[str, str]
    flavours: list[str]
    models: dict[str, bool]
    gpu: str | None = None
    gpu_memory: int = 0
    cuda_reason: CudaReason = "no_gpu"
    directml_reason: DirectMlReason = "not_windows"
    flops: float = 0.0
    ratios: dict[str, float] = field(default_factory=dict)
    cuda_pack: PackState | None = None
    findings: list[Diagnosis] = field(default_factory=list)
    devices: dict[str, Any] | None = None

    @property
    def facts(self) -> MachineFacts:
        """The same for the wizard's decisions."""
        cuda = not self.cuda_reason
        return MachineFacts(
            memory=self.memory_total,
            free_memory=self.memory_available,
            free_disk=self.disk_free,
            cores=self.cores,
            cuda=self.gpu if cuda else None,
            cuda_memory=self.gpu_memory if cuda else 0,
            directml=not self.directml_reason,
            flops=self.flops,
            ratios=self.ratios,
        )


def examine(home: Home) -> Report:
    """Look at the machine; asks no service and imports no library.

    Takes up to a few seconds where a GPU driver has to wake up.
    """
    versions = {name: version for name in _REPORTED if (version := installed_version(name))}
    flavours = [name for name, wheel in FLAVOURS.items() if wheel in versions]
    gpu, gpu_memory = _gpu()
    folder, unwritable = home.root, []
    try:
        home.made(folder)
    except InputError as error:
        unwritable = [diagnosis(error.code, variant=error.variant, **error.values)]
        while not folder.exists():
            folder = folder.parent
    memory = psutil.virtual_memory()
    disk = shutil.disk_usage(folder).free
    store = ModelStore(home)
    pack = pack_status(home, "cuda")
    return Report(
        program=__version__,
        system=platform.platform(),
        processor=processor_name(),
        python=sys.version.split()[0],
        cores=psutil.cpu_count(logical=False) or psutil.cpu_count() or 1,
        memory_total=memory.total,
        memory_available=memory.available,
        disk_free=disk,
        home=str(home.root),
        versions=versions,
        flavours=flavours,
        models={entry.name: store.is_installed(entry.name) for entry in catalogue()},
        gpu=gpu,
        gpu_memory=gpu_memory,
        flops=speed.float32 if (speed := read_speed(home)) is not None else 0.0,
        ratios=read_ratios(home),
        cuda_reason=_cuda_reason(gpu, versions, pack),
        cuda_pack=pack.state if pack is not None else None,
        directml_reason=_directml_reason(versions),
        findings=[
            *_installation(versions, flavours, gpu, pack),
            *_machine(memory.available, disk),
            *unwritable,
        ],
    )


def _gpu() -> tuple[str | None, int]:
    """Name and memory in bytes of the first NVIDIA GPU, from its driver's own tool."""
    tool = find_program("nvidia-smi")
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


def _cuda_reason(gpu: str | None, versions: dict[str, str], pack: PackStatus | None) -> CudaReason:
    if gpu is None:
        return "no_gpu"
    if pack is not None and pack.usable:
        return ""
    return "cpu_torch" if is_cpu_torch(versions.get("torch"), sys.platform) else ""


def is_cpu_torch(version: str | None, system: str) -> bool:
    """Whether PyTorch is a CPU build, judged by its version; ``False`` where there is none.

    PyTorch's own index names the kind in it; PyPI's wheels do not, and are CUDA builds on Linux
    and CPU builds elsewhere. *system* as in ``sys.platform``.
    """
    if version is None:
        return False
    kind = version.partition("+")[2]
    return kind == "cpu" or (not kind and system != "linux")


def _directml_reason(versions: dict[str, str]) -> DirectMlReason:
    if sys.platform != "win32":
        return "not_windows"
    return "" if FLAVOURS["directml"] in versions else "not_installed"


def _installation(
    versions: dict[str, str], flavours: list[str], gpu: str | None, pack: PackStatus | None
) -> list[Diagnosis]:
    found: list[Diagnosis] = []
    genais = [name for name in _GENAI if name in versions]
    if len(flavours) > 1 or len(genais) > 1:
        names = [*(FLAVOURS[name] for name in flavours), *genais]
        remedy = repair("--flavour cpu --fresh doctor")
        found.append(diagnosis("install.two_runtimes", names=names, remedy=remedy))
    if not flavours or not genais:
        found.append(diagnosis("install.no_runtime", remedy=repair("doctor")))
    found.extend(
        diagnosis("install.missing", name=name, remedy=repair("doctor"))
        for name in ("torch", "transformers", "peft", "datasets", "olive-ai")
        if name not in versions
    )
    cpu_torch = is_cpu_torch(versions.get("torch"), sys.platform)
    if cpu_torch and "cuda" in flavours:
        found.append(diagnosis("install.cpu_torch"))
    elif pack is not None and pack.state in ("broken", "unusable"):
        variant = "" if pack.damage else "other_version"
        found.append(
            diagnosis("runtime.damaged", level="warning", variant=variant, damage=pack.damage)
        )
    elif cpu_torch and gpu is not None and not (pack is not None and pack.usable):
        found.append(_idle_gpu(gpu, pack))
    return found


def _idle_gpu(gpu: str, pack: PackStatus | None) -> Diagnosis:
    """A GPU that PyTorch's CPU build cannot train on, and whether a pack can be had."""
    if pack is None:
        reason = no_pack("cuda")
        return diagnosis("install.gpu_out_of_reach", level="warning", gpu=gpu, reason=reason)
    return diagnosis("install.gpu_unused", level="warning", gpu=gpu)


def _machine(memory: int, disk: int) -> list[Diagnosis]:
    found: list[Diagnosis] = []
    if disk < _LOW_DISK:
        found.append(diagnosis("machine.low_disk", level="warning", free=disk))
    if memory < _LOW_MEMORY:
        found.append(diagnosis("machine.low_memory", level="warning", free=memory))
    return found
