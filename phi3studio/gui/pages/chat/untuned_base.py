"""The untuned base model next to a tuned one: found among the runs, or exported once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QProgressBar, QVBoxLayout

from phi3studio.domain.errors import UserFacingError
from phi3studio.domain.quantisation import most_exact
from phi3studio.domain.recipe import Recipe
from phi3studio.domain.run import LIVE_STATES
from phi3studio.gui.context import Context
from phi3studio.gui.pages.home.run_entries import RunEntry
from phi3studio.gui.pages.run.watch import RunWatch, Snapshot
from phi3studio.gui.texts.run_words import model_title, stage_title
from phi3studio.gui.widgets.basic import Button, Card, clear, label, row
from phi3studio.gui.widgets.states import ErrorState
from phi3studio.runs import launch
from phi3studio.runs.store import RunFolder

Begin = Callable[[Recipe], Awaitable[RunFolder]]
"""Checks, makes and starts a run."""


@dataclass(frozen=True)
class Base:
    """A base model as a tuned one was made of it, for the same target."""

    recipe: Recipe

    @property
    def title(self) -> str:
        """Its name."""
        return model_title(self.recipe.model.source)

    @classmethod
    def of(cls, tuned: Recipe) -> Base:
        """The base of a tuned model: a recipe that only exports it."""
        # What is automatic is decided by measuring, and there is nothing to measure it with.
        int4 = most_exact(tuned.target.int4, tuned.target.provider).name
        target = tuned.target.model_copy(update={"int4": int4, "train_on": "auto"})
        return cls(
            Recipe(
                name=f"{model_title(tuned.model.source)} base"[:80],
                steps=["quantise"],
                model=tuned.model.model_copy(update={"adapter": None}),
                target=target,
            )
        )

    def find(self, entries: Iterable[RunEntry]) -> RunEntry | None:
        """The run that has exported it, or is about to."""
        for entry in entries:
            recipe = entry.recipe
            if recipe is None or entry.state not in {*LIVE_STATES, "completed"}:
                continue
            untouched = recipe.model.adapter is None and not {"train", "merge"} & set(recipe.steps)
            same = recipe.model.source == self.recipe.model.source
            there = recipe.target.provider == self.recipe.target.provider
            if untouched and same and there and (entry.live or entry.run.model.is_dir()):
                return entry
        return None


class BaseColumn(Card):
    """Offers to export the base model, shows how far it is; ``ready`` carries the finished run."""

    ready = Signal(object)
    removed = Signal()

    def __init__(self, context: Context, base: Base, begin: Begin) -> None:
        super().__init__(" ")
        self.base = base
        self._context = context
        self._begin = begin
        self._watch: RunWatch | None = None
        self._run: RunFolder | None = None
        self.title.setText(self.tr("Base: {name}").format(name=base.title))
        self.setAccessibleName(self.title.text())
        self.detail.setText(self.tr("untuned"))
        close = Button(context.theme, self.tr("Remove this model"), kind="icon", icon="close")
        close.clicked.connect(self.removed)
        self.header.addWidget(close)
        self._middle = QVBoxLayout()
        self._middle.setSpacing(10)
        self.body.addStretch(1)
        self.body.addLayout(self._middle)
        self.body.addStretch(1)
        self._bar = QProgressBar()
        self._stage = label("")
        self.offer()

    def offer(self) -> None:
        """Say what has to be done, and do it when asked."""
        clear(self._middle)
        text = label(
            self.tr(
                "To answer next to the tuned model, the base model has to be exported "
                "once: about a minute for a small model. Later chats use it again."
            ),
            "muted",
            wrap=True,
        )
        text.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._middle.addWidget(text)
        export = Button(self._context.theme, self.tr("Export the base model"), kind="primary")
        export.clicked.connect(self._start)
        self._middle.addLayout(row(1, export, 1))

    def follow(self, run: RunFolder) -> None:
        """Show the course of the run that exports it."""
        self._draw_waiting()
        self.let_go()
        self._run = run
        self._watch = RunWatch(run, self._context.tasks, self)
        self._watch.changed.connect(self._draw)
        self._watch.failed.connect(self._fail)
        self._watch.start()

    def wake(self) -> None:
        """Look again at what goes on, after :meth:`let_go`."""
        if self._run is not None and self._watch is None:
            self.follow(self._run)

    def let_go(self) -> None:
        """Watch no longer; an export that goes on goes on."""
        if self._watch is not None:
            self._watch.stop()
            self._watch.deleteLater()
            self._watch = None

    def _start(self) -> None:
        self._draw_waiting()
        self._context.tasks.run(self._begun(), self.follow, self._fail)

    async def _begun(self) -> RunFolder:
        return await self._begin(self.base.recipe)

    def _draw_waiting(self) -> None:
        clear(self._middle)
        self._stage = label(self.tr("Exporting…"), "muted")
        self._stage.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 0)
        self._bar.setAccessibleName(self.tr("Progress of the export"))
        self._middle.addWidget(self._stage)
        self._middle.addWidget(self._bar)
        self._cancel = Button(self._context.theme, self.tr("Cancel"))
        self._cancel.clicked.connect(self._ask_cancel)
        self._middle.addLayout(row(1, self._cancel, 1))

    def _ask_cancel(self) -> None:
        if self._watch is not None:
            launch.request_cancel(self._watch.run)
            self._cancel.setEnabled(False)

    def _draw(self, snapshot: Snapshot) -> None:
        view = snapshot.view
        if snapshot.state in LIVE_STATES:
            stage = stage_title(view.stage) if view.stage else self.tr("Starting")
            waits = self.tr("waiting for the machine") if view.waiting else stage
            self._stage.setText(self.tr("Exporting… {what}").format(what=waits))
            progress = view.progress
            known = progress is not None and bool(progress.total)
            self._bar.setRange(0, progress.total if known and progress else 0)
            if known and progress:
                self._bar.setValue(progress.step)
            return
        run, self._run = self._run, None
        self.let_go()
        if snapshot.state == "completed" and run is not None:
            self.ready.emit(run)
            return
        self.offer()
        error = view.finished.error if view.finished is not None else None
        if error is not None:
            self._say(error)

    def _fail(self, error: UserFacingError) -> None:
        self._run = None
        self.let_go()
        self.offer()
        self._say(error)

    def _say(self, error: UserFacingError) -> None:
        self._middle.insertWidget(0, ErrorState(self._context.theme, error))
