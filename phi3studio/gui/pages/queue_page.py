"""Queue: one run uses the machine, the others wait their turn."""

from __future__ import annotations

import asyncio

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout

from phi3studio.domain.errors import UserFacingError
from phi3studio.gui.context import Context
from phi3studio.gui.pages.home.run_entries import RunEntry, read_entry
from phi3studio.gui.texts.run_words import recipe_line, stage_title
from phi3studio.gui.widgets.ask import Question
from phi3studio.gui.widgets.basic import Button, Card, Icon, clear, label
from phi3studio.gui.widgets.page_frame import Page
from phi3studio.gui.widgets.states import EmptyState, ErrorState
from phi3studio.runs import launch
from phi3studio.runs.queue import MachineQueue
from phi3studio.runs.store import RunFolder

_POLL_MS = 1000


class QueuePage(Page):
    """Shows the line, moves and removes its runs."""

    run_chosen = Signal(object)

    def __init__(self, context: Context) -> None:
        super().__init__(self.tr("Queue"))
        self._context = context
        self._queue = MachineQueue(context.home.runs)
        self._shown: tuple[object, ...] | None = None
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
            working, waiting = await asyncio.to_thread(self._line)
        finally:
            self._busy = False
        key = (
            tuple((e.run, e.state, e.view.stage) for e in working),
            tuple(e.run for e in waiting),
        )
        if key != self._shown:
            self._shown = key
            self._draw(working, waiting)

    def _line(self) -> tuple[list[RunEntry], list[RunEntry]]:
        waiting = [read_entry(run) for run in self._queue.waiting()]
        names = {entry.run.name for entry in waiting}
        # Only recent runs can be live; reading hundreds of old ones each second helps nobody.
        others = [run for run in self._context.store.all()[:60] if run.name not in names]
        working = [entry for run in others if run.alive() and (entry := read_entry(run)).live]
        return working, waiting

    def _draw(self, working: list[RunEntry], waiting: list[RunEntry]) -> None:
        clear(self._list)
        theme = self._context.theme
        if not working and not waiting:
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
            return
        for entry in working:
            self._list.addWidget(self._card(entry, None, 0))
        for place, entry in enumerate(waiting):
            self._list.addWidget(self._card(entry, place, len(waiting)))

    def _card(self, entry: RunEntry, place: int | None, count: int) -> Card:
        theme = self._context.theme
        card = Card()
        line = QHBoxLayout()
        line.setSpacing(12)
        line.addWidget(Icon(theme, "play" if place is None else "clock", "accent_text", 20))
        text = QVBoxLayout()
        text.setSpacing(2)
        text.addWidget(label(entry.title, "cardTitle"))
        said = recipe_line(entry.recipe) if entry.recipe else ""
        text.addWidget(label(said, "muted"))
        line.addLayout(text, 1)
        if place is None:
            stage = stage_title(entry.view.stage) if entry.view.stage else ""
            line.addWidget(label(stage or self.tr("running"), "muted"))
        else:
            line.addWidget(
                label(self.tr("next") if place == 0 else self.tr("place {n}").format(n=place + 1))
            )
            for icon, title, to, usable in (
                ("up", self.tr("Earlier"), place - 1, place > 0),
                ("down", self.tr("Later"), place + 1, place < count - 1),
            ):
                button = Button(theme, title, kind="icon", icon=icon)
                button.setEnabled(usable)
                button.clicked.connect(lambda _=False, r=entry.run, p=to: self._move(r, p))
                line.addWidget(button)
            remove = Button(theme, self.tr("Remove from the queue"), kind="icon", icon="close")
            remove.clicked.connect(lambda _=False, r=entry: self._ask_remove(r))
            line.addWidget(remove)
        opened = Button(theme, self.tr("Open"))
        opened.clicked.connect(lambda _=False, r=entry.run: self.run_chosen.emit(r))
        line.addWidget(opened)
        card.body.addLayout(line)
        return card

    def _move(self, run: RunFolder, place: int) -> None:
        self._context.tasks.run(
            asyncio.to_thread(self._queue.move, run, place), lambda _: self._look(), self._fail
        )

    def _ask_remove(self, entry: RunEntry) -> None:
        question = Question(
            self,
            self._context.theme,
            self.tr("Remove “{name}” from the queue?").format(name=entry.title),
            self.tr("The run is cancelled before it has begun; it can be started again."),
        )
        question.add(self.tr("Remove"), lambda: self._remove(entry.run), kind="danger")
        question.open()

    def _remove(self, run: RunFolder) -> None:
        self._context.tasks.run(
            asyncio.to_thread(launch.cancel, run), lambda _: self._look(), self._fail
        )

    def _fail(self, error: UserFacingError) -> None:
        clear(self._trouble)
        self._trouble.addWidget(ErrorState(self._context.theme, error))
