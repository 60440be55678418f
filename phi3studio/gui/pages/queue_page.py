"""Queue: one run uses the machine, the others wait their turn."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout

from phi3studio.domain.errors import UserFacingError
from phi3studio.gui.context import Context
from phi3studio.gui.pages.home.run_actions import RunActions
from phi3studio.gui.pages.home.run_entries import RunEntry, read_entry
from phi3studio.gui.texts import words
from phi3studio.gui.texts.run_words import (
    left_words,
    recipe_line,
    state_words,
    step_words,
    waiting_words,
)
from phi3studio.gui.widgets.basic import Button, Card, Elided, Icon, clear, label
from phi3studio.gui.widgets.page_frame import Page
from phi3studio.gui.widgets.states import EmptyState, ErrorState
from phi3studio.runs.launch import start_now
from phi3studio.runs.queue import MachineQueue
from phi3studio.runs.store import RunFolder

_POLL_MS = 1000
_PAUSED_MOST = 20


@dataclass(frozen=True)
class Line:
    """Who is at work, who waits (next first), and who rests and could go on."""

    working: tuple[RunEntry, ...] = ()
    waiting: tuple[RunEntry, ...] = ()
    paused: tuple[RunEntry, ...] = ()

    @property
    def order(self) -> tuple[tuple[tuple[str, str, float | None], ...], ...]:
        """What the cards hang on; progress is drawn into the cards that are there."""
        parts = (self.working, self.waiting, self.paused)
        return tuple(tuple((e.run.name, e.state, e.view.start_at) for e in part) for part in parts)


class QueuePage(Page):
    """Shows the line, moves its runs, pauses, resumes and cancels them."""

    run_chosen = Signal(object)

    def __init__(self, context: Context) -> None:
        super().__init__(self.tr("Queue"))
        self._context = context
        self._queue = MachineQueue(context.home.runs)
        self._actions = RunActions(context, self)
        self._actions.done.connect(self._look)
        self._actions.failed.connect(self._fail)
        self._shown: Line | None = None
        self._cards: dict[str, QueueCard] = {}
        self._busy = False
        self._trouble = QVBoxLayout()
        self.content.addLayout(self._trouble)
        self._list = QVBoxLayout()
        self._list.setSpacing(10)
        self.content.addLayout(self._list)
        self.content.addStretch(1)
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self._look)

    def entered(self) -> None:
        self._timer.start()
        self._look()

    def left(self) -> None:
        self._timer.stop()

    def _look(self) -> None:
        if not self._busy:
            self._busy = True
            self._context.tasks.run(self._read())

    async def _read(self) -> None:
        try:
            line = await asyncio.to_thread(self._line, self._shown or Line())
        finally:
            self._busy = False
        if self._shown is None or line.order != self._shown.order:
            self._draw(line)
        self._shown = line
        for entry in (*line.working, *line.waiting, *line.paused):
            self._cards[entry.run.name].show_entry(entry)

    def _line(self, before: Line) -> Line:
        known = {e.run.name: e for e in (*before.working, *before.waiting, *before.paused)}
        waiting = [read_entry(run, known.get(run.name)) for run in self._queue.waiting()]
        names = {entry.run.name for entry in waiting}
        working: list[RunEntry] = []
        paused: list[RunEntry] = []
        # Only recent runs can be live; reading hundreds of old ones each second helps nobody.
        for run in self._context.store.all()[:60]:
            if run.name in names:
                continue
            if run.alive():
                entry = read_entry(run, known.get(run.name))
                if entry.live:
                    working.append(entry)
            elif run.pause_marker.exists() and len(paused) < _PAUSED_MOST:
                entry = known.get(run.name) or read_entry(run)
                if entry.live:
                    entry = read_entry(run)
                if entry.state == "paused":
                    paused.append(entry)
        return Line(tuple(working), tuple(waiting), tuple(paused))

    def _draw(self, line: Line) -> None:
        clear(self._list)
        self._cards = {}
        theme = self._context.theme
        if not line.working and not line.waiting:
            self._list.addWidget(
                EmptyState(
                    theme,
                    "queue",
                    self.tr("Nothing runs and nothing waits"),
                    self.tr(
                        "A run that is started while another uses the machine waits here for its "
                        "turn."
                    ),
                )
            )
        for entry in line.working:
            self._add(QueueCard(self._context, self._actions, entry))
        for place, entry in enumerate(line.waiting):
            card = QueueCard(self._context, self._actions, entry)
            card.add_place(place, len(line.waiting))
            self._add(card)
        if line.paused:
            self._list.addWidget(label(self.tr("Paused"), "cardTitle"))
        for entry in line.paused:
            self._add(QueueCard(self._context, self._actions, entry))

    def _add(self, card: QueueCard) -> None:
        card.opened.connect(self.run_chosen)
        card.moved.connect(self._move)
        card.hurried.connect(self._hurry)
        self._cards[card.entry.run.name] = card
        self._list.addWidget(card)

    def _move(self, run: RunFolder, place: int) -> None:
        self._context.tasks.run(
            asyncio.to_thread(self._queue.move, run, place), lambda _: self._look(), self._fail
        )

    def _hurry(self, run: RunFolder) -> None:
        self._context.tasks.run(
            asyncio.to_thread(start_now, run), lambda _: self._look(), self._fail
        )

    def _fail(self, error: UserFacingError) -> None:
        clear(self._trouble)
        self._trouble.addWidget(ErrorState(self._context.theme, error))


class QueueCard(Card):
    """One run of the line. ``moved`` carries the run and the place that is wanted for it."""

    opened = Signal(object)
    moved = Signal(object, int)
    hurried = Signal(object)

    def __init__(self, context: Context, actions: RunActions, entry: RunEntry) -> None:
        super().__init__()
        self.entry = entry
        self._theme = theme = context.theme
        self.setAccessibleName(entry.title)
        line = QHBoxLayout()
        line.setSpacing(8)
        look = state_words(entry.state)
        line.addWidget(Icon(theme, look.icon, look.role, 20))
        line.addSpacing(4)
        text = QVBoxLayout()
        text.setSpacing(2)
        text.addWidget(Elided(entry.title, "cardTitle"))
        text.addWidget(Elided(recipe_line(entry.recipe) if entry.recipe else "", "muted"))
        line.addLayout(text, 1)
        self._line = line
        if entry.live:
            # One that waits holds its place while it lives; there is nothing to pause yet.
            self._pause = Button(theme, self.tr("Pause"), kind="icon", icon="pause")
            self._pause.clicked.connect(self._pausing)
            self._pause.clicked.connect(lambda: actions.pause(self.entry))
            self._pause.setVisible(entry.state == "running")
            line.addWidget(self._pause)
        else:
            resume = Button(theme, self.tr("Resume"), icon="play")
            resume.clicked.connect(lambda: actions.resume(self.entry))
            line.addWidget(resume)
        waits = entry.state == "queued"
        cancel = Button(
            theme,
            self.tr("Remove from the queue") if waits else self.tr("Cancel"),
            kind="icon",
            icon="close" if waits else "stop",
        )
        cancel.clicked.connect(lambda: actions.ask_cancel(self.entry))
        line.addWidget(cancel)
        opened = Button(theme, self.tr("Open"))
        opened.clicked.connect(lambda: self.opened.emit(self.entry.run))
        line.addWidget(opened)
        self.body.addLayout(line)
        self._said = label("", "muted")
        self._left = label("", "muted")
        said = QHBoxLayout()
        said.addWidget(self._said, 1)
        said.addWidget(self._left)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 1000)
        self._bar.setAccessibleName(self.tr("Progress of {name}").format(name=entry.title))
        if entry.state == "running":
            self.body.addLayout(said)
            self.body.addWidget(self._bar)
        self.show_entry(entry)

    def add_place(self, place: int, count: int) -> None:
        """Show the place in the line and how to change it; or the time that the run waits for."""
        at = 3
        if self.entry.view.start_at is not None:
            self._line.insertWidget(at, label(waiting_words(self.entry.view), "muted"))
            now = Button(self._theme, self.tr("Start now"), icon="play")
            now.clicked.connect(lambda: self.hurried.emit(self.entry.run))
            self._line.insertWidget(at + 1, now)
            return
        said = self.tr("next") if place == 0 else self.tr("position {n}").format(n=place + 1)
        widgets = [label(said, "muted")]
        for icon, title, to, usable in (
            ("up", self.tr("Earlier"), place - 1, place > 0),
            ("down", self.tr("Later"), place + 1, place < count - 1),
        ):
            button = Button(self._theme, title, kind="icon", icon=icon)
            button.setEnabled(usable)
            button.clicked.connect(lambda _=False, p=to: self.moved.emit(self.entry.run, p))
            widgets.append(button)  # type: ignore[arg-type]
        for index, widget in enumerate(widgets):
            self._line.insertWidget(at + index, widget)

    def show_entry(self, entry: RunEntry) -> None:
        """Draw how far the run is."""
        self.entry = entry
        share = entry.overall.share
        self._said.setText(f"{words.percent(share)} · {step_words(entry.view)}")
        self._left.setText(left_words(entry.overall))
        self._bar.setValue(round(1000 * share))

    def _pausing(self) -> None:
        self._pause.setEnabled(False)
