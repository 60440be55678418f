"""The watch sees an event that computes for long, and lets one pass that only waits."""

from __future__ import annotations

import time

from PySide6.QtCore import QTimer
from pytestqt.qtbot import QtBot

from tests.event_watch import EventWatch, limit_s


def compute() -> None:
    end = time.thread_time() + 1.5 * limit_s()
    while time.thread_time() < end:
        pass


def test_an_event_that_computes_for_long_is_seen_and_one_that_waits_is_not(
    qapp: EventWatch, qtbot: QtBot
) -> None:
    QTimer.singleShot(0, lambda: time.sleep(2 * limit_s()))
    qtbot.wait(50)
    assert qapp.slow == []
    QTimer.singleShot(0, compute)
    qtbot.waitUntil(lambda: bool(qapp.slow), timeout=5000)
    assert "Timer" in qapp.slow[0] or "MetaCall" in qapp.slow[0]
    qapp.slow.clear()
