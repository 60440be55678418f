"""Where a runtime pack is, and what this program has of one.

Below the data directory::

    runtime/NAME/ID/        the environment that the lock file with that id describes
        pack.json           written last: without it the pack is unfinished
        files.json          size and time of each file that matters, to notice damage
    runtime/NAME.lock       held while one is made or removed
    runtime/cache/          what has arrived of an unfinished one
    runtime/python/         the interpreter, where the program has none to lend

Every version of the program that uses this home finds the folder of its own lock file, so two
versions side by side do not disturb each other.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from phi3studio.app.advice import from_source
from phi3studio.app.paths import Home
from phi3studio.domain.errors import InputError
from phi3studio.resources import resources
from phi3studio.runtime_pack.pack_files import (
    PackFacts,
    PackName,
    PackRecord,
    lock_id,
    pack_platform,
    parse_facts,
    parse_record,
)

LOCKS_VARIABLE = "PHI3STUDIO_PACK_LOCKS"
"""Names another folder of lock files, for those who keep packages of their own."""


@dataclass(frozen=True)
class PackSource:
    """What this program has of a pack: its lock file's text, its facts, and the folder from which
    a Python that is not the program's own imports the program's code."""

    name: PackName
    lock_file: Path
    lock: str
    facts: PackFacts
    app: Path

    @property
    def id(self) -> str:
        """What names the pack's folder."""
        return lock_id(self.lock)


def pack_source(name: PackName) -> PackSource | None:
    """The lock file for this platform; ``None`` where there is no pack for it."""
    where = pack_platform(platform.system(), platform.machine())
    if where is None:
        return None
    named = os.environ.get(LOCKS_VARIABLE)
    folder = Path(named) if named else bundled_folder() / "locks"
    file = folder / f"{name}-{where}.txt"
    try:
        lock = file.read_text("utf-8")
        facts = parse_facts(file.with_suffix(".json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return PackSource(name, file, lock, facts, app_folder())


def no_pack(name: PackName) -> InputError:
    """Why :func:`pack_source` found nothing, and what can be done instead."""
    system, machine = platform.system(), platform.machine()
    where = pack_platform(system, machine)
    if where is None:
        return InputError("runtime.no_platform", pack=name.upper(), system=system, machine=machine)
    if where == "windows":
        variant = "windows_source" if from_source() else "windows"
    else:
        variant = "source" if from_source() else ""
    return InputError(
        "runtime.not_in_build",
        variant=variant,
        pack=name.upper(),
        system=system,
        list=f"{name}-{where}",
    )


def bundled_folder() -> Path:
    """The folder with ``locks/``: ``runtime`` of the frozen app, else ``installers``."""
    if getattr(sys, "frozen", False):
        return resources().parent / "runtime"
    return resources().parent / "installers"


def app_folder() -> Path:
    """The folder that holds the package ``phi3studio`` as plain source."""
    if getattr(sys, "frozen", False):
        return bundled_folder() / "app"
    return Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class PackPlace:
    """The places of one pack in a home."""

    home: Home
    name: PackName
    id: str

    @property
    def root(self) -> Path:
        """What all packs share."""
        return self.home.root / "runtime"

    @property
    def folder(self) -> Path:
        """The environment."""
        return self.root / self.name / self.id

    @property
    def cache(self) -> Path:
        """What has arrived so far."""
        return self.root / "cache"

    @property
    def interpreters(self) -> Path:
        """Interpreters that were downloaded."""
        return self.root / "python"

    @property
    def log(self) -> Path:
        """What the installer said, for reports."""
        return self.home.root / "logs" / "runtime-pack.log"

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        if os.name == "nt":
            return self.folder / "Scripts" / "python.exe"
        return self.folder / "bin" / "python"

    @property
    def packages(self) -> Path:
        """Where the libraries are; need not exist."""
        if os.name == "nt":
            return self.folder / "Lib" / "site-packages"
        return next(iter(self.folder.glob("lib/python*/site-packages")), self.folder / "lib")

    def record(self) -> PackRecord | None:
        """What the pack says of itself; ``None`` for an unfinished one."""
        try:
            return parse_record((self.folder / "pack.json").read_text("utf-8"))
        except OSError:
            return None

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep others from making or removing the pack meanwhile; raises :class:`InputError`."""
        self.home.made(self.root)
        lock = FileLock(self.root / f"{self.name}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as exc:
            raise InputError("runtime.busy") from exc
        try:
            yield
        finally:
            lock.release()


def drop(folder: Path) -> None:
    """Remove a folder; what is left of it by a crash is no longer found under its name."""
    if not folder.exists():
        return
    doomed = folder.with_name(f".removed-{uuid.uuid4().hex[:8]}")
    folder.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def tree_bytes(folder: Path, stop: Callable[[], bool] = lambda: False) -> int:
    """The bytes of all files below *folder*, each inode once; files may come and go meanwhile."""
    total, seen, waiting = 0, set(), [str(folder)]
    while waiting and not stop():
        try:
            entries = list(os.scandir(waiting.pop()))
        except OSError:
            continue
        for entry in entries:
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    facts = entry.stat(follow_symlinks=False)
                    if facts.st_nlink > 1:
                        if (facts.st_dev, facts.st_ino) in seen:
                            continue
                        seen.add((facts.st_dev, facts.st_ino))
                    total += facts.st_size
    return total
