"""A job's checkpoints, kept in its output while it trains: a job that ends early loses little.

The machine of a job is gone with it. So the newest checkpoint is copied to the output, which is a
mounted store, with the checksums of its files; ``checkpoints.json``, written last, names it. The
job that takes the place of one that failed gets that folder as an input.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from phi3studio.app.files import write_json
from phi3studio.domain.azure import Azure
from phi3studio.domain.parsing import parse_json
from phi3studio.worker.azure.results import copy
from phi3studio.worker.azure.spec import output_path
from phi3studio.worker.process.repeating import Repeating

POINTER = "checkpoints.json"
COMPLETE = "complete.json"
"""As ``training.train`` names it, which takes torch to import."""

_FOLDER = "checkpoints"
_SUMS = "checksums.json"
_BEST = "best"
# Pickles that nothing reads to go on.
_LEFT_OUT = frozenset({"training_args.bin"})
_LOOK_S = 5.0
_VERSION = 1


@dataclass(frozen=True)
class Kept:
    """The checkpoint of one optimiser step that a job left in its output."""

    job: str
    step: int

    def address(self, azure: Azure) -> str:
        """Where it is, as an input of another job."""
        path = f"{output_path(self.job)}/{_FOLDER}/{self.step}"
        return f"azureml://datastores/{azure.datastore}/paths/{path}"


def read_kept(folder: Any, job: str) -> Kept | None:
    """What *job* left in its output *folder* (of the datastore), if anything; one request."""
    from azure.core.exceptions import ResourceNotFoundError

    try:
        values = parse_json(folder.blob(POINTER).download_blob().readall())
        return Kept(job, int(values["step"])) if values["version"] == _VERSION else None
    except ResourceNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        return None  # a pointer that was cut short points nowhere


class Keeper(Repeating):
    """Copies each new checkpoint to the job's output while the block runs, in a thread."""

    def __init__(self, checkpoints: Path, output: Path, look_s: float = _LOOK_S) -> None:
        super().__init__("keep-checkpoints", look_s, self._try)
        self._checkpoints = checkpoints
        self._output = output
        self._kept = -1

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self._try()  # the last one, written since

    def _try(self) -> None:
        try:
            self.keep()
        except OSError as exc:
            # The training goes on without; the trainer may just have removed what was copied.
            print(f"A checkpoint could not be kept: {exc}", flush=True)

    def keep(self) -> None:
        """Copy the newest whole checkpoint, if it is not there yet; then drop the older ones."""
        step = max(_whole_steps(self._checkpoints), default=-1)
        if step <= self._kept:
            return
        target = self._output / _FOLDER / str(step)
        shutil.rmtree(target, ignore_errors=True)
        sums: dict[str, str] = {}
        for folder in (self._checkpoints / f"checkpoint-{step}", self._checkpoints / _BEST):
            for file in sorted(folder.rglob("*")):
                if file.is_file() and file.name not in _LEFT_OUT:
                    name = file.relative_to(self._checkpoints).as_posix()
                    sums[name] = copy(file, target / name)
        write_json(target / _SUMS, {"version": _VERSION, "files": sums})
        write_json(self._output / POINTER, {"version": _VERSION, "step": step})
        self._kept = step
        for other in target.parent.iterdir():
            if other != target:
                shutil.rmtree(other, ignore_errors=True)


def drop_kept(output: Path) -> None:
    """Remove the checkpoints of a job that has come to its end."""
    (output / POINTER).unlink(missing_ok=True)
    shutil.rmtree(output / _FOLDER, ignore_errors=True)


def restore(source: Path, checkpoints: Path) -> bool:
    """Place the checkpoint of an earlier job (a mounted folder) where the training looks for it.

    Whether it came whole: one that is damaged is left, and the training starts from scratch.
    """
    try:
        sums: dict[str, str] = parse_json((source / _SUMS).read_text("utf-8"))["files"]
        for name, digest in sums.items():
            parts = PurePosixPath(name).parts
            if ".." in parts or name.startswith("/") or "\\" in name or ":" in name:
                raise ValueError(f"{name} is no file of a checkpoint")
            if copy(source / name, checkpoints / name) != digest:
                raise ValueError(f"{name} does not have the checksum that was written for it")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        print(f"The earlier job's checkpoint is not used: {exc}", flush=True)
        shutil.rmtree(checkpoints, ignore_errors=True)
        return False
    return True


def _whole_steps(checkpoints: Path) -> list[int]:
    names = (folder.parent.name for folder in checkpoints.glob(f"checkpoint-*/{COMPLETE}"))
    return [int(step) for name in names if (step := name.rpartition("-")[2]).isdigit()]
