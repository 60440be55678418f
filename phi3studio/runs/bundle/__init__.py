"""The edge bundle: everything that is needed to use a run's model elsewhere, in one place.

A folder or a zip file; either is whole or not there. It names no folder of this computer and
holds no row of the data.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from phi3studio.app.files import expanded
from phi3studio.domain.errors import InputError, RunError
from phi3studio.domain.messages import Phrase
from phi3studio.runs.bundle.contents import (
    SUMS,
    BrowserBundle,
    GgufBundle,
    What,
    collect,
    result_folder,
)
from phi3studio.runs.bundle.writers import open_writer
from phi3studio.runs.store import RunFolder

_SPARE_BYTES = 4 * 1024 * 1024
_CHUNK = 1024 * 1024

OnProgress = Callable[[int, int], None]
"""Hears the bytes that are written and those of the whole; what it raises ends the export."""


@dataclass(frozen=True)
class Bundle:
    """What was written. ``notes`` say what is different from the run, or missing."""

    path: Path
    files: tuple[str, ...]
    bytes: int
    notes: tuple[Phrase, ...]


def export_bundle(
    run: RunFolder,
    out: Path,
    what: What = "model",
    *,
    olive: Path | None = None,
    gguf: GgufBundle | None = None,
    foundry: str | None = None,
    browser: BrowserBundle | None = None,
    replace: bool = False,
    on_progress: OnProgress = lambda done, total: None,
) -> Bundle:
    """Write the bundle of *run* to *out*: a zip file if its name ends so, else a folder.

    *what* is the exported model, only the adapter, or the merged model. *olive* is a folder with
    the Olive config of the recipe; *gguf* a GGUF file that was made of the run's model, which the
    bundle then holds instead; *foundry* the name under which Foundry Local is to find the model;
    *browser* the model's graph for a page, and its library.
    *replace* lets an existing bundle be replaced once the new one is whole. Raises
    :class:`InputError` for a run or target that will not do, :class:`RunError` when the disk does
    not take it; then, and when *on_progress* raises, nothing is left.
    """
    out = expanded(out).absolute()
    check_export(run, out, what, replace=replace)
    contents = collect(run, what, olive, gguf, foundry, browser)
    total = sum(entry.size for entry in contents.entries)
    _check_room(out, total)
    done = 0
    names: list[str] = []
    sums: list[str] = []
    try:
        with open_writer(out) as writer:
            for entry in contents.entries:
                digest = hashlib.sha256()
                with writer.file(entry.name, entry.is_text) as file, entry.open() as source:
                    while chunk := source.read(_CHUNK):
                        file.write(chunk)
                        digest.update(chunk)
                        done += len(chunk)
                        on_progress(done, total)
                names.append(entry.name)
                sums.append(f"{digest.hexdigest()}  {entry.name}\n")
            with writer.file(SUMS, True) as file:
                file.write("".join(sums).encode())
    except OSError as exc:
        raise RunError("export.not_written", path=out, reason=exc.strerror or str(exc)) from exc
    return Bundle(out, (*names, SUMS), done, contents.notes)


def check_export(run: RunFolder, out: Path, what: What, *, replace: bool) -> None:
    """Raise :class:`InputError` for a run or target that will not do; reads no contents."""
    _check_target(out, replace)
    result_folder(run, what)


def _check_target(out: Path, replace: bool) -> None:
    if out.is_dir() and out.suffix.lower() == ".zip":
        raise InputError("export.exists", variant="folder", path=out)
    taken = out.exists() and not (out.is_dir() and not any(out.iterdir()))
    if taken and not replace:
        raise InputError("export.exists", path=out)
    if taken and out.is_dir() and not (out / SUMS).is_file():
        raise InputError("export.not_a_bundle", path=out)
    if out.is_file() and out.suffix.lower() != ".zip":
        raise InputError("export.exists", variant="file", path=out)


def _check_room(out: Path, total: int) -> None:
    folder = out.parent
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < total + _SPARE_BYTES:
        raise RunError("disk.full", variant="bundle", needed=total, folder=folder, free=free)
