"""Long lists of widgets, made a few at a time so that the window answers meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator

from PySide6.QtCore import QObject, QTimer, Signal

_AT_ONCE_S = 0.025


class InTurns(QObject):
    """Goes through an iterator whose every step makes something, in turns of the event loop; in
    each as many steps as begin within *at_once_s* seconds, with 0 a single one."""

    ended = Signal()

    def __init__(self, parent: QObject, at_once_s: float = _AT_ONCE_S) -> None:
        super().__init__(parent)
        self._at_once_s = at_once_s
        self._steps: Iterator[object] = iter(())
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._turn)

    @property
    def busy(self) -> bool:
        """Whether there are steps still to come."""
        return self._timer.isActive()

    def begin(self, steps: Iterator[object]) -> None:
        """Go through *steps* instead of what is left of those before; the first ones at once."""
        self._steps = steps
        self._turn()

    def _turn(self) -> None:
        self._timer.stop()
        end = time.thread_time() + self._at_once_s
        steps = self._steps
        for _ in steps:
            if steps is not self._steps:
                return  # one of them began again
            if time.thread_time() >= end:
                self._timer.start()
                return
        self.ended.emit()
