"""What a card shows of a run, read off the window's thread."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from pathlib import PurePath

from phi3studio.app.files import folder_bytes
from phi3studio.domain.errors import UserFacingError
from phi3studio.domain.recipe import Recipe
from phi3studio.domain.run import LIVE_STATES, RunState, RunView
from phi3studio.runs.shown.overall import Overall, overall
from phi3studio.runs.store import RunFolder, made_at


@dataclass(frozen=True)
class RunEntry:
    """One run as the list shows it. ``bytes`` is measured only for runs that rest."""

    run: RunFolder
    recipe: Recipe | None
    view: RunView
    state: RunState
    bytes: int = 0
    overall: Overall = field(default_factory=Overall)

    @property
    def title(self) -> str:
        """The run's name."""
        return self.recipe.name if self.recipe else self.run.name

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
        """Whether every word is somewhere in name, model or data."""
        model = self.recipe.model.source if self.recipe else ""
        text = f"{self.title} {self.run.name} {model} {self.data}".casefold()
        return all(word in text for word in words.casefold().split())


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
    return RunEntry(run, recipe, view, state, size, far)
