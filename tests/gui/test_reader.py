"""What a screen reader meets: every page walked through Qt's accessibility tree."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from filelock import FileLock
from PySide6.QtGui import QAccessible, QAccessibleInterface
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from phi3studio.app.paths import Home
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.pages.chat.chat_page import ChatPage
from phi3studio.runs.store import RunFolder
from tests.showcase.runs import course, write_run

Make = Callable[..., MainWindow]
Role = QAccessible.Role
# What a person acts on or reads a value from: it has to say what it is.
SPEAKING = {
    Role.PushButton, Role.CheckBox, Role.RadioButton, Role.ComboBox, Role.EditableText,
    Role.SpinBox, Role.Slider, Role.ProgressBar, Role.List, Role.ListItem, Role.Table,
    Role.PageTab, Role.Link, Role.ButtonMenu, Role.ButtonDropDown, Role.Button,
}  # fmt: skip
ROOMS = ("home", "new", "chat", "compare", "queue", "models", "doctor", "settings")


def walk(found: QAccessibleInterface, depth: int = 0) -> Iterator[QAccessibleInterface]:
    """Every object that is there and not invisible, from the window down."""
    assert depth < 60, "the tree has no end"
    for at in range(found.childCount()):
        child = found.child(at)
        if child is None or not child.isValid() or child.state().invisible:
            continue
        yield child
        yield from walk(child, depth + 1)


def tree(window: QWidget) -> list[QAccessibleInterface]:
    root = QAccessible.queryAccessibleInterface(window)
    assert root is not None
    return list(walk(root))


def said(found: QAccessibleInterface) -> str:
    return found.text(QAccessible.Text.Name).strip()


def check(window: MainWindow, where: str) -> None:
    nameless = []
    for found in tree(window):
        thing = found.object()
        inner = thing is not None and thing.objectName().startswith("qt_")
        if found.role() in SPEAKING and not said(found) and not inner:
            parent = found.parent()
            kind = type(thing).__name__ if thing is not None else found.role()
            nameless.append(f"{kind} in {said(parent) if parent is not None else '?'}")
    assert not nameless, f"{where}: {nameless}"


@pytest.mark.parametrize("room", ROOMS)
def test_everything_that_is_acted_on_says_what_it_is(
    make_window: Make, qtbot: QtBot, showcase: dict[str, RunFolder], room: str
) -> None:
    window = make_window()
    qtbot.waitUntil(lambda: len(window.runs.entries()) == 6, timeout=10_000)
    window.go(room)
    if room == "chat":
        page = window.page("chat")
        assert isinstance(page, ChatPage)
        page.add_run(showcase["done"])
    qtbot.wait(500)
    check(window, room)


def test_cards_and_progress_are_read_with_their_state(
    make_window: Make, qtbot: QtBot, home: Home, showcase: dict[str, RunFolder]
) -> None:
    run = write_run(home.runs, showcase["done"].recipe(), course(until=92), age_s=90)
    with FileLock(run.life_lock):
        window = make_window()
        qtbot.waitUntil(lambda: " % · " in window.windowTitle(), timeout=10_000)
        cards = [said(found) for found in tree(window) if found.role() == Role.ListItem]
        assert any(card.startswith("emotions, Done, SmolLM2-135M") for card in cards)
        live = next(card for card in cards if "Running" in card)
        assert "%" in live, "how far it is can be heard"
        window.show_run(run)
        qtbot.waitUntil(
            lambda: any(f.role() == Role.ProgressBar for f in tree(window)), timeout=5000
        )
        check(window, "run")
        bar = next(f for f in tree(window) if f.role() == Role.ProgressBar)
        assert said(bar) == "Progress"
        assert "left" in bar.text(QAccessible.Text.Description)
