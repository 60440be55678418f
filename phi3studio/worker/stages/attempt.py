"""What the stages of one attempt share: the run's folder, its recipe, and how to report."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from phi3studio.app.files import folder_bytes
from phi3studio.domain.errors import RunError
from phi3studio.domain.estimation.estimate import Estimate
from phi3studio.domain.events.event_line import AnyPayload
from phi3studio.domain.events.payload import NoticeLevel, StageName
from phi3studio.domain.events.run_events import Artifact, Progress, notice
from phi3studio.domain.recipe import Recipe
from phi3studio.runs.store import RunFolder
from phi3studio.worker.data.preparing.prepare_examples import Prepared
from phi3studio.worker.data.preparing.tokenise import Stop
from phi3studio.worker.models import ModelFacts
from phi3studio.worker.process.control import Control, MemoryMeter
from phi3studio.worker.process.threads import ThreadGovernor

_TELL_EVERY_S = 0.25


@dataclass(frozen=True)
class Opened:
    """What the prepare stage found out, which every later stage reads."""

    model: Path
    facts: ModelFacts
    tokenizer: Any
    stop: Stop
    prepared: Prepared | None
    """``None`` for a recipe without data."""


@dataclass
class Attempt:
    """One attempt of a run. Made and used on the worker's main thread."""

    run: RunFolder
    recipe: Recipe
    emit: Callable[[AnyPayload], None]
    control: Control
    memory: MemoryMeter
    device: str
    precision: str
    governor: ThreadGovernor
    by_formula: Estimate | None = field(default=None, init=False)
    """What the formulas alone expect of a run that began in this attempt."""
    unusual: set[StageName] = field(default_factory=set, init=False)
    """Stages that took longer or shorter than they will again: what they took teaches nothing."""
    _opened: Opened | None = field(default=None, init=False)

    @property
    def opened(self) -> Opened:
        """The prepare stage's findings; it runs in every attempt, resumed or not."""
        if self._opened is None:
            raise AssertionError("the prepare stage has not run")
        return self._opened

    @opened.setter
    def opened(self, value: Opened) -> None:
        self._opened = value

    @property
    def prepared(self) -> Prepared:
        """The run's examples, for the stages that cannot do without."""
        prepared = self.opened.prepared
        if prepared is None:
            raise RunError("recipe.no_data", variant="step")
        return prepared

    # --- folders -----------------------------------------------------------------------------

    @property
    def adapter(self) -> Path | None:
        """The adapter that this run trained, else the one that its recipe names, if any."""
        if "train" in self.recipe.steps:
            return self.run.adapter
        named = self.recipe.model.adapter
        return Path(named) if named is not None else None

    @property
    def keeps_adapter_apart(self) -> bool:
        """Whether the export is the base model with a separate adapter."""
        return self.adapter is not None and "merge" not in self.recipe.steps

    @property
    def merged(self) -> Path:
        """Where the merged model goes: a result if nothing is made of it, else a half-product."""
        return self.run.work / "merged" if "quantise" in self.recipe.steps else self.run.merged

    def scratch(self, name: str) -> Path:
        """An empty folder for one stage's intermediate files."""
        folder = self.run.work / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    # --- telling -----------------------------------------------------------------------------

    def say(self, activity: str, **more: Any) -> None:
        """Report what is being done, *more* of it in fields of its event, and stop here if the user
        asked to."""
        self.control.check()
        memory = self.memory.now()
        self.emit(Progress(step=0, total=0, activity=activity, memory=memory, **more))

    def notice(
        self, code: str, /, *, level: NoticeLevel = "info", variant: str = "", **values: Any
    ) -> None:
        """Report something that is worth keeping: a code of the message catalogue."""
        self.emit(notice(code, level=level, variant=variant, **values))

    def on_row(self, activity: str, **more: Any) -> Callable[[int, int], None]:
        """A listener that reports (done, of how many) now and then, and stops when asked."""
        reported = 0.0

        def on_row(step: int, total: int) -> None:
            nonlocal reported
            self.control.check()
            self.governor.look()
            now = time.monotonic()
            if step == total or now - reported >= _TELL_EVERY_S:
                reported = now
                memory = self.memory.now()
                said = {"activity": activity, **more}
                self.emit(Progress(step=step, total=total, memory=memory, **said))

        return on_row

    def artifact(self, kind: str, path: Path) -> None:
        """Report a verified result."""
        relative = path.relative_to(self.run.path).as_posix()
        self.emit(Artifact(kind=kind, path=relative, bytes=folder_bytes(path)))
