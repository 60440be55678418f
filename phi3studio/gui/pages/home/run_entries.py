"""What a card shows of a run, read off the window's thread."""

from __future__ import annotations

import contextlib
import re
import time
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Literal

from phi3studio.app.files import folder_bytes
from phi3studio.domain.errors import UserFacingError
from phi3studio.domain.recipe import Recipe
from phi3studio.domain.run import LIVE_STATES, RunState, RunView
from phi3studio.runs.shown.outcome import Outcome, outcome
from phi3studio.runs.shown.overall import Overall, overall
from phi3studio.runs.shown.run_notes import RunNotes, read_notes
from phi3studio.runs.store import RunFolder, made_at

Order = Literal["newest", "name", "result", "size"]
Group = Literal["all", "live", "done", "stopped"]


@dataclass(frozen=True)
class RunEntry:
    """One run as the list shows it. ``bytes`` is measured only for runs that rest."""

    run: RunFolder
    recipe: Recipe | None
    view: RunView
    state: RunState
    bytes: int = 0
    overall: Overall = field(default_factory=Overall)
    notes: RunNotes = field(default_factory=RunNotes)

    @property
    def title(self) -> str:
        """The run's name: its owner's, else the recipe's."""
        return self.notes.name or (self.recipe.name if self.recipe else self.run.name)

    @property
    def data(self) -> str:
        """The name of the data file."""
        data = self.recipe.data if self.recipe else None
        return PurePath(data.source).name if data else ""

    @property
    def live(self) -> bool:
        """Whether its worker is at work or waits for its turn."""
        return self.state in LIVE_STATES

    @property
    def in_cloud(self) -> bool:
        """Whether its work is done in Azure ML."""
        return self.recipe is not None and self.recipe.target.train_on == "azureml"

    @property
    def started(self) -> float:
        """When the run was made, in seconds since the epoch."""
        return self.view.started_at or made_at(self.run.name)

    def matches(self, words: str) -> bool:
        """Whether every word is somewhere in name, model, data, tags or note; a number only as a
        whole one, so that 25 is not found in 250."""
        model = self.recipe.model.source if self.recipe else ""
        notes = self.notes
        text = " ".join(
            (self.title, self.run.name, model, self.data, *notes.tags, notes.note)
        ).casefold()
        return all(_is_in(word, text) for word in words.casefold().split())

    @property
    def outcome(self) -> Outcome | None:
        """What came of it, if it is completed."""
        return outcome(self.view, self.recipe) if self.state == "completed" else None

    def rank(self, order: Order) -> tuple[object, ...]:
        """Sorts runs: the least first, pinned ones before all."""
        first = not self.notes.pinned
        match order:
            case "name":
                return first, self.title.casefold(), -self.started
            case "result":
                came = self.outcome
                score = came.now if came is not None and came.now is not None else -1.0
                return first, -score, -self.started
            case "size":
                return first, -self.bytes, -self.started
            case _:
                return first, -self.started, self.run.name

    def is_in(self, group: Group) -> bool:
        """Whether it belongs to a group of states."""
        match group:
            case "live":
                return self.live
            case "done":
                return self.state == "completed"
            case "stopped":
                return not self.live and self.state != "completed"
            case _:
                return True


def _is_in(word: str, text: str) -> bool:
    if word.isdecimal():
        return re.search(rf"(?<!\d){word}(?!\d)", text) is not None
    return word in text


def read_entry(run: RunFolder, known: RunEntry | None = None) -> RunEntry:
    """Read one run; blocking. *known* spares the recipe and the size of a run at rest."""
    recipe = known.recipe if known else None
    if recipe is None:
        with contextlib.suppress(UserFacingError):
            recipe = run.recipe()
    view = run.summary()
    state = run.state(view)
    size = known.bytes if known else 0
    if not size and state not in LIVE_STATES:
        with contextlib.suppress(OSError):
            size = folder_bytes(run.path)
    before = known.overall if known else None
    far = overall(view, time.time(), before) if state in LIVE_STATES else Overall()
    return RunEntry(run, recipe, view, state, size, far, read_notes(run))
