"""The keys of the window, and the list of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QGridLayout, QWidget

from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.ask import Question
from phi3studio.gui.widgets.basic import label

PAGES = ("home", "new", "chat", "compare", "queue", "models")


@dataclass(frozen=True)
class Keys:
    """A key sequence as Qt names it, and what it does."""

    sequence: str
    said: str


def window_keys() -> tuple[Keys, ...]:
    """Those that work everywhere."""
    translate = QCoreApplication.translate
    return (
        Keys(
            "Ctrl+1 … 6",
            translate("Shortcuts", "The pages from Home to Models"),
        ),
        Keys("Ctrl+N", translate("Shortcuts", "New fine-tune")),
        Keys("Ctrl+,", translate("Shortcuts", "Settings")),
        Keys("Ctrl+F", translate("Shortcuts", "Search on this page")),
        Keys("F1", translate("Shortcuts", "This list")),
    )


def page_keys() -> tuple[tuple[str, tuple[Keys, ...]], ...]:
    """Those of single pages, by the page."""
    translate = QCoreApplication.translate
    return (
        (
            translate("Shortcuts", "Home"),
            (
                Keys("Enter", translate("Shortcuts", "Open the run")),
                Keys("Ctrl+Space", translate("Shortcuts", "Choose several runs")),
                Keys("F2", translate("Shortcuts", "Name, tags and note")),
                Keys("Del", translate("Shortcuts", "Put into the trash")),
            ),
        ),
        (
            translate("Shortcuts", "Chat"),
            (
                Keys("Enter", translate("Shortcuts", "Ask")),
                Keys("Shift+Enter", translate("Shortcuts", "New line")),
                Keys("F2", translate("Shortcuts", "Rename the chat in the list")),
                Keys("Del", translate("Shortcuts", "Delete the chat in the list")),
            ),
        ),
        (
            translate("Shortcuts", "Rows of data"),
            (
                Keys("Ctrl+Z", translate("Shortcuts", "Undo")),
                Keys("Ctrl+Shift+Z", translate("Shortcuts", "Redo")),
            ),
        ),
    )


def install(window: QWidget, sequence: str, action: Callable[[], object]) -> None:
    """Let a key do something wherever the focus is."""
    shortcut = QShortcut(QKeySequence(sequence), window)
    shortcut.activated.connect(action)


class ShortcutsDialog(Question):
    """The list of keys."""

    def __init__(self, parent: QWidget, theme: Theme) -> None:
        super().__init__(parent, theme, QCoreApplication.translate("Shortcuts", "Keys"), "")
        everywhere = QCoreApplication.translate("Shortcuts", "Everywhere")
        grid = QGridLayout()
        grid.setHorizontalSpacing(28)
        grid.setVerticalSpacing(7)
        grid.setColumnMinimumWidth(1, 260)
        line = 0
        for heading, keys in ((everywhere, window_keys()), *page_keys()):
            grid.addWidget(label(heading, "strong"), line, 0, 1, 2)
            line += 1
            for key in keys:
                grid.addWidget(label(_native(key.sequence), "muted"), line, 0)
                grid.addWidget(label(key.said), line, 1)
                line += 1
            grid.setRowMinimumHeight(line, 8)
            line += 1
        self.extra.addLayout(grid)
        self.cancel.rename(QCoreApplication.translate("Shortcuts", "Close"))


def _native(sequence: str) -> str:
    """As the system writes it: ⌘ on a Mac, “Strg” on a German Windows."""
    first, dots, last = sequence.partition(" … ")
    return QKeySequence(first).toString(QKeySequence.SequenceFormat.NativeText) + dots + last
