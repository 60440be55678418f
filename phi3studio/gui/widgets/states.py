"""Empty, loading and error: what a page shows when it has no content."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from phi3studio.domain.messages import Coded
from phi3studio.gui.texts.messages import explain_error
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import Button, Callout, Icon, Level, announce, label, row


class EmptyState(QWidget):
    """What this place is, and one thing to do."""

    def __init__(self, theme: Theme, icon: str, title: str, text: str) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 40, 24, 40)
        layout.setSpacing(8)
        layout.addStretch(1)
        mark = Icon(theme, icon, "muted", 36)
        layout.addWidget(mark, 0, Qt.AlignmentFlag.AlignHCenter)
        heading = label(title, "cardTitle")
        layout.addWidget(heading, 0, Qt.AlignmentFlag.AlignHCenter)
        self.text = label(text, "muted", wrap=True)
        self.text.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.text.setMaximumWidth(460)
        self.text.setMinimumWidth(260)
        self.text.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        layout.addLayout(row(1, self.text, 1))
        self.buttons = row(1, 1)
        layout.addSpacing(8)
        layout.addLayout(self.buttons)
        layout.addStretch(2)

    def add_action(self, button: Button) -> None:
        """Put a button below the text."""
        self.buttons.insertWidget(self.buttons.count() - 1, button)


class ErrorState(QWidget):
    """What happened, what to do, and the details on request."""

    def __init__(self, theme: Theme, error: Coded, level: Level = "error") -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        words = explain_error(error)
        self.callout = Callout(theme, level, words.message, words.hint)
        layout.addWidget(self.callout)
        self._details = label(words.detail, "small", wrap=True)
        self._details.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._details.hide()
        if words.detail:
            more = Button(theme, self.tr("Details"), kind="link")
            more.clicked.connect(self._toggle)
            self.callout.buttons.addWidget(more)
        layout.addWidget(self._details)
        announce(self, f"{words.message} {words.hint}".strip())

    def _toggle(self) -> None:
        self._details.setVisible(self._details.isHidden())


class Skeleton(QWidget):
    """Grey bars in the shape of what is being loaded; appears only after 200 ms."""

    def __init__(self, theme: Theme, lines: int = 3) -> None:
        super().__init__()
        self._theme = theme
        self._lines = lines
        self._shown = False
        self._delay = QTimer(self)
        self._delay.setSingleShot(True)
        self._delay.setInterval(200)
        self._delay.timeout.connect(self._appear)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Loading"))
        self._delay.start()

    def sizeHint(self) -> QSize:
        return QSize(120, self._lines * 26)

    def _appear(self) -> None:
        self._shown = True
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._shown:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.color("track"))
        for index in range(self._lines):
            share = (0.9, 0.62, 0.76)[index % 3]
            painter.drawRoundedRect(QRectF(0, index * 26 + 4, self.width() * share, 14), 5, 5)
