"""How far a run is: the same on its page, on Home, in the queue and in the window's title."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import pytest
from filelock import FileLock
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QMenu, QProgressBar
from pytestqt.qtbot import QtBot

from phi3studio.app.paths import Home
from phi3studio.domain.events.event_line import AnyPayload, Event
from phi3studio.domain.events.run_events import Paused, Progress, Stage, StageDone
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.pages.home.home_page import HomePage
from phi3studio.gui.pages.queue_page import QueueCard, QueuePage
from phi3studio.gui.pages.run.run_page import RunPage
from phi3studio.gui.widgets.ask import Question
from phi3studio.runs.store import RunFolder
from tests.gui.test_home import button
from tests.showcase.runs import course, write_run

Make = Callable[..., MainWindow]


def report(run: RunFolder, payloads: Iterable[AnyPayload]) -> None:
    seq = len(run.events_file.read_text().splitlines())
    with run.events_file.open("a", encoding="utf-8") as file:
        for payload in payloads:
            file.write(Event(seq=seq, t=time.time(), payload=payload).to_line() + "\n")
            seq += 1


def test_one_progress_over_all_stages_everywhere(
    make_window: Make,
    qtbot: QtBot,
    home: Home,
    showcase: dict[str, RunFolder],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard: list[str] = []

    def hear(event: QAccessibleAnnouncementEvent) -> None:
        heard.append(event.message())

    monkeypatch.setattr(QAccessible, "updateAccessibility", hear)
    recipe = showcase["done"].recipe().model_copy(update={"name": "tones"})
    run = write_run(home.runs, recipe, course(until=92), age_s=90)
    with FileLock(run.life_lock):
        window = make_window()
        qtbot.waitUntil(lambda: window.windowTitle().endswith("tones · Phi-3 Studio"), timeout=8000)
        share = int(window.windowTitle().split()[0])
        assert 30 < share < 60, "half of the training is no half of the run"
        window.show_run(run)
        page = window.page("run")
        assert isinstance(page, RunPage)
        card = page._progress
        qtbot.waitUntil(lambda: card.title.text().endswith("%"), timeout=5000)
        assert abs(int(card.title.text().split()[0]) - share) <= 2
        assert card.detail.text() == "Train · step 92 of 184"
        assert card._left.text().startswith("about 2 minute")
        bars = [card._bar.value()]
        for payload in (
            StageDone(name="train", seconds=170.0),
            Stage(name="merge", index=3, count=5),
            StageDone(name="merge", seconds=6.0),
            Stage(name="quantise", index=4, count=5),
            StageDone(name="quantise", seconds=20.0),
            Stage(name="verify", index=5, count=5),
            *(
                Progress(step=step, total=10, activity=f"measuring the {role} model")
                for role in ("base", "merged", "exported")
                for step in (1, 9)
            ),
        ):
            report(run, [payload])
            qtbot.wait(260)
            bars.append(card._bar.value())
        assert bars == sorted(bars)
        assert bars[-1] > 950
        # A screen reader hears the stages and the tenths, and nothing twice.
        assert any("Quantise" in said for said in heard)
        assert "9" in heard[-1].split()[0]
        assert len(heard) == len(set(heard)) < 15
        window.go("queue")
        queue = window.page("queue")
        assert isinstance(queue, QueuePage)
        qtbot.waitUntil(lambda: bool(queue.findChildren(QueueCard)), timeout=5000)
        shown = queue.findChildren(QueueCard)[0]
        assert shown.findChildren(QProgressBar)[0].value() >= 900
        # Seen from elsewhere as well: the title goes on.
        qtbot.waitUntil(lambda: int(window.windowTitle().split()[0]) >= 90, timeout=8000)
    qtbot.waitUntil(lambda: window.windowTitle() == "Phi-3 Studio", timeout=8000)


def test_a_run_is_paused_and_resumed_from_the_queue_and_from_its_card(
    make_window: Make, qtbot: QtBot, home: Home, showcase: dict[str, RunFolder]
) -> None:
    run = write_run(home.runs, showcase["done"].recipe(), course(until=92), age_s=90)
    window = make_window()
    with FileLock(run.life_lock):
        window.go("queue")
        queue = window.page("queue")
        assert isinstance(queue, QueuePage)
        qtbot.waitUntil(lambda: bool(queue.findChildren(QueueCard)), timeout=5000)
        qtbot.mouseClick(button(queue, "Pause"), Qt.MouseButton.LeftButton)
        qtbot.waitUntil(run.pause_marker.exists, timeout=5000)
        report(run, [Paused()])
    qtbot.waitUntil(lambda: button_or_none(queue, "Resume"), timeout=8000)
    window.go("home")
    home_page = window.page("home")
    assert isinstance(home_page, HomePage)
    qtbot.waitUntil(lambda: entry_state(window, run) == "paused", timeout=8000)
    home_page._menu(run, home_page.mapToGlobal(home_page.rect().center()))
    menu = home_page.findChildren(QMenu)[-1]
    said = [action.text() for action in menu.actions() if action.text()]
    assert {"Open", "Resume", "Cancel…"} <= set(said)
    next(a for a in menu.actions() if a.text() == "Cancel…").trigger()
    menu.close()
    question = home_page.findChildren(Question)[-1]
    assert question.cancel.text() == "Keep it"
    question.reject()


def button_or_none(widget: object, name: str) -> bool:
    try:
        return button(widget, name).isVisible()
    except AssertionError:
        return False


def entry_state(window: MainWindow, run: RunFolder) -> str:
    entry = window.runs.entry(run)
    return entry.state if entry is not None else ""
