"""The watch sees an event that computes for long, and lets one pass that only waits."""

from __future__ import annotations

import time

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from tests.event_watch import EventWatch, limit_s


def compute() -> None:
    end = time.thread_time() + 1.5 * limit_s()
    while time.thread_time() < end:
        pass


def test_what_is_shown_before_it_has_its_place_is_seen(qapp: EventWatch, qtbot: QtBot) -> None:
    page, part = QWidget(), QLabel("part")
    qtbot.addWidget(page)
    part.setVisible(True)
    assert qapp.shown_alone == [part]
    qapp.shown_alone.clear()
    part.setParent(page)
    page.show()
    assert qapp.shown_alone == [page], "a window of its own, and nothing in it"


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
