"""Runtime packs on this disk: their state, what they need to run, and their removal."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil

from phi3studio.app.about import installed_version
from phi3studio.app.paths import Home
from phi3studio.domain.errors import InputError
from phi3studio.runtime_pack.damage import quick_damage, thorough_damage
from phi3studio.runtime_pack.pack_files import PackName, PackRecord, PackStatus, pack_state
from phi3studio.runtime_pack.place import PackPlace, PackSource, drop, pack_source, tree_bytes

_PYTHON_TIMEOUT_S = 30.0
_FLAVOUR_WHEEL = "onnxruntime-gpu"


def pack_status(home: Home, name: PackName, *, thorough: bool = False) -> PackStatus | None:
    """The pack of this program, else an older one that still runs; ``None`` without packs here.

    Looks at the size and time of each large file; *thorough* reads every file and compares it
    with the hash that its package recorded (a minute or more).
    """
    source = pack_source(name)
    if source is None:
        return None
    place, record = found_pack(home, source)
    if record is None:
        begun = place.folder.exists() or place.cache.exists()
        size = tree_bytes(place.root) if begun else 0
        return PackStatus(
            name, "partial" if begun else "absent", source.facts, bytes=size, bundled=bundled()
        )
    damage = thorough_damage(place) if thorough else quick_damage(place)
    state = pack_state(record, source.id, damage)
    return PackStatus(name, state, source.facts, record, damage, record.bytes, bundled())


def found_pack(home: Home, source: PackSource) -> tuple[PackPlace, PackRecord | None]:
    """The whole pack of *source*, else the newest other one, else its place without a record."""
    mine = PackPlace(home, source.name, source.id)
    record = mine.record()
    if record is not None:
        return mine, record
    others = []
    for folder in sorted(mine.folder.parent.glob("*")):
        place = PackPlace(home, source.name, folder.name)
        other = place.record()
        if other is not None and folder.name == other.lock:
            others.append((other.made, place, other))
    if not others:
        return mine, None
    _, place, other = max(others, key=lambda item: item[0])
    return place, other


def bundled() -> bool:
    """Whether this installation is of the CUDA flavour itself."""
    return installed_version(_FLAVOUR_WHEEL) is not None


def remove_pack(home: Home, name: PackName) -> int:
    """Remove the packs of *name* with all that was downloaded for them; returns the bytes freed.

    Raises :class:`InputError` while one is used or made.
    """
    place = PackPlace(home, name, "")
    if not place.root.exists():
        return 0
    with place.held():
        in_use = users(place.root)
        if in_use:
            raise InputError("runtime.in_use", process=in_use[0])
        freed = tree_bytes(place.root)
        for folder in (place.root / name, place.cache, place.interpreters):
            drop(folder)
    return freed


def users(root: Path) -> list[int]:
    """Processes that were started with an interpreter below *root*."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"]
        if command and Path(command[0]).is_relative_to(root):
            found.append(process.pid)
    return found


def library_environment(place: PackPlace, base: Mapping[str, str]) -> dict[str, str]:
    """*base* with the places of CUDA's libraries in the pack on the loader's search path.

    ONNX Runtime and genai load them by name. PyTorch knows its own places, but for what both
    need in different versions the names differ.
    """
    variable, inside = ("PATH", "bin") if os.name == "nt" else ("LD_LIBRARY_PATH", "lib")
    folders = sorted(map(str, (place.packages / "nvidia").glob(f"*/{inside}")))
    before = base.get(variable)
    paths = os.pathsep.join([*folders, *([before] if before else [])])
    return {**base, **({variable: paths} if paths else {})}


def python_works(python: Path) -> bool:
    """Whether the interpreter starts at all (about 20 ms)."""
    creation = 0
    if sys.platform == "win32":
        creation = subprocess.CREATE_NO_WINDOW
    try:
        done = subprocess.run(
            [str(python), "-I", "-c", "import encodings, json, zlib"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_PYTHON_TIMEOUT_S,
            check=False,
            creationflags=creation,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0
