"""Long lists of widgets, made a few at a time so that the window answers meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator

from PySide6.QtCore import QObject, QTimer

_AT_ONCE_S = 0.025


class InTurns(QObject):
    """Goes through an iterator whose every step makes something, in turns of the event loop."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
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
        end = time.thread_time() + _AT_ONCE_S
        steps = self._steps
        for _ in steps:
            if steps is not self._steps:
                return  # one of them began again
            if time.thread_time() > end:
                self._timer.start()
                return
