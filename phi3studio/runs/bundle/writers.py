"""Writing a folder or a zip file that is whole or not there."""

from __future__ import annotations

import contextlib
import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Protocol

# The same bundle has the same bytes whenever it is written.
_DATE = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644 << 16


class Writer(Protocol):
    """Takes one file after the other."""

    def file(self, name: str, text: bool) -> contextlib.AbstractContextManager[IO[bytes]]:
        """A file to write into; *name* has forward slashes. Text is worth compressing."""


class _FolderWriter:
    def __init__(self, root: Path) -> None:
        self._root = root

    @contextlib.contextmanager
    def file(self, name: str, text: bool) -> Iterator[IO[bytes]]:
        path = self._root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())


class _ZipWriter:
    def __init__(self, archive: zipfile.ZipFile, root: str) -> None:
        self._archive = archive
        self._root = root

    @contextlib.contextmanager
    def file(self, name: str, text: bool) -> Iterator[IO[bytes]]:
        info = zipfile.ZipInfo(f"{self._root}/{name}", _DATE)
        # Weights do not get smaller, and would take minutes.
        info.compress_type = zipfile.ZIP_DEFLATED if text else zipfile.ZIP_STORED
        info.external_attr = _MODE
        info.create_system = 3
        with self._archive.open(info, "w", force_zip64=True) as file:
            yield file


@contextlib.contextmanager
def open_writer(out: Path) -> Iterator[Writer]:
    """A writer to a place next to *out*, which becomes *out* when the block ends well.

    What was there is replaced at that moment; when the block raises, nothing is left.
    """
    made = _made_parents(out.parent)
    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    try:
        _remove(partial)
        if out.suffix.lower() == ".zip":
            with partial.open("xb") as file:
                with zipfile.ZipFile(file, "w", allowZip64=True) as archive:
                    yield _ZipWriter(archive, out.stem)
                file.flush()
                os.fsync(file.fileno())
        else:
            partial.mkdir()
            yield _FolderWriter(partial)
        _swap(partial, out)
    except BaseException:
        _remove(partial)
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


def _swap(partial: Path, out: Path) -> None:
    if not out.is_dir():
        partial.replace(out)
        return
    old = out.with_name(f".{out.name}.{os.getpid()}.old")
    _remove(old)
    out.rename(old)
    try:
        partial.rename(out)
    except BaseException:
        old.rename(out)
        raise
    _remove(old)


def _made_parents(folder: Path) -> list[Path]:
    """Make *folder*; the folders that were made for it, the innermost first."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        path.mkdir()
    return missing


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
