"""The runtime pack: libraries for an NVIDIA GPU, downloaded into the data directory on request.

The program itself comes with the CPU flavour. A pack is a private Python environment of the
third-party libraries only; the program's own code always comes from the program, so an update of
it does not touch the pack, and two versions of the program can share one.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from phi3studio.domain.errors import InputError
from phi3studio.domain.parsing import parse_json
from phi3studio.domain.recipe import Recipe

PackName = Literal["cuda"]
PACKS: tuple[PackName, ...] = ("cuda",)

GENERATION = 1
"""Packs of the same generation run this program; raised when older libraries no longer do."""

PackState = Literal["absent", "partial", "whole", "renewable", "broken", "unusable"]
"""``partial``: an installation was begun; ``renewable``: works, but this program brings newer
libraries; ``unusable``: of another generation."""
USABLE: tuple[PackState, ...] = ("whole", "renewable")
"""The states in which workers can be started in a pack."""

_VERSION = 1
_PLATFORMS = {
    ("linux", "x86_64"): "linux",
    ("linux", "amd64"): "linux",
    ("windows", "amd64"): "windows",
    ("windows", "x86_64"): "windows",
}


def pack_platform(system: str, machine: str) -> str | None:
    """The part of the lock file's name that stands for a platform; ``None`` without a pack."""
    return _PLATFORMS.get((system.lower(), machine.lower()))


def check_name(name: str) -> PackName:
    """*name* as a pack's name; raises :class:`InputError`."""
    for known in PACKS:
        if name == known:
            return known
    raise InputError("runtime.unknown", name=name, names=PACKS)


@dataclass(frozen=True)
class PackFacts:
    """What is known of a pack before it is downloaded, kept next to its lock file.

    ``download_bytes`` and ``installed_bytes`` over all packages; ``python``: the minor version
    that the lock was made for; ``imports``: what has to be importable in the end; ``loads``: the
    shared libraries that have to load, whose own libraries other packages bring, as paths below
    the environment's packages; ``indexes``: where the packages are, the most special one first.
    """

    generation: int
    python: str
    packages: int
    download_bytes: int
    installed_bytes: int
    imports: tuple[str, ...]
    loads: tuple[str, ...]
    indexes: tuple[str, ...]

    def to_json(self) -> str:
        """The text of the file."""
        return json.dumps({"v": _VERSION, **asdict(self)}, indent=2) + "\n"


def parse_facts(text: str) -> PackFacts:
    """The facts of a pack; raises :class:`ValueError` for a damaged file."""
    values = _object(text)
    try:
        return PackFacts(
            generation=int(values["generation"]),
            python=str(values["python"]),
            packages=int(values["packages"]),
            download_bytes=int(values["download_bytes"]),
            installed_bytes=int(values["installed_bytes"]),
            imports=tuple(str(name) for name in values["imports"]),
            loads=tuple(str(path) for path in values["loads"]),
            indexes=tuple(str(url) for url in values["indexes"]),
        )
    except (KeyError, TypeError) as exc:
        raise ValueError(f"no facts of a pack: {exc}") from exc


def lock_id(lock: str) -> str:
    """What names the folder of a pack: a short hash of its lock file, whatever its line ends."""
    return hashlib.sha256(lock.replace("\r\n", "\n").encode()).hexdigest()[:12]


@dataclass(frozen=True)
class PackRecord:
    """What is written into a pack when it is whole (``pack.json``).

    ``program``: the version that made it; ``python``: of its interpreter; ``made``: seconds since
    the epoch; ``versions`` of what was imported to prove it.
    """

    lock: str
    generation: int
    program: str
    python: str
    made: float
    bytes: int
    versions: dict[str, str]

    def to_json(self) -> str:
        """The text of the file."""
        return json.dumps({"v": _VERSION, **asdict(self)}, indent=2) + "\n"


def parse_record(text: str) -> PackRecord | None:
    """The record of a pack; ``None`` for a damaged one or one of a newer format."""
    try:
        values = _object(text)
        return PackRecord(
            lock=str(values["lock"]),
            generation=int(values["generation"]),
            program=str(values["program"]),
            python=str(values["python"]),
            made=float(values["made"]),
            bytes=int(values["bytes"]),
            versions={str(k): str(v) for k, v in dict(values["versions"]).items()},
        )
    except (ValueError, KeyError, TypeError):
        return None


def pack_state(record: PackRecord, wanted: str, damage: str) -> PackState:
    """The state of a pack with a record; *wanted*: the id of this program's lock file."""
    if record.generation != GENERATION:
        return "unusable"
    if damage:
        return "broken"
    return "whole" if record.lock == wanted else "renewable"


@dataclass(frozen=True)
class PackStatus:
    """A pack as this machine has it. ``damage`` says what is wrong with a broken one; ``bytes``
    are what it and its unfinished parts take on the disk; ``bundled``: this installation has the
    flavour itself and needs no pack.
    """

    name: PackName
    state: PackState
    facts: PackFacts
    record: PackRecord | None = None
    damage: str = ""
    bytes: int = 0
    bundled: bool = False

    @property
    def usable(self) -> bool:
        """Whether workers are started in it."""
        return self.state in USABLE and not self.bundled


@dataclass(frozen=True)
class PackProgress:
    """How far an installation is: packages and bytes on the disk, of how many in all."""

    activity: Literal["python", "packages", "proof"]
    packages: int
    packages_total: int
    bytes: int
    bytes_total: int


def wants_cuda(recipe: Recipe) -> bool:
    """Whether a run of *recipe* gains from the CUDA pack.

    Training that is left to the program takes the GPU where there is one; a model that is made
    for CUDA is measured there.
    """
    if recipe.target.train_on == "azureml":
        return False
    on_gpu = recipe.target.train_on in ("auto", "cuda") and "train" in recipe.steps
    return on_gpu or recipe.target.provider == "cuda"


def _object(text: str) -> dict[str, Any]:
    values = parse_json(text)
    if not isinstance(values, dict) or values.get("v") != _VERSION:
        raise ValueError("not of this format")
    return values
