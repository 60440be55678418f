"""Shared libraries of a Linux bundle: what needs which, and what comes from the system."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from installers.tools import run
from phi3studio.app.allocator import LIBRARY

# What Qt loads to show a window and its wheel does not bring: the bundle takes it from the system
# that it is built on. With Debian's package of each.
OF_QT = {
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-glx.so.0": "libxcb-glx0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxkbcommon.so.0": "libxkbcommon0",
    # PyInstaller asks Qt itself where its parts are, and Qt loads these.
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
}

# What workers load ahead of the C library's heap, by a file name of their own.
OF_WORKERS = {LIBRARY: "libtcmalloc-minimal4"}

_MAGIC = b"\x7fELF"
_NEEDED = re.compile(r"\(NEEDED\).*\[(.+)\]")
_GLIBC = re.compile(r"Name: GLIBC_(\d+)\.(\d+)(?:\.\d+)?\s")
# Python's own extension modules lie at the top as well; they are imported by name.
_LOOSE = re.compile(r"lib(?!python)[^/]*\.so")
_BATCH = 100


@dataclass(frozen=True)
class Binary:
    """An ELF file: the names of the libraries that it loads, and the newest glibc it asks for."""

    file: Path
    needs: frozenset[str]
    glibc: tuple[int, int]


def elf_files(folder: Path) -> Iterator[Path]:
    """Every program and library below *folder*, links left out."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as stream:
                if stream.read(4) == _MAGIC:
                    yield path


def binaries(folder: Path) -> list[Binary]:
    """Every ELF file below *folder*, as ``readelf`` reads it."""
    files = list(elf_files(folder))
    found: list[Binary] = []
    for start in range(0, len(files), _BATCH):
        batch = files[start : start + _BATCH]
        # The extra name makes readelf print a heading even for a single file.
        said = run(["readelf", "-d", "-V", "-W", *batch, batch[0]])
        parts = re.split(r"^File: (.+)$", said, flags=re.MULTILINE)
        texts = dict(zip(parts[1::2], parts[2::2], strict=True))
        for file in batch:
            text = texts[str(file)]
            versions = [(int(major), int(minor)) for major, minor in _GLIBC.findall(text)]
            found.append(
                Binary(file, frozenset(_NEEDED.findall(text)), max(versions, default=(0, 0)))
            )
    return found


def drop_unneeded(folder: Path) -> list[str]:
    """Delete the libraries at the top that nothing loads any more; returns their names.

    PyInstaller copies what each plugin needs before we leave plugins out: GTK with all that hangs
    on it, for one. Links to what was left out go as well.
    """
    contents = folder / "_internal"
    for link in list(contents.iterdir()):
        if link.is_symlink() and not link.exists():
            link.unlink()
    everything = {binary.file: binary for binary in binaries(folder)}
    loose = {
        file.name: binary
        for file, binary in everything.items()
        if file.parent == contents and _LOOSE.match(file.name)
    }
    loose |= {
        link.name: everything[link.resolve()]
        for link in contents.iterdir()
        if link.is_symlink() and _LOOSE.match(link.name) and link.resolve() in everything
    }
    used: set[str] = set()
    waiting = [binary for file, binary in everything.items() if file.name not in loose]
    while waiting:
        for name in waiting.pop().needs:
            if name in loose and name not in used:
                used.add(name)
                waiting.append(loose[name])
    dropped = sorted(name for name in loose if name not in used)
    for name in dropped:
        (contents / name).unlink()
    return dropped


def from_system(found: Iterable[Binary]) -> set[str]:
    """The names of the libraries that the bundle loads and does not hold."""
    found = list(found)
    inside = {binary.file.name for binary in found}
    folders = {binary.file.parent for binary in found}
    inside |= {link.name for folder in folders for link in folder.iterdir() if link.is_symlink()}
    return {name for binary in found for name in binary.needs} - inside


def newest_glibc(found: Iterable[Binary]) -> str:
    """The glibc that the system must have at least, such as ``2.36``."""
    return ".".join(map(str, max(binary.glibc for binary in found)))
