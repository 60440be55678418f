"""What can be begun from a run: it goes on, or another run is made of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from PySide6.QtCore import QObject, Signal

from phi3studio.domain.errors import UserFacingError
from phi3studio.domain.recipe import Limits, Recipe
from phi3studio.domain.run import RunView
from phi3studio.gui.context import Context
from phi3studio.runs import launch
from phi3studio.runs.continuing import (
    continue_run,
    continued,
    faster,
    rebuild_run,
    rebuilt,
    retry_run,
    search_run,
    searched,
)
from phi3studio.runs.preflight import check_before_start
from phi3studio.runs.shown.outcome import longer_epochs, suggested_rate
from phi3studio.runs.store import RunFolder

T = TypeVar("T")


class NextRuns(QObject):
    """Begins them one at a time: a second click before the first has ended does nothing."""

    created = Signal(object)
    """Carries a run that was made of another one and has begun."""
    resumed = Signal()
    failed = Signal(object)

    def __init__(self, context: Context, parent: QObject) -> None:
        super().__init__(parent)
        self._context = context
        self._busy = False

    def resume(self, run: RunFolder) -> None:
        """Let *run* go on where it stopped."""
        self._once(lambda: launch.resume(run), lambda _: self.resumed.emit())

    def train_longer(self, run: RunFolder, recipe: Recipe) -> None:
        """Train what *run* has learned for more epochs."""
        epochs = longer_epochs(recipe)
        self._begin(
            continued(recipe, epochs, None),
            lambda: continue_run(self._context.store, run, epochs),
        )

    def try_a_higher_rate(self, run: RunFolder, recipe: Recipe, view: RunView) -> None:
        """Train again, faster, where the course of *run* suggests a rate."""
        rate = suggested_rate(view)
        if rate is not None:
            self._begin(faster(recipe, rate), lambda: retry_run(self._context.store, run, rate))

    def rebuild(self, run: RunFolder, recipe: Recipe) -> None:
        """Export what *run* has learned again, with less loss."""
        self._begin(rebuilt(recipe), lambda: rebuild_run(self._context.store, run))

    def search(self, run: RunFolder, limits: Limits) -> None:
        """Search the best export of what *run* has learned within *limits*."""

        def begin() -> RunFolder:
            recipe = searched(run.recipe(), limits)
            # Its adapter is copied as the run is made.
            model = recipe.model.model_copy(update={"adapter": None})
            check_before_start(recipe.model_copy(update={"model": model}), self._context.home)
            made = search_run(self._context.store, run, limits)
            launch.start(made)
            return made

        self._once(begin, self.created.emit)

    def _begin(self, recipe: Recipe, make: Callable[[], RunFolder]) -> None:
        def begin() -> RunFolder:
            check_before_start(recipe, self._context.home)
            made = make()
            launch.start(made)
            return made

        self._once(begin, self.created.emit)

    def _once(self, work: Callable[[], T], done: Callable[[T], object]) -> None:
        def ended(result: T) -> None:
            self._busy = False
            done(result)

        def failed(error: UserFacingError) -> None:
            self._busy = False
            self.failed.emit(error)

        if not self._busy:
            self._busy = True
            self._context.tasks.run(asyncio.to_thread(work), ended, failed)
