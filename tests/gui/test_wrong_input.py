"""Whatever is typed or pasted into a field of the wizard: it is taken, or refused with a reason."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QToolTip, QWidget
from pytestqt.qtbot import QtBot

from phi3studio.domain.errors import InputError
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.pages.wizard.target_page import TargetPage
from phi3studio.gui.pages.wizard.tuning_page import TuningPage
from phi3studio.gui.pages.wizard.wizard_page import WizardPage
from phi3studio.gui.widgets.editors import MOST_CHARACTERS
from phi3studio.gui.widgets.number_edit import NOTHING, NumberEdit, parse_number
from phi3studio.wizard.flow import PAGES, parse_draft, to_recipe
from tests.gui.conftest import SAMPLE
from tests.gui.test_wizard import data_of, wizard_of

Make = Callable[..., MainWindow]

NUMBERS = ("abc", "-1", "1e308", "nan", "1.000", "1,5", "9" * 400, "٣", "x" * 1_000_000, "")
TEXTS = (
    "}}{", "{nothing}", "\x00\x07", "\u202egnp", "../../etc/passwd", "<b>bold</b>", "a\nb",
    "x" * 1_000_000, "word " * 200_000, "",
)  # fmt: skip
_LARGE = ("tuning", "target")


@pytest.fixture
def wizard(make_window: Make, qtbot: QtBot) -> WizardPage:
    """All pages may be entered and every setting is shown."""
    found = wizard_of(make_window())
    data_of(found).source.take_file(str(SAMPLE))
    qtbot.waitUntil(lambda: found.inspection.report is not None, timeout=5000)
    for page in PAGES:
        found.session.visit(page)
        view = found.view(page)
        if isinstance(view, TuningPage):
            view.show_all(True)
        if isinstance(view, TargetPage):
            view.fidelity.show_all(True)
            found.session.use_azure()
            view.azure.show_all(True)
    return found


def fields(view: QWidget) -> list[QLineEdit | QPlainTextEdit]:
    """What can be typed into there."""
    found: list[QLineEdit | QPlainTextEdit] = [
        *view.findChildren(QLineEdit),
        *view.findChildren(QPlainTextEdit),
    ]
    return [f for f in found if f.isVisible() and f.isEnabled() and not f.isReadOnly()]


@pytest.mark.parametrize(
    "page",
    # The last two have 60 fields.
    ["data", "model", "review", *(pytest.param(p, marks=pytest.mark.slow) for p in _LARGE)],
)
def test_every_field_takes_or_refuses_whatever_is_pasted(
    wizard: WizardPage, qtbot: QtBot, page: str
) -> None:
    session, window = wizard.session, wizard.window()
    session.visit(page)  # type: ignore[arg-type]
    view = wizard.view(page)  # type: ignore[arg-type]
    qtbot.waitUntil(lambda: bool(fields(view)), timeout=5000)
    width = window.minimumSizeHint().width()
    tried = 0
    for field in fields(view):
        for text in NUMBERS if isinstance(field, NumberEdit) else TEXTS:
            if not field.isVisible():
                break  # its card has gone with what was typed before
            QGuiApplication.clipboard().setText(text)
            field.setFocus()
            field.selectAll()
            if text:
                field.paste()
            else:
                qtbot.keyClick(field, Qt.Key.Key_Delete)
            tried += 1
            if (
                isinstance(field, NumberEdit)
                and parse_number(field.text(), optional=field._optional) is NOTHING
            ):
                assert field.property("invalid"), (field.accessibleName(), text[:20])
                assert not session.can_continue("review")
            # What a draft keeps can be read again, and makes a recipe or says why not.
            kept = parse_draft(session.draft.to_json())
            assert kept == session.draft
            with contextlib.suppress(InputError):
                to_recipe(kept)
            assert window.minimumSizeHint().width() <= width + 40, field.accessibleName()
            qtbot.keyClick(field, Qt.Key.Key_Escape)
    assert tried >= len(TEXTS)


def test_a_text_too_long_to_paste_is_said(wizard: WizardPage, qtbot: QtBot) -> None:
    wizard.session.visit("data")
    prompt = next(f for f in fields(wizard.view("data")) if isinstance(f, QPlainTextEdit))
    before = prompt.toPlainText()
    QGuiApplication.clipboard().setText("x" * (MOST_CHARACTERS + 1))
    prompt.paste()
    assert prompt.toPlainText() == before
    assert QToolTip.text().startswith("Nothing was pasted: the text has 100,001 characters")
    QToolTip.hideText()
