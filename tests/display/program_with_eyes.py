"""The real program, that also says on its standard output where its widgets are.

A line on standard input is one question, answered by one JSON line: ``widgets`` lists the visible
widgets, in pixels of the screen; ``focus`` the one that has the focus; ``front`` the window that
mouse and keyboard reach, once it is the one that takes input; ``drag`` the place at which the
window last said that it takes what is dragged; ``slow`` the events that held the window up;
``late`` how late, in seconds, each beat of a timer of 10 ms came since the last such question.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import Any

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt, QTimer, Signal
from PySide6.QtGui import QDragMoveEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
    QWidget,
)

from phi3studio.gui import start
from phi3studio.gui.application import Application
from tests.event_watch import EventWatch


def described(widget: QWidget) -> dict[str, Any]:
    """What a person sees of a widget."""
    ratio = widget.devicePixelRatio()
    area = QRect(widget.mapToGlobal(QPoint(0, 0)), widget.size())
    # A part that is scrolled away cannot be clicked.
    seen = widget.visibleRegion().boundingRect()
    shown = QRect(widget.mapToGlobal(seen.topLeft()), seen.size())
    text = ""
    if isinstance(widget, (QLabel, QAbstractButton, QLineEdit)):
        text = widget.text()
    elif isinstance(widget, QPlainTextEdit):
        text = widget.toPlainText()
    elif isinstance(widget, QComboBox):
        text = widget.currentText()
    elif isinstance(widget, QProgressBar):
        text = str(widget.value())
    return {
        "class": type(widget).__name__,
        "name": widget.accessibleName(),
        "text": text,
        "area": [round(v * ratio) for v in _sides(area)],
        "shown": [round(v * ratio) for v in _sides(shown)],
        "enabled": widget.isEnabled(),
        "focus": widget.hasFocus(),
        "invalid": bool(widget.property("invalid")),
        "window": widget.isWindow(),
    }


def _sides(area: QRect) -> tuple[int, int, int, int]:
    return area.x(), area.y(), area.width(), area.height()


_BEAT_S = 0.01


class _Heart(QObject):
    """Beats in the event loop of the window, and writes down how late each beat comes."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(round(1000 * _BEAT_S))
        self._timer.timeout.connect(self._beat)
        self._last = 0.0
        self._late: list[float] = []

    def begin(self) -> list[float]:
        """Begin again; returns what was written down so far."""
        late, self._late = self._late, []
        self._last = time.perf_counter()
        self._timer.start()
        return late

    def _beat(self) -> None:
        now = time.perf_counter()
        self._late.append(max(0.0, now - self._last - _BEAT_S))
        self._last = now


class _Eyes(QObject):
    asked = Signal(str)

    def __init__(self, app: QApplication) -> None:
        super().__init__(app)
        self._heart = _Heart(self)
        self.asked.connect(self._answer)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in sys.stdin:
            self.asked.emit(line.strip())

    def _answer(self, question: str) -> None:
        if question == "slow":
            app = QApplication.instance()
            assert isinstance(app, EventWatch)
            # What the eyes take is no time of the program's.
            slow = [{"text": said} for said in app.slow if _Eyes.__name__ not in said]
            _say(slow)
            return
        if question == "late":
            _say([{"late": late} for late in self._heart.begin()])
            return
        if question == "drag":
            app = QApplication.instance()
            assert isinstance(app, _Seen)
            _say(app.taken)
            return
        widgets = [w for w in QApplication.allWidgets() if w.isVisible()]
        if question == "focus":
            # Not hasFocus(): a text field's viewport says yes for its field.
            focused = QApplication.focusWidget()
            widgets = [focused] if focused is not None else []
        elif question == "front":
            # A dialog is visible to Qt before the window manager has given it the keyboard.
            active, modal = QApplication.activeWindow(), QApplication.activeModalWidget()
            widgets = [active] if active is not None and modal in (None, active) else []
        _say([described(w) for w in widgets])


def _say(found: list[dict[str, Any]]) -> None:
    sys.stdout.write("@" + json.dumps(found) + "\n")
    sys.stdout.flush()


class _Seen(Application, EventWatch):
    def __init__(self, arguments: Any) -> None:
        super().__init__(arguments)
        self.taken: list[dict[str, Any]] = []
        self._eyes = _Eyes(self)

    def notify(self, receiver: QObject, event: QEvent) -> bool:
        done = super().notify(receiver, event)
        if isinstance(event, QDragMoveEvent) and isinstance(receiver, QWidget):
            at = receiver.mapToGlobal(event.position().toPoint()) * receiver.devicePixelRatio()
            place = {"area": [at.x(), at.y(), 0, 0]}
            self.taken = [place] if event.isAccepted() else []
        return done


if __name__ == "__main__":
    vars(start)["Application"] = _Seen
    code = start.main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)
