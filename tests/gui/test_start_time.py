"""A run that waits for a time of the night: chosen on Review, seen and hurried in the queue."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from phi3studio.app.paths import Home
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.pages.queue_page import QueuePage
from phi3studio.gui.pages.wizard.review_page import ReviewPage
from phi3studio.gui.pages.wizard.start_card import next_time
from phi3studio.gui.pages.wizard.wizard_page import WizardPage
from phi3studio.runs import launch
from phi3studio.runs.store import RunStore
from tests.gui.conftest import SAMPLE
from tests.gui.test_home import button


@pytest.mark.parametrize(
    ("hour", "now", "then"),
    [
        (22, dt.datetime(2026, 11, 30, 9, 5), dt.datetime(2026, 11, 30, 22)),
        (22, dt.datetime(2026, 11, 30, 22), dt.datetime(2026, 12, 1, 22)),
        (2, dt.datetime(2026, 12, 31, 23, 59), dt.datetime(2027, 1, 1, 2)),
    ],
)
def test_the_next_time_of_the_clock(hour: int, now: dt.datetime, then: dt.datetime) -> None:
    assert next_time(hour, now) == then


def test_a_run_waits_for_its_time_and_is_started_at_once_from_the_queue(
    make_window: Callable[..., MainWindow], qtbot: QtBot, home: Home
) -> None:
    window = make_window()
    window.go("new")
    wizard = window.page("new")
    assert isinstance(wizard, WizardPage)
    wizard.open_files([str(SAMPLE)])
    qtbot.waitUntil(lambda: wizard.inspection.report is not None, timeout=10_000)
    wizard.session.visit("review")
    review = wizard.view("review")
    assert isinstance(review, ReviewPage)
    assert review.start.start_at() is None
    review.start.choice.setCurrentIndex(1)
    review.start.choice.activated.emit(1)
    wanted = review.start.start_at()
    assert wanted is not None
    qtbot.waitUntil(wizard._continue.isEnabled, timeout=10_000)
    wizard._continue.click()
    store = RunStore(home)
    qtbot.waitUntil(lambda: bool(store.all()) and store.all()[0].alive(), timeout=20_000)
    run = store.all()[0]
    qtbot.waitUntil(lambda: run.view().start_at == wanted, timeout=20_000)
    assert run.state() == "queued"
    # The next fine-tune starts at once again.
    assert review.start.start_at() is None
    window.go("queue")
    queue = window.page("queue")
    assert isinstance(queue, QueuePage)
    at = dt.datetime.fromtimestamp(wanted)

    def said() -> str:
        return "\n".join(shown.text() for shown in queue.findChildren(QLabel))

    qtbot.waitUntil(lambda: f"{at:%H:%M}" in said(), timeout=10_000)
    qtbot.mouseClick(button(queue, "Start now"), Qt.MouseButton.LeftButton)
    # It would begin by bringing the model; that it no longer waits is enough.
    qtbot.waitUntil(lambda: run.view().start_at is None or run.view().attempt > 0, timeout=20_000)
    qtbot.waitUntil(lambda: run.state() == "running", timeout=20_000)
    launch.cancel(run)
