"""The window over the real services and a real worker, with a tiny model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from phi3studio.gui.context import Context
from phi3studio.gui.lifecycle import Helpers
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.pages.chat.chat_page import ChatPage
from phi3studio.gui.pages.run.run_page import RunPage
from phi3studio.gui.pages.wizard.data.data_page import DataPage
from phi3studio.gui.pages.wizard.estimate_card import EstimateCard
from phi3studio.gui.pages.wizard.review_page import ReviewPage
from phi3studio.gui.pages.wizard.wizard_page import WizardPage
from phi3studio.gui.widgets.basic import Callout
from phi3studio.runs import launch
from phi3studio.wizard.flow import PAGES, with_model
from tests.gui.conftest import SAMPLE, spin
from tests.gui.test_home import button

Make = Callable[..., MainWindow]
LONG = 90_000


@pytest.fixture
def wizard(make_window: Make, helpers: Helpers, tiny_phi3: Path, qtbot: QtBot) -> WizardPage:
    """The wizard with the sample and the tiny model, checked by the real inspector."""
    spin(helpers.inspector.call("warm", model=str(tiny_phi3)))
    window = make_window(helpers.services())
    window.go("new")
    page = window.page("new")
    assert isinstance(page, WizardPage)
    page.take_draft(with_model(page.session.draft, str(tiny_phi3)))
    data = page.view("data")
    assert isinstance(data, DataPage)
    data.source.take_file(str(SAMPLE))
    qtbot.waitUntil(lambda: page.inspection.report is not None, timeout=LONG)
    qtbot.waitUntil(lambda: page.inspection.preview is not None, timeout=LONG)
    return page


def start(wizard: WizardPage, qtbot: QtBot, **training: object) -> RunPage:
    """Go through the wizard and start; returns the run's page."""
    for page in PAGES[1:]:
        qtbot.waitUntil(wizard._continue.isEnabled, timeout=20_000)
        qtbot.mouseClick(wizard._continue, Qt.MouseButton.LeftButton)
        assert wizard.session.draft.page == page
    wizard.session.edit("tuning", training=training)
    wizard.session.edit("data", split={"limit": 8})
    qtbot.waitUntil(wizard._continue.isEnabled, timeout=20_000)
    qtbot.mouseClick(wizard._continue, Qt.MouseButton.LeftButton)
    window = wizard.window()
    assert isinstance(window, MainWindow)
    qtbot.waitUntil(lambda: window.current is window.page("run"), timeout=10_000)
    page = window.page("run")
    assert isinstance(page, RunPage)
    return page


def test_from_the_data_file_to_an_answer(wizard: WizardPage, qtbot: QtBot) -> None:
    preview = wizard.inspection.preview
    assert preview is not None
    assert preview.trained_tokens >= 2
    assert preview.tokens[-1].kind == "stop"
    page = start(wizard, qtbot, max_steps=6, evaluations=1)
    qtbot.waitUntil(lambda: "Done" in page.subtitle.text(), timeout=LONG)
    run = page.run
    assert run is not None
    qtbot.waitUntil(lambda: run.worker() is None, timeout=20_000)
    assert len(page._curves.plot.shown[0].points) == 6
    assert page._result.isVisible()
    qtbot.mouseClick(button(page, "Chat"), Qt.MouseButton.LeftButton)
    window = wizard.window()
    assert isinstance(window, MainWindow)
    chat = window.page("chat")
    assert isinstance(chat, ChatPage)
    qtbot.waitUntil(lambda: window.current is chat)
    qtbot.waitUntil(lambda: chat.columns[0].model is not None, timeout=LONG)
    field = chat._prompt._fields["phrase"]
    qtbot.keyClicks(field, "The results came back clear!")
    qtbot.waitUntil(chat._prompt._send.isEnabled, timeout=5000)
    qtbot.mouseClick(chat._prompt._send, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(chat.columns[0].transcript.turns), timeout=LONG)
    assert chat.columns[0].transcript.turns[0].figures is not None


def test_a_run_is_cancelled_from_its_page(wizard: WizardPage, qtbot: QtBot) -> None:
    page = start(wizard, qtbot, max_steps=5000, evaluations=0)
    run = page.run
    assert run is not None
    qtbot.waitUntil(lambda: "step" in page._progress.detail.text(), timeout=LONG)
    page.cancel_run()
    qtbot.waitUntil(lambda: "Cancelled" in page.subtitle.text(), timeout=LONG)
    qtbot.waitUntil(lambda: run.worker() is None, timeout=20_000)
    assert button(page, "Resume").isEnabled()


def test_a_killed_inspector_is_started_again(
    wizard: WizardPage, helpers: Helpers, qtbot: QtBot
) -> None:
    pid = helpers.inspector.pid
    assert pid is not None
    psutil.Process(pid).kill()
    wizard.inspection.go_to_row(3)
    data = wizard.view("data")
    assert isinstance(data, DataPage)

    def answered() -> bool:
        preview = wizard.inspection.preview
        return bool(preview and preview.row == 3) or bool(data.preview.findChildren(Callout))

    qtbot.waitUntil(answered, timeout=LONG)
    preview = wizard.inspection.preview
    if preview is None or preview.row != 3:
        qtbot.mouseClick(button(data.preview, "Try again"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(
        lambda: wizard.inspection.preview is not None and wizard.inspection.preview.row == 3,
        timeout=LONG,
    )
    assert helpers.inspector.pid != pid


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.jsonl", b"", "empty"),
        ("broken.jsonl", b'{"a": 1}\n{"a": \n', "line"),
        ("picture.png", b"\x89PNG\r\n\x1a\n" + bytes(2000), ""),
        pytest.param(
            "huge.jsonl",
            b'{"a": "' + b"x " * 2_000_000 + b'", "b": "y"}\n',
            "",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_wrong_and_huge_files_are_explained(
    make_window: Make,
    helpers: Helpers,
    qtbot: QtBot,
    folder: Path,
    tiny_phi3: Path,
    name: str,
    content: bytes,
    said: str,
) -> None:
    file = folder / name
    file.write_bytes(content)
    window = make_window(helpers.services())
    window.go("new")
    page = window.page("new")
    assert isinstance(page, WizardPage)
    page.take_draft(with_model(page.session.draft, str(tiny_phi3)))
    data = page.view("data")
    assert isinstance(data, DataPage)
    data.source.take_file(str(file))
    qtbot.waitUntil(
        lambda: page.session.facts.data is not None and not page.inspection.busy("look"),
        timeout=LONG,
    )
    qtbot.waitUntil(
        lambda: not page.inspection.busy("check") and not page.inspection.busy("preview"),
        timeout=2 * LONG,
    )
    # What was found reaches the button a moment after the question has ended.
    qtbot.waitUntil(lambda: not page._continue.isEnabled(), timeout=LONG)
    qtbot.waitUntil(lambda: any(f.isVisible() for f in data.findChildren(Callout)), timeout=LONG)
    assert page._summary.text()


@pytest.mark.slow
def test_a_run_goes_on_when_the_window_is_closed_and_is_found_again(
    wizard: WizardPage, qtbot: QtBot, make_window: Make, context: Context
) -> None:
    page = start(wizard, qtbot, max_steps=40, evaluations=0)
    run = page.run
    assert run is not None
    qtbot.waitUntil(lambda: "step" in page._progress.detail.text(), timeout=LONG)
    window = page.window()
    assert isinstance(window, MainWindow)
    window.close_for_good()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=5000)
    assert run.worker() is not None
    again = make_window()
    qtbot.waitUntil(
        lambda: any(entry.run == run and entry.live for entry in again.runs.entries()),
        timeout=20_000,
    )
    again.show_run(run)
    shown = again.page("run")
    qtbot.waitUntil(lambda: "Done" in shown.subtitle.text(), timeout=LONG)
    qtbot.waitUntil(lambda: run.worker() is None, timeout=20_000)
    launch.reap()


def test_the_review_shows_the_real_olive_config(wizard: WizardPage, qtbot: QtBot) -> None:
    wizard.session.visit("review")
    review = wizard.view("review")
    assert isinstance(review, ReviewPage)
    qtbot.waitUntil(review.isVisible)
    qtbot.mouseClick(review._fold, Qt.MouseButton.LeftButton)
    review._which.setCurrentIndex(1)
    qtbot.waitUntil(lambda: review._text.toPlainText().startswith("{"), timeout=LONG)
    assert json.loads(review._text.toPlainText())["passes"]


@pytest.mark.slow
def test_the_estimate_is_measured_by_a_dry_run(wizard: WizardPage, qtbot: QtBot) -> None:
    wizard.session.edit("data", split={"limit": 8})
    wizard.session.edit("tuning", training={"max_steps": 6, "evaluations": 0})
    review = wizard.view("review")
    assert isinstance(review, ReviewPage)
    card = review.findChild(EstimateCard)
    assert card is not None
    assert wizard.session.measured is None
    # Cancelled first: nothing is left of it, and it can be asked again.
    qtbot.mouseClick(button(card, "Measure it"), Qt.MouseButton.LeftButton)
    qtbot.mouseClick(button(card, "Cancel"), Qt.MouseButton.LeftButton)
    qtbot.mouseClick(button(card, "Measure it"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: wizard.session.measured is not None, timeout=LONG)
    measured = wizard.session.measured
    assert measured is not None
    assert measured[1].measured
    assert any("Measured" in said.text() for said in card.findChildren(QLabel))
    # Another setting makes it another run, which was not measured.
    wizard.session.edit("tuning", training={"max_steps": 7})
    assert not any("Measured" in said.text() for said in card.findChildren(QLabel))
