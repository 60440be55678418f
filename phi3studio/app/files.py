"""Writing that a power cut cannot halve, locks that nothing can fake, and passing folders."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from phi3studio.domain.errors import InputError
from phi3studio.domain.parsing import parse_json

PATIENCE_S = 1.0
"""How long taking a lock waits for those who only look, which takes them microseconds."""

_LOOK_S = 0.02
_SCRATCH, _HELD = ".scratch-", ".held"


def write_atomically(path: Path, text: str) -> None:
    """Replace *path* by *text* (UTF-8), wholly or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        with partial.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise


def keep_for_good(path: Path) -> None:
    """Have a file, or a folder with everything in it, on the disk itself before this returns: what
    is renamed into place afterwards is whole after a power cut."""
    for item in [*path.rglob("*"), path]:
        if not item.is_symlink():
            _sync(item)


def _sync(path: Path) -> None:
    if path.is_dir() and sys.platform == "win32":
        return  # folders are not opened there
    descriptor = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, value: Any) -> None:
    """Replace *path* by *value* as indented JSON."""
    text = json.dumps(value, ensure_ascii=False, indent=2) + "\n"
    # Lone surrogates (file names in another encoding) become JSON's own escapes.
    write_atomically(path, text.encode("utf-8", "backslashreplace").decode("utf-8"))


def read_object(path: Path) -> dict[str, Any]:
    """A file's JSON object; empty where it is not there, damaged or something else."""
    try:
        values = parse_json(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def new_folder(path: Path) -> bool:
    """Make the folder of an ``--out`` option if it is not there; returns whether it was made."""
    if path.is_dir():
        return False
    try:
        path.mkdir(parents=True)
    except OSError as exc:
        raise InputError(
            "disk.not_writable", variant="out", path=path, reason=exc.strerror or exc
        ) from exc
    return True


def is_file(path: Path) -> bool:
    """Whether a name from outside is a file; one that no disk can have is none."""
    return os.path.isfile(path)  # noqa: PTH113 - never raises, as Path's does for long names


def is_dir(path: Path) -> bool:
    """The same for a folder."""
    return os.path.isdir(path)  # noqa: PTH112


def expanded(name: str | Path) -> Path:
    """A path with its ``~``; one of a user who does not exist stays as it is."""
    return Path(os.path.expanduser(name))  # noqa: PTH111


def folder_bytes(path: Path) -> int:
    """The size of a file, or of all files below a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(item.stat().st_size for item in path.rglob("*") if item.is_file())


def link_tree(source: Path, target: Path, without: str = "") -> None:
    """The folder *target* with links to the files of *source*, but for the one named *without*;
    copies where the disk has no links. Whoever changes a file has to replace it."""
    for file in [source, *source.rglob("*")]:
        place = target / file.relative_to(source)
        if file.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        elif file.name != without:
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(file, place)
            except OSError:  # another disk, or one without links
                shutil.copyfile(file, place)


def matching_files(name: str) -> list[Path]:
    """The files that a pattern (``data/*.jsonl``) names, sorted; empty for other names."""
    if not glob.has_magic(name):
        return []
    found = sorted(Path(match) for match in glob.glob(name, recursive=True))  # noqa: PTH207
    return [path for path in found if path.is_file()]


def is_held(file: Path) -> bool:
    """Whether a living process holds the lock *file*; nothing is made or changed.

    The system frees it when its holder dies: no clock, reused process number, other boot or copied
    folder can fake it. The file is never read: on Windows a locked range cannot be.
    """
    if sys.platform != "win32":
        import fcntl

        try:
            descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return False
        try:
            # Shared, so that those who look at once do not take one another for the holder.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
        except BlockingIOError:
            return True
        except OSError:
            pass  # a file system without flock, where filelock has a way of its own
        finally:
            os.close(descriptor)
    if not file.is_file():
        return False
    # Here and below, as it brings asyncio, which the window does without until it is painted.
    from filelock import FileLock, Timeout

    lock = FileLock(file, is_singleton=False)
    try:
        lock.acquire(timeout=_LOOK_S, poll_interval=_LOOK_S / 4)
    except Timeout:
        return True
    except OSError:
        return False
    lock.release()
    return False


@contextlib.contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """A folder in *parent* for half-made things (rows and models, often), removed at the end; those
    that killed processes left go first."""
    from filelock import FileLock

    for left in parent.glob(f"{_SCRATCH}*"):
        if (left / _HELD).is_file() and not is_held(left / _HELD):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix=_SCRATCH) as folder:
        lock = FileLock(Path(folder) / _HELD)
        lock.acquire(timeout=PATIENCE_S)
        try:
            yield Path(folder)
        finally:
            lock.release()
