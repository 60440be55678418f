"""Every page by keyboard and by screen reader: names, tab order, visible focus."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QMenu,
    QScrollArea,
    QScrollBar,
    QWidget,
)
from pytestqt.qtbot import QtBot

from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.pages.chat.chat_page import ChatPage
from phi3studio.gui.pages.chat.untuned_base import Base
from phi3studio.gui.pages.compare_page import ComparePage
from phi3studio.gui.pages.wizard.data.data_page import DataPage
from phi3studio.gui.pages.wizard.target_page import TargetPage
from phi3studio.gui.pages.wizard.tuning_page import TuningPage
from phi3studio.gui.pages.wizard.wizard_page import WizardPage
from phi3studio.runs.shown.transcript import Ask
from phi3studio.runs.store import RunFolder
from phi3studio.wizard.flow import PAGES, visit
from phi3studio.wizard.optional_steps import without_data
from tests.gui.conftest import SAMPLE, spin

Make = Callable[..., MainWindow]
ALL_PAGES = ("home", "new", "chat", "compare", "queue", "models", "doctor", "settings")


def focusable(window: QWidget) -> list[QWidget]:
    """What Tab should reach: visible, enabled, accepting the focus by Tab."""
    return [
        widget
        for widget in window.findChildren(QWidget)
        if widget.isVisibleTo(window)
        and widget.isEnabled()
        and widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        and not isinstance(widget, QScrollBar | QMenu)
        and widget.focusProxy() is None
        and widget.window() is window
        and not isinstance(widget.parentWidget(), QComboBox)
    ]


def name_of(widget: QWidget) -> str:
    """What a screen reader says it is."""
    if widget.accessibleName():
        return widget.accessibleName()
    if isinstance(widget, QAbstractButton):
        return widget.text()
    labels = [b for b in widget.window().findChildren(QLabel) if b.buddy() is widget]
    return labels[0].text() if labels else ""


def check(window: MainWindow, where: str) -> None:
    """Names, and a way of Tab through everything and back to the beginning."""
    QApplication.processEvents()
    wanted = focusable(window)
    assert wanted, where
    nameless = [f"{type(w).__name__} {w.objectName()}" for w in wanted if not name_of(w).strip()]
    assert not nameless, f"{where}: without an accessible name: {nameless}"
    chain: set[QWidget] = set()
    widget: QWidget = window
    for _ in range(5000):
        widget = widget.nextInFocusChain()
        if widget in chain:
            break
        chain.add(widget)
    missed = [name_of(w) for w in wanted if w not in chain]
    assert not missed, f"{where}: Tab never reaches {missed}"
    icons = [
        b
        for b in window.findChildren(QAbstractButton)
        if b.isVisibleTo(window) and not b.text() and not b.icon().isNull()
    ]
    silent = [b for b in icons if not b.toolTip() and not b.accessibleName()]
    shown = [f"{type(b).__name__} in {type(b.parentWidget()).__name__}" for b in silent]
    assert not silent, f"{where}: an icon without words: {shown}"


def activate(window: MainWindow, qtbot: QtBot) -> None:
    """Only the active window gives the focus to its widgets."""
    if not window.isActiveWindow():
        with qtbot.waitActive(window):
            window.raise_()
            window.activateWindow()


def tab_through(window: MainWindow, qtbot: QtBot, where: str) -> None:
    """Press Tab as often as there are things to reach: each has the focus once."""
    activate(window, qtbot)
    wanted = focusable(window)
    wanted[0].setFocus(Qt.FocusReason.TabFocusReason)
    reached: set[QWidget] = set()
    for _ in range(3 * len(wanted) + 20):
        current = QApplication.focusWidget()
        if current is None:
            break
        reached.add(current)
        # Text fields for several lines keep Tab for themselves unless told otherwise.
        qtbot.keyClick(current, Qt.Key.Key_Tab)
        if QApplication.focusWidget() is current:
            pytest.fail(f"{where}: Tab is caught in {name_of(current)!r}")
    radios = {w for w in wanted if w.inherits("QRadioButton")}
    missed = [w for w in wanted if w not in reached and w not in radios]
    missed = [w for w in missed if not isinstance(w, QScrollArea | QAbstractScrollArea)] + [
        w for w in missed if isinstance(w, QAbstractScrollArea) and not isinstance(w, QScrollArea)
    ]
    assert not missed, f"{where}: not reached: {[name_of(w) for w in missed]}"
    # One radio button of a group is enough: the arrow keys go to the others.
    groups = {w.parentWidget().parentWidget() for w in radios if w.isChecked()}  # type: ignore[attr-defined]
    assert len(reached & radios) >= min(1, len(groups))


@pytest.mark.parametrize("page_name", ALL_PAGES)
def test_every_page_when_it_is_new(make_window: Make, qtbot: QtBot, page_name: str) -> None:
    window = make_window()
    window.go(page_name)
    spin(asyncio.sleep(0.5))
    check(window, page_name)
    tab_through(window, qtbot, page_name)


def test_every_page_with_content(
    make_window: Make, qtbot: QtBot, showcase: dict[str, RunFolder]
) -> None:
    window = make_window()
    qtbot.waitUntil(lambda: len(window.runs.entries()) == 6, timeout=10_000)
    for name in ("live", "done", "failed", "paused", "interrupted"):
        window.show_run(showcase[name])
        spin(asyncio.sleep(0.4))
        check(window, f"run {name}")
        tab_through(window, qtbot, f"run {name}")
    window.go("compare")
    compare = window.page("compare")
    assert isinstance(compare, ComparePage)
    compare.choose([showcase["done"], showcase["wide"]])
    window.go("chat")
    chat = window.page("chat")
    assert isinstance(chat, ChatPage)
    chat.add_run(showcase["done"])
    chat.add_base(Base.of(showcase["done"].recipe()))
    chat.show_settings(True)
    spin(asyncio.sleep(0.3))
    chat.ask(Ask(values={"phrase": "Footsteps."}))
    spin(asyncio.sleep(0.3))
    for page_name in ALL_PAGES:
        window.go(page_name)
        spin(asyncio.sleep(0.3))
        check(window, page_name)
        tab_through(window, qtbot, page_name)


def test_every_page_of_the_wizard(make_window: Make, qtbot: QtBot) -> None:
    window = make_window()
    window.go("new")
    wizard = window.page("new")
    assert isinstance(wizard, WizardPage)
    data = wizard.view("data")
    assert isinstance(data, DataPage)
    data.source.take_file(str(SAMPLE))
    qtbot.waitUntil(lambda: wizard.inspection.report is not None, timeout=5000)
    for page in PAGES:
        wizard.session.visit(page)
        view = wizard.view(page)
        if isinstance(view, TuningPage):
            view.show_all(True)
        if isinstance(view, TargetPage):
            view.int4.show_all(True)
            view.fidelity.show_all(True)
        spin(asyncio.sleep(0.3))
        check(window, page)
        tab_through(window, qtbot, page)
    wizard.session.start_over()
    wizard.session.take(visit(without_data(wizard.session.draft), "review"))
    spin(asyncio.sleep(0.3))
    check(window, "review without data")


def test_fields_show_that_they_have_the_focus(make_window: Make, qtbot: QtBot) -> None:
    """The focused widget looks other than before."""
    window = make_window()
    window.go("models")
    spin(asyncio.sleep(0.5))
    for page_name in ("home", "settings", "models"):
        window.go(page_name)
        spin(asyncio.sleep(0.3))
        activate(window, qtbot)
        for widget in focusable(window)[:12]:
            if not isinstance(widget, QAbstractButton | QLineEdit | QComboBox):
                continue
            others = focusable(window)
            other = others[0] if others[0] is not widget else others[1]
            other.setFocus(Qt.FocusReason.TabFocusReason)
            before = widget.grab().toImage()
            widget.setFocus(Qt.FocusReason.TabFocusReason)
            assert widget.grab().toImage() != before, f"{page_name}: {name_of(widget)}"
