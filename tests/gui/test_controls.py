"""Controls: what is typed in vain is not used, the wheel scrolls, lists show their entries."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QLocale, QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QComboBox, QWidget
from pytestqt.qtbot import QtBot

from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.pages.chat.chat_page import ChatPage
from phi3studio.gui.pages.wizard.setting_fields import SettingField
from phi3studio.gui.pages.wizard.target_page import TargetPage
from phi3studio.gui.pages.wizard.tuning_page import TuningPage
from phi3studio.gui.pages.wizard.wizard_page import WizardPage
from phi3studio.gui.widgets.basic import ComboBox
from phi3studio.gui.widgets.number_edit import NOTHING, NumberEdit, parse_number, parse_row, shown
from phi3studio.wizard.flow import parse_draft
from tests.gui.conftest import SAMPLE
from tests.gui.test_wizard import data_of, wizard_of

Make = Callable[..., MainWindow]


@pytest.fixture
def tuning(make_window: Make, qtbot: QtBot) -> tuple[WizardPage, TuningPage]:
    """The page Tuning with all settings shown."""
    wizard = wizard_of(make_window())
    data_of(wizard).source.take_file(str(SAMPLE))
    qtbot.waitUntil(lambda: wizard.inspection.report is not None, timeout=5000)
    page = wizard.view("tuning")
    assert isinstance(page, TuningPage)
    wizard.session.visit("tuning")
    page.show_all(True)
    return wizard, page


def number(fields: list[SettingField], name: str) -> NumberEdit:
    edit = next(field for field in fields if field.setting.name == name).editor
    assert isinstance(edit, NumberEdit)
    return edit


def retype(edit: QWidget, text: str, qtbot: QtBot) -> None:
    edit.setFocus()
    qtbot.keySequence(edit, "Ctrl+A")
    qtbot.keyClicks(edit, text)


@pytest.mark.parametrize(
    ("name", "typed", "before"),
    [
        ("rank", "5000", 16),
        ("rank", "2.5", 16),
        ("learning_rate", "abc", 1e-3),
        ("learning_rate", "2e-4x", 1e-3),
        ("epochs", "-3", 6.0),
        ("epochs", "", 6.0),
    ],
)
def test_what_is_refused_is_neither_in_draft_nor_recipe_nor_on_the_way(
    tuning: tuple[WizardPage, TuningPage], qtbot: QtBot, name: str, typed: str, before: object
) -> None:
    wizard, page = tuning
    edit = number(page.fields, name)
    field = next(field for field in page.fields if field.setting.name == name)
    section = field.setting.section
    retype(edit, typed, qtbot)
    if not typed:
        qtbot.keyClick(edit, Qt.Key.Key_Delete)
    assert edit.property("invalid")
    assert getattr(getattr(wizard.session.draft, section), name) == before
    page._own.setFocus()
    for other in ("data", "tuning"):
        wizard.session.visit(other)
    assert edit.property("invalid")
    assert edit.text() == typed
    assert not wizard._continue.isEnabled()
    assert field.setting.title in wizard._summary.text()
    assert not wizard.session.can_continue("review")
    assert not wizard.session.reachable("review")
    wizard.session.save_now()
    kept = parse_draft(wizard._context.draft_file.read_text("utf-8"))
    assert getattr(getattr(kept, section), name) == before
    qtbot.keyClick(edit, Qt.Key.Key_Escape)
    assert not edit.property("invalid")
    assert edit.text() == shown(before)
    assert wizard.session.can_continue("review")


def test_a_preset_replaces_what_was_refused(
    tuning: tuple[WizardPage, TuningPage], qtbot: QtBot
) -> None:
    wizard, page = tuning
    edit = number(page.fields, "rank")
    retype(edit, "5000", qtbot)
    qtbot.mouseClick(page._presets[1], Qt.MouseButton.LeftButton)
    page._own.setFocus()
    assert edit.text() == "16"
    assert not edit.property("invalid")
    assert wizard.session.can_continue("tuning")
    retype(edit, "5000", qtbot)
    wizard.session.start_over()
    assert not wizard.session.facts.refused


def test_refused_numbers_of_the_page_target_hold_it_back(
    tuning: tuple[WizardPage, TuningPage], qtbot: QtBot
) -> None:
    wizard, _ = tuning
    target = wizard.view("target")
    assert isinstance(target, TargetPage)
    wizard.session.visit("target")
    target.fidelity.show_all(True)
    edit = next(f.editor for f in target.fidelity.fields if isinstance(f.editor, NumberEdit))
    retype(edit, "-7", qtbot)
    assert not wizard.session.can_continue("target")
    qtbot.keyClick(edit, Qt.Key.Key_Escape)
    wizard.session.use_azure()
    target.azure.show_all(True)
    hours = target.azure.fields["hours"]
    retype(hours.editor, "-3", qtbot)
    assert hours.editor.property("invalid")
    assert any(p.where == "azure.hours" for p in wizard.session.problems("target"))
    # The secret itself, and its beginning that was typed on the way, stand in no draft.
    secret = target.azure.fields["secret"]
    retype(secret.editor, "hf_abcdefghijklmnop", qtbot)
    assert wizard.session.draft.azure is not None
    assert wizard.session.draft.azure.secret == "hf-token"


@pytest.mark.parametrize(
    ("language", "typed", "meant"),
    [
        ("en", "1,000", 1000),
        ("en", "10,000", 10_000),
        ("en", "1.000", 1),
        ("en", "0.0005", 0.0005),
        ("en", "0,0005", 0.0005),
        ("en", "2e-4", 0.0002),
        ("it", "1.000", 1000),
        ("it", "1,000", 1),
        ("it", "0,0005", 0.0005),
        ("it", "0.0005", 0.0005),
        ("it", "1 000", 1000),
        ("en", "1,00,000", NOTHING),
        ("en", "five", NOTHING),
        ("en", "", NOTHING),
        ("en", "inf", NOTHING),
    ],
)
def test_numbers_are_read_as_the_locale_writes_them(
    language: str, typed: str, meant: object
) -> None:
    QLocale.setDefault(QLocale(language))
    assert parse_number(typed) == meant
    if meant is not NOTHING:
        assert parse_number(shown(meant)) == meant


def test_a_row_can_be_named_with_its_thousands() -> None:
    assert [parse_row(text) for text in ("1,200", "7", "x", "0")] == [1200, 7, 1, 1]


def test_the_chat_asks_nothing_while_a_setting_is_refused(
    make_window: Make, qtbot: QtBot, showcase: dict[str, object]
) -> None:
    window = make_window()
    window.go("chat")
    chat = window.page("chat")
    assert isinstance(chat, ChatPage)
    panel = chat.settings_panel
    retype(panel._edits["max_tokens"], "1,000", qtbot)
    assert panel.settings.max_tokens == 1000
    retype(panel._edits["temperature"], "9", qtbot)
    assert (panel.valid, panel.settings.sampling.temperature) == (False, 0)
    qtbot.keyClick(panel._edits["temperature"], Qt.Key.Key_Escape)
    assert panel.valid


def turn(widget: QWidget) -> bool:
    """Turn the wheel over *widget*; returns whether it took that."""
    at = QPointF(5, 5)
    event = QWheelEvent(
        at,
        widget.mapToGlobal(at),
        QPoint(),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)
    return event.isAccepted()


def test_the_wheel_changes_no_list_that_has_not_the_focus(
    tuning: tuple[WizardPage, TuningPage], qtbot: QtBot
) -> None:
    wizard, page = tuning
    page.window().activateWindow()
    box = next(f.editor for f in page.fields if f.setting.name == "schedule")
    assert isinstance(box, ComboBox)
    before = wizard.session.draft
    page._fold.setFocus()
    turn(box)
    assert not box.hasFocus()
    assert wizard.session.draft == before
    box.setFocus()
    qtbot.waitUntil(box.hasFocus, timeout=5000)
    turn(box)
    assert wizard.session.draft.training.schedule != before.training.schedule


def test_every_list_of_the_window_scrolls_with_its_page_and_shows_all_its_entries(
    make_window: Make, qtbot: QtBot
) -> None:
    window = make_window()
    for key in ("new", "chat", "compare", "settings"):
        window.go(key)
    wizard = window.page("new")
    assert isinstance(wizard, WizardPage)
    for name in ("model", "tuning", "target", "review"):
        wizard.view(name)
    tuning, target = wizard.view("tuning"), wizard.view("target")
    assert isinstance(tuning, TuningPage)
    assert isinstance(target, TargetPage)
    # What is made only when it is asked for.
    assert all((tuning.fields, target.int4.fields, target.fidelity.fields, target.azure.fields))
    data_of(wizard).source.take_file(str(SAMPLE))
    boxes = window.findChildren(QComboBox)
    assert len(boxes) > 8
    assert {type(box) for box in boxes} == {ComboBox}
    assert all(not box.focusPolicy() & Qt.FocusPolicy.WheelFocus & ~15 for box in boxes)
    window.go("settings")
    shown_boxes = [box for box in boxes if box.isVisible() and box.count()]
    assert len(shown_boxes) >= 3
    for box in shown_boxes:
        box.showPopup()
        view = box.view()
        room = view.viewport().rect()
        entries = [view.visualRect(box.model().index(i, 0)) for i in range(box.count())]
        assert all(room.contains(entry) for entry in entries), box.accessibleName()
        assert all(entry.height() >= 24 for entry in entries)
        assert view.window().height() <= view.height() + 8, "strips to scroll by"
        box.hidePopup()
