"""Questions and notes that need an answer: window-modal, never with a nested event loop."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import Button, Kind, label

_FRAME = 40
"""Height of a title bar, with some of the screen around it."""


class Question(QDialog):
    """One question, its answers as buttons; *Cancel* is always there and is Escape.

    Shown with ``open()``; each answer calls its function after the dialog has closed.
    """

    def __init__(self, parent: QWidget, theme: Theme, title: str, text: str) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setWindowTitle(title)
        self.setModal(True)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(420)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 18)
        layout.setSpacing(10)
        layout.addWidget(label(title, "cardTitle", wrap=True))
        words = label(text, "muted", wrap=True)
        words.setMinimumWidth(372)
        layout.addWidget(words)
        self.extra = QVBoxLayout()
        layout.addLayout(self.extra)
        layout.addSpacing(6)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(10)
        self._buttons.addStretch(1)
        self.cancel = Button(theme, self.tr("Cancel"))
        self.cancel.clicked.connect(self.reject)
        self._buttons.addWidget(self.cancel)
        layout.addLayout(self._buttons)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not event.spontaneous():
            self.fit()

    def fit(self) -> None:
        """Be as tall as what is asked: left alone, Qt makes no dialog taller than two thirds of the
        screen, and texts lie on one another."""
        layout = self.layout()
        assert layout is not None
        width = max(self.width(), layout.totalSizeHint().width())
        room = self.screen().availableSize().height() - _FRAME
        self.resize(width, min(room, max(self.height(), layout.totalHeightForWidth(width))))

    def add(self, text: str, answer: Callable[[], object], kind: Kind = "plain") -> Button:
        """Add an answer."""
        button = Button(self._theme, text, kind=kind)

        def answered() -> None:
            self.accept()
            answer()

        button.clicked.connect(answered)
        self._buttons.addWidget(button)
        return button

    def add_kept(self, text: str, answer: Callable[[], object], kind: Kind = "plain") -> Button:
        """Add an answer that may keep the dialog open: *answer* closes it."""
        button = Button(self._theme, text, kind=kind)
        button.clicked.connect(lambda _=False: answer())
        self._buttons.addWidget(button)
        return button
