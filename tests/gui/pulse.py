"""How long the window's thread computes without coming back to its event loop."""

from __future__ import annotations

import time

from PySide6.QtCore import QTimer


class Pulse:
    """The longest turn of the event loop, in seconds that this thread computed."""

    def __init__(self) -> None:
        self._timer = QTimer()
        self._timer.setInterval(5)
        self._timer.timeout.connect(self._beat)
        self._timer.start()
        self.begin()

    def begin(self) -> None:
        """Measure from here on."""
        self.longest, self._last = 0.0, time.thread_time()

    def stop(self) -> None:
        """End it."""
        self._timer.stop()

    def _beat(self) -> None:
        now = time.thread_time()
        self.longest, self._last = max(self.longest, now - self._last), now
