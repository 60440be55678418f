"""Whether every file of a runtime pack is the one that was installed.

At each use the size and time of the large files are looked at, which takes milliseconds; a thorough
look reads everything and compares it with the hashes that the packages recorded.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import json
from pathlib import Path

from phi3studio.app.files import write_atomically
from phi3studio.domain.parsing import parse_json
from phi3studio.runtime_pack.place import PackPlace

# Smaller files are damaged seldom and are many; the thorough check looks at them too.
_LARGE = 1_000_000


def write_files(place: PackPlace) -> int:
    """Write down the files that matter; returns the bytes of all."""
    total = 0
    known: dict[str, tuple[int, int]] = {}
    for file in place.folder.rglob("*"):
        if file.is_symlink() or not file.is_file():
            continue
        facts = file.stat()
        total += facts.st_size
        if facts.st_size >= _LARGE or file.name in ("RECORD", "pyvenv.cfg"):
            known[file.relative_to(place.folder).as_posix()] = (facts.st_size, facts.st_mtime_ns)
    write_atomically(place.folder / "files.json", json.dumps({"v": 1, "files": known}))
    return total


def quick_damage(place: PackPlace) -> str:
    """What is wrong with a pack, empty for nothing: a file that is gone, or of another content."""
    try:
        known = parse_json((place.folder / "files.json").read_text("utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return "its list of files is gone"
    if not place.python.exists():
        return "its Python is gone"
    hashes: dict[str, tuple[str, int]] | None = None
    for name, (size, time) in known.items():
        try:
            facts = (place.folder / name).stat()
        except OSError:
            return f"{name} is gone"
        if facts.st_size != size:
            return f"{name} has {facts.st_size} bytes instead of {size}"
        if facts.st_mtime_ns != time and not name.endswith(("RECORD", "pyvenv.cfg")):
            # Another time, the same size: a copy of the home, or another content.
            hashes = _recorded(place) if hashes is None else hashes
            if not _matches(place.folder / name, hashes.get(name, ("", size))):
                return f"{name} was changed"
    return ""


def thorough_damage(place: PackPlace) -> str:
    """The same after reading every file."""
    damage = quick_damage(place)
    if damage:
        return damage
    for name, expected in _recorded(place).items():
        if not _matches(place.folder / name, expected):
            return f"{name} is gone or was changed"
    return ""


def damaged_packages(place: PackPlace) -> list[str]:
    """The names of the packages with a file that is gone or was changed; reads every file."""
    found = []
    for record in sorted(place.packages.glob("*.dist-info/RECORD")):
        files = _record_files(place, record)
        if not all(_matches(place.folder / name, expected) for name, expected in files.items()):
            found.append(record.parent.name.partition("-")[0])
    return found


def _recorded(place: PackPlace) -> dict[str, tuple[str, int]]:
    """Hash and size of every file, as its package recorded them."""
    found: dict[str, tuple[str, int]] = {}
    for record in place.packages.glob("*.dist-info/RECORD"):
        found |= _record_files(place, record)
    return found


def _record_files(place: PackPlace, record: Path) -> dict[str, tuple[str, int]]:
    found = {}
    prefix = place.packages.relative_to(place.folder)
    try:
        rows = list(csv.reader(record.read_text("utf-8").splitlines()))
    except (OSError, ValueError):
        return {record.relative_to(place.folder).as_posix(): ("sha256=", 0)}
    for row in rows:
        # Scripts lie outside of the library folder and name this very environment.
        if len(row) == 3 and row[1] and not row[0].startswith(".."):
            found[(prefix / row[0]).as_posix()] = (row[1], int(row[2] or 0))
    return found


def _matches(file: Path, expected: tuple[str, int]) -> bool:
    kind, _, wanted = expected[0].partition("=")
    try:
        if kind != "sha256":
            return file.stat().st_size == expected[1]
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").digest()
    except OSError:
        return False
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == wanted
