"""Watches how long the window's thread computes over each single event."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any, TypeGuard

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QApplication, QWidget

LIMIT_S = 0.1
"""Processor time of the window's thread, so that a busy machine makes nothing slow."""

# Another theme: Qt styles every widget of the window within one event.
_WHOLE_WINDOW = (
    QEvent.Type.ApplicationPaletteChange,
    QEvent.Type.PaletteChange,
    QEvent.Type.StyleChange,
)
_TRIES = 500
_CROWD, _MOST = 0.1, 2.0


def limit_s() -> float:
    """The limit, higher where many processes share each core, whose caches they share as well."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        # Side by side tests share cores whose halves and caches belong to two of them.
        return LIMIT_S * _MOST
    if not hasattr(os, "getloadavg"):
        return LIMIT_S
    crowd = os.getloadavg()[0] / (os.cpu_count() or 1) - 1
    return LIMIT_S * min(_MOST, 1 + _CROWD * max(0.0, crowd))


class EventWatch(QApplication):
    """An application that writes down the events that took longer than :data:`LIMIT_S`.

    Each is named by the receiver and the event; what an event causes at once counts as its own.
    What the watching itself costs is taken off: a page that is built sends thousands of events.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        super().__init__(list(arguments))
        self.slow: list[str] = []
        self.shown_alone: list[QWidget] = []
        """What was shown while nothing held it: a window, and the focus, for a moment."""
        self._inside = False
        self._nested = 0
        self._cost_s = 0.0
        self._cost_s = self._measure_cost()

    def _measure_cost(self) -> float:
        """The time that this class adds to one event inside another.

        Measured with events that Qt sends, each to a widget of its own that Python has to be given:
        without this class such an event takes a sixtieth of the time.
        """
        parent = QWidget()
        children = [QWidget(parent) for _ in range(_TRIES)]
        took: list[float] = []
        self._inside = True
        for enabled in (False, True, False, True):
            begin = time.thread_time()
            parent.setEnabled(enabled)
            took.append(time.thread_time() - begin)
        self._inside = False
        parent.deleteLater()
        return min(took) / len(children)

    def notify(self, receiver: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show and _is_alone(receiver):
            self.shown_alone.append(receiver)
        if self._inside:
            self._nested += 1
            return bool(super().notify(receiver, event))
        self._inside = True
        self._nested = 0
        begin = time.thread_time()
        kind = event.type()
        try:
            return bool(super().notify(receiver, event))
        finally:
            self._inside = False
            took = time.thread_time() - begin - self._nested * self._cost_s
            if took > LIMIT_S and took > limit_s() and kind not in _WHOLE_WINDOW:
                self.slow.append(f"{1000 * took:.0f} ms: {_named(receiver)}, {kind.name}")


def _is_alone(receiver: QObject) -> TypeGuard[QWidget]:
    return (
        isinstance(receiver, QWidget)
        and receiver.parent() is None
        and receiver.windowType() is Qt.WindowType.Window
    )


def _named(receiver: Any) -> str:
    try:
        said = receiver.accessibleName() if hasattr(receiver, "accessibleName") else ""
        parts = (type(receiver).__name__, receiver.objectName(), said)
        return " ".join(filter(None, parts))
    except RuntimeError:  # it was deleted by its own event
        return type(receiver).__name__
