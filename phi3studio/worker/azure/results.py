"""The job's results: written with their checksums there, downloaded and verified here."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from phi3studio.app.files import write_json
from phi3studio.domain.errors import RunError, first_line
from phi3studio.runs.store import RunFolder
from phi3studio.worker.azure.patience import Patience

CHECKSUMS = "checksums.json"
"""Written last: a folder without it is not complete."""
EVENTS = "events.jsonl"
"""The job's events once more, for a service that did not show them while the job ran."""
# Folders of a run that are none of its results; its card is written again here.
_NOT_RESULTS = frozenset({"work", "checkpoints", "card"})

_VERSION = 1
_BLOCK = 16 * 1024 * 1024
_SPARE_BYTES = 200_000_000


def write_results(run: RunFolder, output: Path) -> None:
    """Copy the run's results to *output* (a mounted folder) and write their checksums."""
    output.mkdir(parents=True, exist_ok=True)
    files: dict[str, dict[str, Any]] = {}
    for name in sorted({Path(made.path).parts[0] for made in run.view().artifacts.values()}):
        folder = run.path / name
        for file in sorted(folder.rglob("*")) if name not in _NOT_RESULTS else []:
            if file.is_file():
                path = file.relative_to(run.path).as_posix()
                digest = copy(file, output / path)
                files[path] = {"bytes": file.stat().st_size, "sha256": digest}
    copy(run.events_file, output / EVENTS)
    write_json(output / CHECKSUMS, {"version": _VERSION, "files": files})


def copy(file: Path, to: Path) -> str:
    """Copy from beginning to end, which is all that a mounted store can do; returns the SHA-256."""
    to.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with file.open("rb") as source, to.open("wb") as target:
        while block := source.read(_BLOCK):
            digest.update(block)
            target.write(block)
    return digest.hexdigest()


class Results:
    """Downloads the results of a job from its output folder, block by block."""

    def __init__(self, folder: Any, patience: Patience, tell: Callable[[int, int], None]) -> None:
        """*folder*: the output's; *tell* gets the bytes done and their number."""
        self._folder = folder
        self._patience = patience
        self._tell = tell

    def fetch(self, run: RunFolder) -> list[str]:
        """Place the results in the run's folder, verified; returns the parts that came.

        What an earlier attempt downloaded is kept. Raises :class:`RunError` where the results are
        missing or damaged; then nothing was placed.
        """
        files = self._checksums()
        total = sum(int(file["bytes"]) for file in files.values())
        scratch = run.work / "azure-results"
        scratch.mkdir(parents=True, exist_ok=True)
        _check_space(scratch, total)
        done = 0
        for path, file in files.items():
            self._file(path, int(file["bytes"]), str(file["sha256"]), scratch / path, done, total)
            done += int(file["bytes"])
        self._tell(total, total)
        placed = sorted(folder.name for folder in scratch.iterdir())
        for name in placed:
            shutil.rmtree(run.path / name, ignore_errors=True)
            (scratch / name).rename(run.path / name)
        shutil.rmtree(scratch, ignore_errors=True)
        return placed

    def _checksums(self) -> dict[str, dict[str, Any]]:
        from azure.core.exceptions import ResourceNotFoundError

        blob = self._folder.blob(CHECKSUMS)
        try:
            text = self._patience(lambda: blob.download_blob().readall())
            files: dict[str, dict[str, Any]] = json.loads(text)["files"]
            for path, file in files.items():
                _check_path(path)
                int(file["bytes"]), str(file["sha256"])
        except RunError:
            raise
        except Exception as exc:
            missing = isinstance(exc.__cause__ or exc, ResourceNotFoundError)
            variant = "" if missing else "unreadable"
            raise RunError("azure.no_results", variant=variant, reason=first_line(exc)) from exc
        return files

    def _file(self, path: str, size: int, digest: str, to: Path, done: int, total: int) -> None:
        to.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(2):
            if self._fetch(path, size, digest, to, done, total):
                return
            to.unlink()
        raise RunError("azure.damaged", path=path)

    def _fetch(self, path: str, size: int, digest: str, to: Path, done: int, total: int) -> bool:
        """Download what is missing of one file; whether the whole has its checksum."""
        blob = self._folder.blob(path)
        have = to.stat().st_size if to.is_file() else 0
        found = hashlib.sha256()
        with to.open("ab") as target:
            if 0 < have <= size:
                with to.open("rb") as before:
                    while block := before.read(_BLOCK):
                        found.update(block)
            elif have:
                target.truncate(0)
                have = 0
            while have < size:
                at, length = have, min(_BLOCK, size - have)
                data = self._patience(lambda: _block(blob, at, length))  # noqa: B023
                if not data:
                    return False
                target.write(data)
                found.update(data)
                have += len(data)
                self._tell(done + have, total)
        return found.hexdigest() == digest


def _block(blob: Any, offset: int, length: int) -> bytes:
    from azure.core.exceptions import HttpResponseError

    try:
        return bytes(blob.download_blob(offset=offset, length=length).readall())
    except HttpResponseError as exc:
        if exc.status_code == 416:  # shorter than it should be
            return b""
        raise


def _check_path(path: str) -> None:
    """Refuse a name that leads out of the run's folder."""
    parts = PurePosixPath(path).parts
    plain = len(parts) > 1 and re.fullmatch(r"[a-z][a-z0-9_-]*", parts[0]) is not None
    if not plain or parts[0] in _NOT_RESULTS or ".." in parts or "\\" in path or ":" in path:
        raise RunError("azure.damaged", variant="list", path=path)


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed + _SPARE_BYTES:
        raise RunError("disk.full", variant="job_results", needed=needed, free=free, folder=folder)
