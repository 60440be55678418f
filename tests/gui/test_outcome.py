"""A run's page and its card say first what came of it, and what is next."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

import pytest
from PySide6.QtCore import QLocale, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from phi3studio.app.paths import Home
from phi3studio.domain.errors import InputError
from phi3studio.domain.events.event_line import AnyPayload
from phi3studio.domain.events.measured_events import (
    Forgetting,
    Metrics,
    Preference,
    Verified,
    verdict_note,
)
from phi3studio.domain.events.run_events import Notice, notice
from phi3studio.domain.recipe import Recipe
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.pages.home.welcome import Welcome
from phi3studio.gui.pages.run import next_runs
from phi3studio.gui.pages.run.run_page import RunPage
from phi3studio.gui.pages.run.sharing.elsewhere import ElsewhereDialog, places
from phi3studio.gui.pages.run.sharing.export_question import ExportQuestion
from phi3studio.gui.pages.wizard.wizard_page import WizardPage
from phi3studio.gui.texts.messages import explain_error
from phi3studio.gui.widgets.basic import Button, Card
from phi3studio.runs import launch
from phi3studio.runs.demo import demo_recipe
from phi3studio.runs.store import RunFolder
from tests.showcase.runs import course, write_run

Make = Callable[..., MainWindow]


def measured(
    share: float, *, faithful: bool = True, exported: float | None = None
) -> Iterable[tuple[float, AnyPayload]]:
    """The showcase's run with another share of right answers after the training."""
    for moment, payload in course():
        if isinstance(payload, Metrics) and payload.model != "base":
            found = exported if exported and payload.model == "exported" else share
            given = {"accuracy": found, "score": found, "macro_f1": found, "confusion": None}
            payload = payload.model_copy(update=given)
        if isinstance(payload, Verified):
            yield moment, Notice(level="warning", code="x", text="2 rows were left out.")
            payload = payload.model_copy(update={"faithful": faithful})
        yield moment, payload


def of_pairs() -> Iterable[tuple[float, AnyPayload]]:
    """The showcase's run as one on pairs of answers."""
    shares = {"base": 0.52, "merged": 0.91, "exported": 0.91}
    for moment, payload in course():
        if isinstance(payload, Metrics):
            share = shares[payload.model]
            judged = Preference(pairs=50, prefers=share, interval=(0.4, 1.0))
            payload = payload.model_copy(update={"preference": judged, "answer_tokens": 61.5})
        if isinstance(payload, Verified):
            limits = payload.limits | {"preference_lost": 2.0}
            payload = payload.model_copy(update={"preference_lost": 0.0, "limits": limits})
            yield moment, Forgetting(
                questions=50, before=3.1, after=3.3, interval=(0.1, 0.3), limit=0.5,
                right_before=0.41, right_after=0.38,
            )  # fmt: skip
        yield moment, payload


def too_slow() -> Iterable[tuple[float, AnyPayload]]:
    """A run that learned nothing, and was seen to need a higher rate."""
    slow = notice(
        "train.not_learning", level="warning", variant="rate",
        first=8.0, last=7.0, step=12, rate=5e-5, usual=1e-3,
    )  # fmt: skip
    events = [*measured(0.0)]
    events.insert(-2, (events[-2][0], slow))
    return events


def opened(
    make_window: Make, qtbot: QtBot, home: Home, name: str, events: Iterable[object]
) -> tuple[MainWindow, RunPage]:
    recipe: Recipe = demo_recipe().model_copy(update={"name": name})
    run = write_run(home.runs, recipe, events, age_s=600)  # type: ignore[arg-type]
    for folder in (run.model, run.adapter):
        folder.mkdir(exist_ok=True)
    window = make_window()
    window.show_run(run)
    page = window.page("run")
    assert isinstance(page, RunPage)
    qtbot.waitUntil(page.outcome.isVisible, timeout=10_000)
    return window, page


def test_of_pairs_the_page_says_how_often_the_better_answer_is_preferred(
    make_window: Make, qtbot: QtBot, home: Home
) -> None:
    _, page = opened(make_window, qtbot, home, "pairs", of_pairs())
    assert page.outcome.said.text() == (
        "It prefers the better answer in 46 of 50 pairs, before 26; the exported model is as good."
    )
    said = [label.text() for label in page._result.findChildren(QLabel)]
    assert "Prefers the better answer" in said
    assert any(text.startswith("General questions (what it knew before): 38") for text in said)


def endless() -> Iterable[tuple[float, AnyPayload]]:
    """Preferences that have cost the model the end of its answers."""
    reason = verdict_note("fidelity.stops", variant="preferences", stops=7.0, limit=99.0)
    for moment, payload in of_pairs():
        if isinstance(payload, Metrics):
            payload = payload.model_copy(update={"stops": 0.07})
        if isinstance(payload, Verified):
            payload = payload.model_copy(update={"faithful": False, "reasons": (reason,)})
        yield moment, payload


def test_of_answers_without_an_end_the_page_says_so(
    make_window: Make, qtbot: QtBot, home: Home
) -> None:
    _, page = opened(make_window, qtbot, home, "pairs", endless())
    assert page.outcome.said.text().endswith("Only 7 % of its answers end by themselves.")
    assert list(page.outcome.buttons) == ["data", "chat"]


@pytest.mark.parametrize(
    ("share", "faithful", "sentence", "steps"),
    [
        (0.92, True, "It learned the task: 92 % right", ["chat", "export", "elsewhere"]),
        (0.0, True, "It has not learned the task yet: 0 % right", ["longer", "data", "chat"]),
        (0.9, False, "but the exported model lost too much", ["quality", "chat", "data"]),
    ],
)
def test_the_result_speaks_first(
    make_window: Make,
    qtbot: QtBot,
    home: Home,
    share: float,
    faithful: bool,
    sentence: str,
    steps: list[str],
) -> None:
    window, page = opened(make_window, qtbot, home, "tickets", measured(share, faithful=faithful))
    assert sentence in page.outcome.said.text()
    assert list(page.outcome.buttons) == steps
    first = page.outcome.buttons[steps[0]]  # type: ignore[index]
    assert first.property("kind") == "primary"
    # Nothing stands above it, and what was noticed on the way below.
    tops = [w for w in page.findChildren(QLabel) if w.isVisible() and "left out" in w.text()]
    below = page.outcome.mapTo(window, page.outcome.rect().bottomLeft()).y()
    assert tops
    assert all(w.mapTo(window, w.rect().topLeft()).y() > below for w in tops)


@pytest.mark.parametrize("faithful", [True, False])
def test_home_and_the_page_of_the_run_say_the_same_figures(
    make_window: Make, qtbot: QtBot, home: Home, faithful: bool
) -> None:
    events = measured(0.9, faithful=faithful, exported=0.7)
    window, page = opened(make_window, qtbot, home, "tickets", events)
    other = "before 4 %" if faithful else "exported 70 %"
    figures = f"90 % right, {other}"
    assert figures in page.outcome.said.text()
    window.go("home")
    index = window.runs.index(0)
    qtbot.waitUntil(lambda: figures in (index.data(Qt.ItemDataRole.AccessibleTextRole) or ""))


def test_of_a_failed_task_the_way_leads_to_its_data(
    make_window: Make, qtbot: QtBot, home: Home
) -> None:
    window, page = opened(make_window, qtbot, home, "tickets", measured(0.0))
    assert "minute" in page.outcome.buttons["longer"].text()
    qtbot.mouseClick(page.outcome.buttons["data"], Qt.MouseButton.LeftButton)
    wizard = window.page("new")
    assert isinstance(wizard, WizardPage)
    qtbot.waitUntil(lambda: window.current is wizard)
    assert (wizard.session.draft.page, wizard.session.draft.name) == ("data", "tickets")


def test_a_training_that_was_too_slow_is_started_again_with_a_higher_rate(
    make_window: Make, qtbot: QtBot, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[RunFolder] = []
    monkeypatch.setattr(launch, "start", lambda run, at=None: started.append(run))
    monkeypatch.setattr(next_runs, "check_before_start", lambda recipe, home: None)
    _, page = opened(make_window, qtbot, home, "tickets", too_slow())
    assert next(iter(page.outcome.buttons)) == "rate"
    qtbot.mouseClick(page.outcome.buttons["rate"], Qt.MouseButton.LeftButton)
    # The new run is in front before the window is closed.
    qtbot.waitUntil(lambda: bool(started) and page.run == started[0], timeout=10_000)
    assert started[0].recipe().training.learning_rate == 1e-3
    assert started[0].recipe().model.adapter is None


def test_a_run_that_is_made_while_the_window_closes_opens_no_page(
    make_window: Make, qtbot: QtBot, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = threading.Event()
    monkeypatch.setattr(launch, "start", lambda run, at=None: closed.wait(10))
    monkeypatch.setattr(next_runs, "check_before_start", lambda recipe, home: None)
    window, page = opened(make_window, qtbot, home, "tickets", too_slow())
    made: list[RunFolder] = []
    page.created.connect(made.append)
    qtbot.mouseClick(page.outcome.buttons["rate"], Qt.MouseButton.LeftButton)
    window.close_for_good()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=5000)
    before = page.run
    closed.set()
    qtbot.waitUntil(lambda: bool(made), timeout=10_000)
    assert page.run is before


def test_after_the_demo_comes_ones_own_data(make_window: Make, qtbot: QtBot, home: Home) -> None:
    window, page = opened(make_window, qtbot, home, "demo", measured(0.92))
    qtbot.mouseClick(page.outcome.buttons["own_data"], Qt.MouseButton.LeftButton)
    wizard = window.page("new")
    assert isinstance(wizard, WizardPage)
    qtbot.waitUntil(lambda: window.current is wizard)
    assert wizard.session.draft.source is None


def test_home_says_the_same(
    make_window: Make, qtbot: QtBot, home: Home, showcase: dict[str, RunFolder]
) -> None:
    recipe = demo_recipe().model_copy(update={"name": "tickets"})
    run = write_run(home.runs, recipe, measured(0.0), age_s=600)  # type: ignore[arg-type]
    window = make_window()
    qtbot.waitUntil(lambda: window.runs.entry(run) is not None, timeout=10_000)
    row = next(i for i in range(window.runs.rowCount()) if window.runs._runs[i].name == run.name)
    said = window.runs.data(window.runs.index(row), Qt.ItemDataRole.AccessibleTextRole)
    assert "Not learned yet" in said


@pytest.mark.parametrize(
    ("language", "title"), [("en", "“Learning rate”"), ("it", "“Tasso di apprendimento”")]
)
def test_keys_of_the_recipe_stand_only_in_the_details(language: str, title: str) -> None:
    QLocale.setDefault(QLocale(language))
    error = InputError.from_json(
        {
            "code": "other.version",
            "message": "It ended.",
            "hint": "Raise training.learning_rate in data.jsonl.",
        }
    )
    said = explain_error(error)
    assert "training." not in said.hint
    assert "data.jsonl" in said.hint
    assert title.lower() in said.hint.lower()
    assert "training.learning_rate" in said.detail


def test_a_finished_model_says_where_else_it_can_be_used(
    make_window: Make, qtbot: QtBot, home: Home
) -> None:
    window, page = opened(make_window, qtbot, home, "tone", measured(0.92))
    assert page._elsewhere.isHidden(), "one button is enough"
    qtbot.mouseClick(page.outcome.buttons["elsewhere"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.findChild(ElsewhereDialog) is not None)
    dialog = window.findChild(ElsewhereDialog)
    assert dialog is not None
    qtbot.waitUntil(lambda: len(dialog.findChildren(Card)) == len(places(page.run, {})))
    assert page.run is not None
    for button in dialog.findChildren(Button):
        if button.accessibleName().startswith("Copy: A terminal"):
            qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    copied = QGuiApplication.clipboard().text()
    assert copied.endswith(f"chat {page.run.name}")
    export = next(
        b for b in dialog.findChildren(Button) if b.accessibleName() == "Export: A C# program"
    )
    qtbot.mouseClick(export, Qt.MouseButton.LeftButton)
    question = page.findChild(ExportQuestion)
    assert question is not None
    question.reject()


def test_a_double_click_begins_one_run(
    make_window: Make, qtbot: QtBot, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[RunFolder] = []
    monkeypatch.setattr(launch, "start", lambda run, at=None: started.append(run))
    monkeypatch.setattr(next_runs, "check_before_start", lambda recipe, home: None)
    window = make_window()
    welcome = window.findChild(Welcome)
    assert welcome is not None
    demo = next(b for b in welcome.findChildren(Button) if b.text() == "Try it now")
    for _ in range(2):
        qtbot.mouseClick(demo, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: isinstance(window.current, RunPage), timeout=5000)
    assert len(started) == 1
    recipe = demo_recipe().model_copy(update={"name": "tickets"})
    run = write_run(home.runs, recipe, too_slow(), age_s=600)
    window.show_run(run)
    page = window.page("run")
    assert isinstance(page, RunPage)
    qtbot.waitUntil(lambda: "rate" in page.outcome.buttons, timeout=10_000)
    for _ in range(2):
        qtbot.mouseClick(page.outcome.buttons["rate"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.run != run, timeout=5000)
    assert len(started) == 2
