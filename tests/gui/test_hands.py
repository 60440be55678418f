"""Where focus goes, where files may be dropped, what closing asks, what fits the screen."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from filelock import FileLock
from PySide6.QtCore import QMimeData, QPointF, QSize, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QLineEdit, QPlainTextEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from phi3studio.app.paths import Home
from phi3studio.domain.events.run_events import Started
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.pages.wizard.target_page import TargetPage
from phi3studio.gui.pages.wizard.tuning_page import TuningPage
from phi3studio.gui.pages.wizard.wizard_page import WizardPage
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.ask import Question
from phi3studio.gui.widgets.basic import Button, Card, LineEdit, row
from phi3studio.gui.widgets.page_frame import Page
from phi3studio.resources import resources
from phi3studio.runs.store import RunFolder
from tests.gui.conftest import SAMPLE
from tests.showcase.runs import write_run

Make = Callable[..., MainWindow]


@pytest.fixture
def page(qapp: QApplication, qtbot: QtBot) -> Page:
    page = Page("A page")
    qtbot.addWidget(page)
    return page


def show(page: Page, qtbot: QtBot) -> None:
    page.show()
    page.activateWindow()
    qtbot.waitExposed(page)


@pytest.mark.parametrize("how", ["hidden", "disabled", "removed"])
def test_focus_stays_in_its_place_when_its_control_disappears(
    page: Page, qtbot: QtBot, qapp: QApplication, how: str
) -> None:
    theme = Theme(qapp, resources(), "light")
    card = Card("A card")
    stop, remove = Button(theme, "Stop"), Button(theme, "Remove")
    card.body.addLayout(row(stop, remove))
    page.content.addWidget(card)
    clicked: list[bool] = []
    remove.clicked.connect(clicked.append)
    show(page, qtbot)
    stop.setFocus()
    qtbot.waitUntil(stop.hasFocus, timeout=5000)
    match how:
        case "hidden":
            stop.hide()
        case "disabled":
            stop.setEnabled(False)
        case _:
            stop.hide()
            stop.setParent(None)
            stop.deleteLater()
    focus = qapp.focusWidget()
    assert focus is card
    qtbot.keyClick(focus, Qt.Key.Key_Space)
    qtbot.keyClick(focus, Qt.Key.Key_Return)
    assert not clicked
    qtbot.keyClick(focus, Qt.Key.Key_Tab)
    assert isinstance(qapp.focusWidget(), QPushButton)


def test_a_control_may_name_its_heir(page: Page, qtbot: QtBot, qapp: QApplication) -> None:
    theme = Theme(qapp, resources(), "light")
    stop, other, field = Button(theme, "Stop"), Button(theme, "Other"), LineEdit()
    stop.heir = field.setFocus
    page.content.addLayout(row(field, other, stop))
    show(page, qtbot)
    stop.setFocus()
    qtbot.waitUntil(stop.hasFocus, timeout=5000)
    stop.hide()
    assert qapp.focusWidget() is field


def drop(at: QWidget, path: str) -> None:
    """Drop a file on *at*; Qt hands it up to the first widget that takes it."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(path)])
    how = Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPointF(3, 3).toPoint(), *how)
    QApplication.sendEvent(at, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(at, QDropEvent(QPointF(3, 3), *how))


@pytest.mark.parametrize("key", ["home", "queue", "doctor", "settings", "models", "chat", "new"])
def test_a_data_file_may_be_dropped_anywhere(make_window: Make, qtbot: QtBot, key: str) -> None:
    window = make_window()
    window.go(key)
    assert window.current is not None
    drop(window.current, str(SAMPLE))
    wizard = window.page("new")
    assert isinstance(wizard, WizardPage)
    qtbot.waitUntil(lambda: wizard.session.draft.source is not None, timeout=5000)
    qtbot.waitUntil(lambda: window.current is wizard)
    assert wizard.session.draft.source is not None
    assert wizard.session.draft.source.source == str(SAMPLE)
    qtbot.waitUntil(lambda: wizard.inspection.report is not None, timeout=10_000)


def test_no_field_takes_a_file_for_text(make_window: Make, qtbot: QtBot) -> None:
    window = make_window()
    window.go("chat")
    window.go("settings")
    window.go("new")
    wizard = window.page("new")
    assert isinstance(wizard, WizardPage)
    for name in ("model", "tuning", "target", "review"):
        wizard.view(name)
    # What is made only when it is asked for.
    tuning, target = wizard.view("tuning"), wizard.view("target")
    assert isinstance(tuning, TuningPage)
    assert isinstance(target, TargetPage)
    assert all((tuning.fields, target.int4.fields, target.fidelity.fields, target.azure.fields))
    wizard.open_files([str(SAMPLE)])
    fields: list[QLineEdit | QPlainTextEdit] = [
        *window.findChildren(QLineEdit),
        *window.findChildren(QPlainTextEdit),
    ]
    assert len(fields) > 40
    for field in fields:
        window.go("settings")
        wizard.session.start_over()
        at = field.viewport() if isinstance(field, QPlainTextEdit) else field
        drop(at, str(SAMPLE))
        qtbot.waitUntil(lambda: wizard.session.draft.source is not None, timeout=5000)
        text = field.text() if isinstance(field, QLineEdit) else field.toPlainText()
        assert "file:" not in text


def test_closing_asks_about_a_run_that_began_elsewhere(
    make_window: Make, qtbot: QtBot, home: Home, showcase: dict[str, RunFolder]
) -> None:
    window = make_window()
    qtbot.waitUntil(lambda: len(window.runs.entries()) == len(showcase), timeout=10_000)
    window.go("settings")
    assert window.runs.live_count() == 0
    recipe = showcase["done"].recipe()
    run = write_run(home.runs, recipe, [(0.0, Started(attempt=1))], age_s=1)
    with FileLock(run.life_lock):
        window.close()
        qtbot.waitUntil(lambda: bool(window.findChildren(Question)), timeout=10_000)
        assert window.isVisible()
        window.findChildren(Question)[0].reject()


def test_the_window_fits_the_screen(qapp: QApplication, home: Home, make_window: Make) -> None:
    window = make_window()
    room = window.screen().availableSize()
    window.resize(9000, 9000)
    window._fit()
    assert window.size().boundedTo(room) == window.size()
    assert window.minimumSize().boundedTo(room - QSize(16, 48)) == window.minimumSize()
