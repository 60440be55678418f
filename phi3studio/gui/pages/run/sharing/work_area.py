"""Where a page says how far something is that runs in the background, and what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QProgressBar, QScrollArea, QVBoxLayout, QWidget
from shiboken6 import isValid

from phi3studio.domain.errors import UserFacingError
from phi3studio.gui.context import Context
from phi3studio.gui.widgets.basic import Button, Callout, announce, clear, label, row

T = TypeVar("T")


class WorkArea(QWidget):
    """One piece of work at a time, with its bar and *Cancel*; then notes. Takes no room before.

    ``button`` begins it and stands where its owner puts it.
    """

    def __init__(self, context: Context, icon: str = "save") -> None:
        super().__init__()
        self._context = context
        self._task: asyncio.Task[Any] | None = None
        self._notes = QVBoxLayout(self)
        self._notes.setContentsMargins(0, 0, 0, 0)
        self.hide()
        self.button = Button(context.theme, "", icon=icon)
        self._bar = QProgressBar()
        self._said = label("", "small")

    @property
    def busy(self) -> bool:
        """Whether the work goes on."""
        return self._task is not None

    def begin(
        self,
        title: str,
        bar: str,
        work: Coroutine[Any, Any, T],
        done: Callable[[T], None],
        failed: Callable[[UserFacingError], None],
    ) -> None:
        """Run *work* below *title*; *bar* names its progress for a screen reader."""
        # Also after a dialog, when the window has the keyboard no more or not yet.
        had_focus = self.window().focusWidget() is self.button
        self.button.setEnabled(False)
        self._draw_progress(title, bar)
        self.setAccessibleName(title)
        if had_focus:
            self.setFocus()
        # Once the page has made room for it.
        QTimer.singleShot(0, self, self._come_into_view)
        self._task = self._context.tasks.run(work, done, failed)
        self._task.add_done_callback(self._ended)

    def cancelled_words(self) -> str:
        """What is said when the user has cancelled it."""
        raise NotImplementedError

    def show_notes(self, *notes: QWidget) -> None:
        """Show *notes* instead of those before; without any it takes no room."""
        if not notes and self.window().focusWidget() is self:
            self.button.setEnabled(True)
            self.button.setFocus()
        clear(self._notes)
        for note in notes:
            self._notes.addWidget(note)
            if isinstance(note, Callout):
                announce(note, note.accessibleName())
        self.setVisible(bool(notes))

    def forget_notes(self) -> None:
        """Show no notes, unless the work goes on."""
        if not self.busy:
            self.show_notes()

    def show_progress(self, said: str, done: int, total: int) -> None:
        """Show how far it is, in whatever unit; *total* 0 while that is unknown."""
        if self._task is not None and not self._task.cancelling():
            self._bar.setRange(0, 1000 if total else 0)
            self._bar.setValue(round(1000 * done / max(1, total)))
            self._said.setText(said)

    def _draw_progress(self, title: str, bar: str) -> None:
        self._said = label(self.tr("Preparing…"), "small")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 0)
        self._bar.setAccessibleName(bar)
        cancel = Button(self._context.theme, self.tr("Cancel"), kind="link")
        cancel.heir = self.button.setFocus
        cancel.clicked.connect(self._cancel)
        line = QWidget()
        line.setLayout(row(label(title, "strong"), self._said, 1, cancel))
        line.layout().setContentsMargins(0, 0, 0, 0)  # type: ignore[union-attr]
        self.show_notes(line, self._bar)

    def _come_into_view(self) -> None:
        """What was asked for at the foot of a long page is seen."""
        area = self.parentWidget()
        while area is not None and not isinstance(area, QScrollArea):
            area = area.parentWidget()
        if area is not None:
            area.ensureWidgetVisible(self)

    def _cancel(self) -> None:
        if self._task is not None:
            self._said.setText(self.tr("Cancelling…"))
            self._task.cancel()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._task = None
        if not isValid(self):
            return
        self.button.setEnabled(True)
        if task.cancelled():
            self.show_notes(Callout(self._context.theme, "info", self.cancelled_words()))
