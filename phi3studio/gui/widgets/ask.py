"""Questions and notes that need an answer: window-modal, never with a nested event loop."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QDialog, QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import Button, Kind, label

_FRAME = QSize(16, 40)
"""The window manager's borders and title bar, with some of the screen around it."""
_LEAST = 420
"""Width of a short question."""
_BAR = 10
"""Width of a scroll bar."""


def fit(dialog: QWidget, least: QSize) -> None:
    """Make a dialog at least so large, as far as the screen has room."""
    dialog.setMinimumSize(least.boundedTo(dialog.screen().availableSize() - _FRAME))


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
        self._wide = _LEAST
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 18)
        layout.setSpacing(10)
        layout.addWidget(label(title, "cardTitle", wrap=True))
        self._content = QWidget()
        self._content.setObjectName("scrollContent")
        self._content.installEventFilter(self)
        inner = QVBoxLayout(self._content)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(10)
        words = label(text, "muted", wrap=True)
        words.setAlignment(Qt.AlignmentFlag.AlignTop)
        words.setMinimumWidth(_LEAST - 48 - _BAR)
        inner.addWidget(words)
        if not text:
            words.hide()
        self.extra = QVBoxLayout()
        inner.addLayout(self.extra, 1)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setWidget(self._content)
        layout.addWidget(self._area, 1)
        layout.addSpacing(6)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(10)
        self._buttons.addStretch(1)
        self.cancel = Button(theme, self.tr("Cancel"))
        self.cancel.clicked.connect(self.reject)
        self._buttons.addWidget(self.cancel)
        layout.addLayout(self._buttons)

    def showEvent(self, event: QShowEvent) -> None:
        # Qt then puts it into the middle of the window, by its size.
        self._fit()
        super().showEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest and watched is self._content:
            self._fit()
        return False

    def widen(self, width: int) -> None:
        """Be so wide, where the screen has room."""
        self._wide = width

    def _fit(self) -> None:
        """Be as large as what is asked, as far as the screen has room: the rest is scrolled to, and
        the buttons stay in sight."""
        layout, inner = self.layout(), self._content.layout()
        assert layout is not None
        assert inner is not None
        self._area.setMinimumWidth(inner.totalMinimumSize().width() + _BAR)
        width = max(self._area.width(), self._area.minimumWidth()) - _BAR
        wanted = inner.totalSizeHint().height()
        if inner.hasHeightForWidth():
            wanted = inner.totalHeightForWidth(width)
        others = layout.totalMinimumSize().height() - self._area.minimumHeight()
        room = self.screen().availableSize() - _FRAME
        self._area.setMinimumHeight(max(0, min(wanted, room.height() - others)))
        self.setMinimumWidth(max(layout.totalMinimumSize().width(), min(self._wide, room.width())))

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
