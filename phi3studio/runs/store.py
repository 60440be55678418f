"""Run folders: made, listed, found by name, read and deleted.

A run folder is the only truth about a run; see :class:`RunFolder` for what it holds.
"""

from __future__ import annotations

import calendar
import contextlib
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from phi3studio.app.files import PATIENCE_S, is_held, read_object, write_json
from phi3studio.app.paths import Home
from phi3studio.app.program import LIFE_LOCK
from phi3studio.domain.errors import InputError, RunError, UserFacingError, first_line
from phi3studio.domain.events.event_line import Event
from phi3studio.domain.recipe import Recipe, parse_recipe
from phi3studio.domain.run import Curves, RunState, RunView, fold, fold_curves
from phi3studio.runs.event_file import CURVE_POINTS, all_events, few_events, head_and_tail


@dataclass(frozen=True)
class RunFolder:
    """One run on disk.

    ==================  ===================================================================
    ``recipe.json``     immutable; the run can be repeated from it alone
    ``events.jsonl``    append-only, one JSON object a line
    ``log.txt``         everything that the process and its libraries print
    ``worker.json``     process id of the present or last worker
    ``cancel``          a marker: the worker is asked to stop for good
    ``pause``           a marker: the worker is asked to keep its work and end
    ``leave``           a marker: the session ends, the worker is asked to keep what it can
    ``start-at``        the time before which the run does not begin, seconds since the epoch
    ``set-aside``       a marker: interrupted, and not to be offered at the next start
    ``data/``           the examples that are trained and held out, with their manifest
    ``checkpoints/``    the training's state, for resuming
    ``adapter/``        the trained LoRA adapter (PEFT format)
    ``merged/``         the merged model, where the recipe makes no ONNX model of it
    ``model/``          the exported ONNX model
    ``search.json``     what the search for an export measured
    ``search/``         the exports of it that may be taken, by number
    ``trial.json``      the training search that the run belongs to, and its part of it
    ``azure.json``      the job in Azure ML, of a run that is done there
    ``measured/``       what was measured of the base model
    ``card/``           the model card
    ``notes.json``      its owner's name for it, tags and note
    ``transcripts/``    the chats with its model
    ``work/``           intermediate files, removed at the end
    ==================  ===================================================================
    """

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def recipe_file(self) -> Path:
        return self.path / "recipe.json"

    @property
    def events_file(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def log_file(self) -> Path:
        return self.path / "log.txt"

    @property
    def worker_file(self) -> Path:
        return self.path / "worker.json"

    @property
    def start_lock(self) -> Path:
        """Held by whoever starts a worker, until that lives."""
        return self.path / ".start.lock"

    @property
    def life_lock(self) -> Path:
        """Held by the worker as long as it lives."""
        return self.path / LIFE_LOCK

    @property
    def attempt_lock(self) -> Path:
        """Held by the process that works in the folder: an attempt, or a measuring."""
        return self.path / ".worker.lock"

    @property
    def notes_file(self) -> Path:
        return self.path / "notes.json"

    @property
    def job_file(self) -> Path:
        return self.path / "azure.json"

    @property
    def cancel_marker(self) -> Path:
        return self.path / "cancel"

    @property
    def pause_marker(self) -> Path:
        return self.path / "pause"

    @property
    def leave_marker(self) -> Path:
        return self.path / "leave"

    @property
    def start_at_file(self) -> Path:
        return self.path / "start-at"

    def start_at(self) -> float | None:
        """The time before which the run does not begin, in seconds since the epoch, if any."""
        try:
            return float(self.start_at_file.read_text("ascii"))
        except (OSError, ValueError):
            return None

    @property
    def set_aside_marker(self) -> Path:
        return self.path / "set-aside"

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def adapter(self) -> Path:
        return self.path / "adapter"

    @property
    def merged(self) -> Path:
        return self.path / "merged"

    @property
    def model(self) -> Path:
        return self.path / "model"

    @property
    def search_file(self) -> Path:
        return self.path / "search.json"

    @property
    def searched(self) -> Path:
        return self.path / "search"

    @property
    def trial_file(self) -> Path:
        return self.path / "trial.json"

    @property
    def measured(self) -> Path:
        return self.path / "measured"

    @property
    def card(self) -> Path:
        return self.path / "card"

    @property
    def work(self) -> Path:
        return self.path / "work"

    def recipe(self) -> Recipe:
        """The run's recipe."""
        return parse_recipe(self._recipe_values())

    def _recipe_values(self) -> Any:
        try:
            return json.loads(self.recipe_file.read_text("utf-8"))
        except (OSError, ValueError, RecursionError) as exc:
            raise RunError(
                "run.no_recipe", run=self.name, folder=self.path, reason=first_line(exc)
            ) from exc

    def events(self) -> Iterator[Event]:
        """All events up to the last complete line."""
        return all_events(self.events_file)

    def view(self) -> RunView:
        """The run's whole state; raises :class:`RunError` where it cannot be read."""
        return fold(few_events(self.events_file, 1))

    def curves(self) -> Curves:
        """The training's course, with as many points as can be seen."""
        return fold_curves(few_events(self.events_file, CURVE_POINTS))

    def summary(self) -> RunView:
        """The run's state for lists: from the head and the tail of long event files.

        A folder that cannot be read is :attr:`RunView.damage`, never an error.
        """
        try:
            self._recipe_values()
            head, tail = head_and_tail(self.events_file)
        except UserFacingError as error:
            return RunView(damage=error)
        # An end seen in the head was an earlier attempt's: events follow it.
        begun = replace(
            fold(head), finished=None, ended_at=None, paused=False, left=False, waiting=False
        )
        return fold(tail, begun)

    def alive(self) -> bool:
        """Whether a worker of this run lives, on this computer or in a container next to it.

        The lock it holds says so: clocks, process ids and start times can be wrong.
        """
        return is_held(self.life_lock)

    def worker(self) -> psutil.Process | None:
        """The living worker's process, for its figures and for ending it by force.

        ``None`` as well where it lives but cannot be seen, so ask :meth:`alive` for life.
        """
        if not self.alive():
            return None
        pid = read_object(self.worker_file).get("pid")
        try:
            process = psutil.Process(pid if isinstance(pid, int) else -1)
            command = process.cmdline()
        except (ValueError, OverflowError, psutil.Error):
            return None
        # The number could be another process's where the worker is in another container.
        ours = command[-3:-1] == ["worker", "run"] and Path(command[-1]).name == self.name
        return process if ours else None

    def state(self, view: RunView | None = None) -> RunState:
        """The run's state now; *view* spares reading the events again."""
        alive = self.alive()
        seen = view if view is not None else self.summary()
        if not alive and seen.finished is None:
            # The worker may have written its last words between the two looks.
            seen = self.summary()
        return seen.state(alive=alive, cancel_requested=self.cancel_marker.exists())


_TRASH = ".trash-"
TRASH_S = 7 * 24 * 3600.0
"""How long a run stays in the trash."""
_UTC, _LOCAL = "%Y%m%d-%H%M%SZ", "%Y%m%d-%H%M%S"
_STAMP = re.compile(r"(\d{8}-\d{6})(Z?)-")


def made_at(name: str) -> float:
    """The time in a run's name, in seconds since the epoch; 0 where it has none.

    Names end their time with Z for UTC; those of older versions have local time, which repeats an
    hour when the clock goes back.
    """
    stamp = _STAMP.match(name)
    with contextlib.suppress(ValueError, OverflowError):
        if stamp and stamp[2]:
            return float(calendar.timegm(time.strptime(stamp[1], _LOCAL)))
        if stamp:
            return time.mktime(time.strptime(stamp[1], _LOCAL))
    return 0.0


def _age(run: RunFolder) -> tuple[float, int, str]:
    """Sorts runs by their time: the name's seconds, then the moment their recipe was written."""
    try:
        written = run.recipe_file.stat().st_mtime_ns
    except OSError:
        written = 0
    return made_at(run.name), written, run.name


def _is_run(folder: Path) -> bool:
    """Whether it is a run's folder, also a damaged one or one that nobody may look into."""
    if not os.path.isdir(folder):  # noqa: PTH112 - never raises
        return False
    names = ("recipe.json", "events.jsonl")
    return any(os.path.lexists(folder / name) for name in names) or not os.access(folder, os.X_OK)


class RunStore:
    """All runs of one home folder."""

    def __init__(self, home: Home) -> None:
        self.home = home

    def create(self, recipe: Recipe) -> RunFolder:
        """Make the folder of a new run: ``<time in UTC>-<slug>``, with its recipe inside."""
        root = self.home.made(self.home.runs)
        stamp = time.strftime(_UTC, time.gmtime())
        for attempt in range(1, 1000):
            suffix = "" if attempt == 1 else f"-{attempt}"
            folder = RunFolder(root / f"{stamp}-{recipe.slug}{suffix}")
            try:
                folder.path.mkdir(mode=0o700)
            except FileExistsError:
                continue
            write_json(folder.recipe_file, recipe.to_json())
            folder.recipe_file.chmod(0o600)
            return folder
        raise RunError("run.no_name", slug=recipe.slug, folder=root)

    def all(self) -> list[RunFolder]:
        """Every run, newest first, damaged ones too."""
        if not self.home.runs.is_dir():
            return []
        folders = [
            RunFolder(item)
            for item in self.home.runs.iterdir()
            if not item.name.startswith(".") and _is_run(item)
        ]
        return sorted(folders, key=_age, reverse=True)

    def find(self, name: str) -> RunFolder:
        """A run by its name, a unique beginning of it (with or without the time), or ``latest``."""
        runs = self.all()
        if name == "latest" and runs:
            whole = (run for run in runs if run.summary().damage is None)
            return next(whole, runs[0])
        exact = [run for run in runs if run.name == name]
        starts = [
            run
            for run in runs
            if run.name.startswith(name) or _STAMP.sub("", run.name, count=1).startswith(name)
        ]
        found = exact or starts
        if len(found) == 1 and name:
            return found[0]
        if not found or not name:
            raise InputError("run.not_found", variant="" if runs else "none", name=name)
        raise InputError(
            "run.ambiguous", name=name, count=len(found), runs=[run.name for run in found[:4]]
        )

    def delete(self, run: RunFolder) -> None:
        """Remove a run that is not running."""
        # Renamed first, so that a half-deleted folder is never listed.
        doomed = self._put_aside(run, f".deleted-{run.name}")
        shutil.rmtree(doomed, ignore_errors=True)

    def discard(self, run: RunFolder) -> RunFolder:
        """Put a run that is not running into the trash; returns it as it lies there."""
        thrown = self._put_aside(run, f"{_TRASH}{run.name}")
        os.utime(thrown)
        return RunFolder(thrown)

    def restore(self, thrown: RunFolder) -> RunFolder:
        """Take a run out of the trash. Raises :class:`OSError`."""
        path = thrown.path.with_name(thrown.name.removeprefix(_TRASH))
        return RunFolder(thrown.path.rename(path))

    def trashed(self) -> list[RunFolder]:
        """What lies in the trash, what was thrown away last first."""
        if not self.home.runs.is_dir():
            return []
        found = [item for item in self.home.runs.iterdir() if item.name.startswith(_TRASH)]
        return [RunFolder(item) for item in sorted(found, key=_changed, reverse=True)]

    def empty_trash(self, older_s: float = 0.0) -> None:
        """Remove for good what was thrown away so long ago."""
        for thrown in self.trashed():
            if time.time() - _changed(thrown.path) >= older_s:
                shutil.rmtree(thrown.path, ignore_errors=True)

    def _put_aside(self, run: RunFolder, name: str) -> Path:
        with contextlib.ExitStack() as held:
            for file in (run.start_lock, run.life_lock, run.attempt_lock):
                try:
                    held.enter_context(FileLock(file, timeout=PATIENCE_S))
                except Timeout as exc:
                    raise InputError("run.busy", run=run.name) from exc
            if sys.platform == "win32":
                held.close()  # nothing that is open can be renamed there, a live folder neither
            return run.path.rename(run.path.with_name(name))


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
