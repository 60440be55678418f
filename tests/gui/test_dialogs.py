"""Escape and Enter in every dialog: Escape changes nothing, Enter does what is safe."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QScreen
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QCheckBox, QDialog, QWidget
from pytestqt.qtbot import QtBot

import phi3studio.gui
from phi3studio.app.paths import Home
from phi3studio.gui.context import Context
from phi3studio.gui.crash import CrashDialog
from phi3studio.gui.moving import MoveDialog, StartDialog
from phi3studio.gui.pages.chat.rating.rating_desk import RatingDesk
from phi3studio.gui.pages.chat.rating.ratings_dialog import RatingsDialog
from phi3studio.gui.pages.home.notes_dialog import NotesDialog
from phi3studio.gui.pages.home.run_entries import read_entry
from phi3studio.gui.pages.home.trash_dialog import TrashDialog
from phi3studio.gui.pages.run.searching.search_dialog import SearchDialog
from phi3studio.gui.pages.run.sharing.elsewhere import ElsewhereDialog, places
from phi3studio.gui.pages.run.sharing.export_question import ExportQuestion
from phi3studio.gui.pages.run.sharing.upload_question import UploadQuestion
from phi3studio.gui.pages.settings.about_dialog import AboutDialog
from phi3studio.gui.pages.wizard.data.row_dialogs import ReplaceDialog, RowDialog
from phi3studio.gui.pages.wizard.opening.olive_dialogs import ConfigDialog, ConfigsDialog
from phi3studio.gui.shortcuts import ShortcutsDialog
from phi3studio.gui.widgets.ask import Question
from phi3studio.gui.widgets.basic import Button
from phi3studio.runs import relocate
from phi3studio.runs.olive_files import read_olive_config, result_of
from phi3studio.runs.store import RunFolder
from phi3studio.wizard.row_view import Field
from tests.showcase.chat import RecordedChat

FIXTURES = Path(__file__).parents[1] / "fixtures" / "olive"
Act = Callable[..., object]
Make = Callable[[QWidget, Context, RunFolder, Act], QDialog]


def destructive(parent: QWidget, context: Context, run: RunFolder, act: Act) -> QDialog:
    question = Question(parent, context.theme, "Delete?", "It is gone then.")
    question.add("Delete", act, kind="danger")
    return question


def exporting(parent: QWidget, context: Context, run: RunFolder, act: Act) -> QDialog:
    question = ExportQuestion(parent, context, run, {})
    question.wished.connect(act)
    return question


def uploading(parent: QWidget, context: Context, run: RunFolder, act: Act) -> QDialog:
    question = UploadQuestion(parent, context, run, "tones")
    question.wished.connect(act)
    return question


def starting(parent: QWidget, context: Context, run: RunFolder, act: Act) -> QDialog:
    dialog = StartDialog(context.theme, "Where?", "The folder is not there.")
    dialog.add("Elsewhere", primary=True).clicked.connect(act)
    return dialog


def row(parent: QWidget, context: Context, run: RunFolder, act: Act) -> QDialog:
    return RowDialog(parent, context.theme, "Row 1", [Field("text", "text", "old")], act)


DIALOGS: dict[type[QDialog], Make] = {
    Question: destructive,
    ConfigDialog: lambda p, c, r, act: ConfigDialog(
        p, c.theme, "a", read_olive_config(FIXTURES / "lora-phrases.json"), act
    ),
    ConfigsDialog: lambda p, c, r, act: ConfigsDialog(
        p, c.theme, [result_of(FIXTURES / "today.json")], act
    ),
    RowDialog: row,
    ReplaceDialog: lambda p, c, r, act: ReplaceDialog(p, c.theme, ["text"], "text", act),
    AboutDialog: lambda p, c, r, act: AboutDialog(c, p),
    NotesDialog: lambda p, c, r, act: NotesDialog(p, c.theme, read_entry(r), act),
    TrashDialog: lambda p, c, r, act: TrashDialog(p, c.theme, [read_entry(r)], act, act),
    ExportQuestion: exporting,
    UploadQuestion: uploading,
    ElsewhereDialog: lambda p, c, r, act: ElsewhereDialog(p, c.theme, places(r, {}), act, act),
    CrashDialog: lambda p, c, r, act: CrashDialog(c.theme, "a report", p),
    ShortcutsDialog: lambda p, c, r, act: ShortcutsDialog(p, c.theme),
    StartDialog: starting,
    RatingsDialog: lambda p, c, r, act: RatingsDialog(
        p, c.theme, RatingDesk(c, RecordedChat(), p), str, act, act
    ),
    SearchDialog: lambda p, c, r, act: SearchDialog(p, c, r.recipe(), None, act),
    MoveDialog: lambda p, c, r, act: MoveDialog(c.theme, relocate.Pending(c.home.root, move=True)),
}
# What Enter does where the focus is at first: nothing is lost by it, and it can be taken back.
SAFE = {ConfigDialog, ConfigsDialog, NotesDialog, StartDialog}


def all_dialogs(base: type[QDialog] = QDialog) -> set[type[QDialog]]:
    """Every dialog class of the program."""
    for module in pkgutil.walk_packages(phi3studio.gui.__path__, "phi3studio.gui."):
        importlib.import_module(module.name)
    found: set[type[QDialog]] = set()
    for kind in base.__subclasses__():
        found |= all_dialogs(kind) | (
            {kind} if kind.__module__.startswith("phi3studio.") else set()
        )
    return found


def test_no_dialog_is_left_out() -> None:
    assert all_dialogs() == set(DIALOGS)


@pytest.fixture
def shown(
    context: Context, qtbot: QtBot, home: Home, showcase: dict[str, RunFolder]
) -> Callable[[type[QDialog], Act], QDialog]:
    parent = QWidget()
    parent.resize(1024, 700)
    qtbot.addWidget(parent)
    parent.show()

    def show(kind: type[QDialog], act: Act) -> QDialog:
        dialog = DIALOGS[kind](parent, context, showcase["done"], act)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
        qtbot.addWidget(dialog)
        dialog.open()
        dialog.activateWindow()
        qtbot.waitUntil(lambda: QApplication.focusWidget() is not None, timeout=5000)
        return dialog

    return show


@pytest.mark.parametrize("kind", list(DIALOGS), ids=lambda kind: kind.__name__)
def test_escape_closes_without_effect_and_enter_does_nothing_unsafe(
    shown: Any, kind: type[QDialog], qtbot: QtBot
) -> None:
    done: list[object] = []
    dialog = shown(kind, lambda *given: done.append(given))
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Escape)
    assert not dialog.isVisible()
    assert done == []
    dialog = shown(kind, lambda *given: done.append(given))
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Return)
    assert bool(done) == (kind in SAFE)


@pytest.mark.parametrize("kind", list(DIALOGS), ids=lambda kind: kind.__name__)
def test_it_fits_a_small_screen_and_no_button_is_cut_off(
    shown: Any, kind: type[QDialog], qtbot: QtBot, italian: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 1440×900 at 200 %, with a panel of the desktop.
    monkeypatch.setattr(QScreen, "availableSize", lambda self: QSize(720, 430))
    dialog = shown(kind, lambda *given: None)
    # The window manager of such a screen makes it smaller, as far as it may be.
    dialog.resize(dialog.minimumSize().boundedTo(QSize(720, 430)))
    qtbot.wait(50)
    assert dialog.width() <= 720
    assert dialog.height() <= 430
    for button in dialog.findChildren(Button):
        if button.isVisible():
            assert button.width() >= button.sizeHint().width(), button.text()


def test_a_wide_question_is_whole_on_the_screen(shown: Any) -> None:
    dialog = shown(RowDialog, lambda *given: None)
    assert dialog.width() >= 640
    assert dialog.screen().geometry().contains(dialog.geometry())


def test_enter_presses_the_button_that_has_the_focus(shown: Any, qtbot: QtBot) -> None:
    done: list[object] = []
    dialog = shown(Question, lambda *given: done.append(given))
    assert QApplication.focusWidget() is dialog.cancel
    QTest.keyClick(dialog.cancel, Qt.Key.Key_Return)
    assert not dialog.isVisible()
    assert done == []
    dialog = shown(Question, lambda *given: done.append(given))
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Return)
    assert len(done) == 1


def test_a_question_taller_than_the_screen_is_scrolled_and_keeps_its_buttons_in_sight(
    context: Context, qtbot: QtBot
) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    question = Question(parent, context.theme, "Which?", "One of these.")
    qtbot.addWidget(question)
    for number in range(60):
        question.extra.addWidget(QCheckBox(f"This one: {number}"))
    question.open()
    qtbot.waitUntil(lambda: question.height() > 300, timeout=5000)
    assert question.height() <= question.screen().availableSize().height()
    shown = question.cancel.mapTo(question, question.cancel.rect().bottomRight())
    assert question.rect().contains(shown)
    boxes = question.findChildren(QCheckBox)
    assert all(box.height() >= box.sizeHint().height() for box in boxes), "none lies on another"
    question.reject()
