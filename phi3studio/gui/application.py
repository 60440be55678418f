"""The application object: hears of the files that macOS asks it to open."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, Signal
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtWidgets import QApplication


class Application(QApplication):
    """``file_opened``: the path of a file that was double-clicked while, or so that, it runs.

    On macOS such a file comes as an event; elsewhere as an argument of a new start.
    """

    file_opened = Signal(str)

    def __init__(self, arguments: Sequence[str]) -> None:
        super().__init__(list(arguments))

    def event(self, event: QEvent) -> bool:
        """Qt's hook for events of the application itself."""
        if isinstance(event, QFileOpenEvent) and event.file():
            self.file_opened.emit(event.file())
            return True
        return super().event(event)
