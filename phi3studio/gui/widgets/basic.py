"""Labels, buttons, cards and callouts; what a screen reader says of them unasked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QLineEdit,
    QMenu,
    QPushButton,
    QSizePolicy,
    QStyledItemDelegate,
    QVBoxLayout,
    QWidget,
)

from phi3studio.gui.theme import Theme

Kind = Literal["plain", "primary", "danger", "link", "icon"]
Level = Literal["info", "good", "warning", "error"]

# Between the edge of a link, where its focus ring is, and its text.
_LINK_EDGE = 5

_ICON_ROLE: dict[Kind, str] = {
    "plain": "text",
    "primary": "on_accent",
    "danger": "danger_text",
    "link": "accent_text",
    "icon": "text",
}


def label(text: str = "", role: str = "", *, wrap: bool = False) -> QLabel:
    """A text in one of the style sheet's roles. Plain text unless it is set otherwise."""
    result = QLabel(text)
    result.setTextFormat(Qt.TextFormat.PlainText)
    if role:
        result.setProperty("role", role)
    if wrap:
        result.setWordWrap(True)
        result.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        # Without this a word-wrapped label asks for a wide minimum and pushes its column.
        result.setMinimumWidth(40)
    return result


def restyle(widget: QWidget) -> None:
    """Apply the style sheet again after a property that it selects on has changed."""
    widget.style().unpolish(widget)
    widget.style().polish(widget)
    widget.update()


def set_role(target: QLabel, role: str) -> None:
    """Give a label another role."""
    if target.property("role") != role:
        target.setProperty("role", role)
        restyle(target)


def clear(layout: QLayout) -> None:
    """Remove and delete everything inside *layout*."""
    while (item := layout.takeAt(0)) is not None:
        if (widget := item.widget()) is not None:
            widget.hide()
            widget.setParent(None)
            widget.deleteLater()
        elif (inner := item.layout()) is not None:
            clear(inner)


class Elided(QLabel):
    """One line that ends in an ellipsis where it does not fit; the whole text is its tooltip."""

    def __init__(self, text: str = "", role: str = "") -> None:
        super().__init__(text)
        self.setTextFormat(Qt.TextFormat.PlainText)
        if role:
            self.setProperty("role", role)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def paintEvent(self, event: QPaintEvent) -> None:
        shown = self.fontMetrics().elidedText(
            self.text(), Qt.TextElideMode.ElideRight, self.width()
        )
        self.setToolTip(self.text() if shown != self.text() else "")
        painter = QPainter(self)
        painter.setFont(self.font())
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(self.rect(), int(self.alignment()), shown)


class Button(QPushButton):
    """A push button in one of five kinds, its icon in the theme's colours.

    An ``icon`` button shows only its icon; *text* is then its accessible name and tooltip.
    """

    def __init__(
        self, theme: Theme, text: str, *, kind: Kind = "plain", icon: str | None = None
    ) -> None:
        super().__init__("" if kind == "icon" else text)
        self.heir: Callable[[], object] | None = None
        """Gives the focus to another control when this one disappears while it has it."""
        self._theme = theme
        self._icon = icon
        self._kind: Kind = kind
        self.setProperty("kind", kind)
        self.setAccessibleName(text)
        if kind == "icon":
            self.setToolTip(text)
        if kind == "link":
            self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAutoDefault(False)
        if icon is not None:
            self.setIconSize(QSize(16, 16))
            theme.changed.connect(self._retint)
            self._retint()

    def setMenu(self, menu: QMenu | None) -> None:
        # The style sheet makes room for the arrow.
        self.setProperty("withMenu", menu is not None)
        super().setMenu(menu)  # type: ignore[arg-type]
        restyle(self)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        # As everywhere but in Qt, which leaves Enter to a dialog's default button.
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and not event.isAutoRepeat():
            self.showMenu() if self.menu() is not None else self.click()
            return
        super().keyPressEvent(event)

    def rename(self, text: str) -> None:
        """Change the caption and the accessible name together."""
        if self._kind != "icon":
            self.setText(text)
        self.setAccessibleName(text)

    def set_icon(self, icon: str) -> None:
        """Show another icon of the set."""
        self._icon = icon
        self._retint()

    def _retint(self) -> None:
        if self._icon is not None:
            self.setIcon(self._theme.icon(self._icon, _ICON_ROLE[self._kind], 16))


class LineEdit(QLineEdit):
    """One line of text. A file that is dropped on it is for the page, not for the text."""

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self.setAcceptDrops(False)


class ComboBox(QComboBox):
    """A list to choose from. The wheel turns it only while it has the focus, and never gives it
    the focus: over any other control it scrolls the page."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        # The delegate that a combo box makes itself takes no style for its entries.
        self.setItemDelegate(QStyledItemDelegate(self))

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class Icon(QLabel):
    """A line icon next to a text."""

    def __init__(self, theme: Theme, name: str, role: str = "muted", size: int = 18) -> None:
        super().__init__()
        self._theme, self._name, self._role, self._size = theme, name, role, size
        self.setFixedSize(size, size)
        theme.changed.connect(self._retint)
        self._retint()

    def show_icon(self, name: str, role: str) -> None:
        """Show another icon."""
        if (name, role) != (self._name, self._role):
            self._name, self._role = name, role
            self._retint()

    def _retint(self) -> None:
        self.setPixmap(self._theme.pixmap(self._name, self._role, self._size, 2))


class Card(QFrame):
    """A bordered surface: an optional title line with actions at its right, then the body."""

    def __init__(self, title: str = "", detail: str = "") -> None:
        super().__init__()
        self.setProperty("card", True)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(16, 14, 16, 16)
        outer.setSpacing(10)
        self.title = label(title, "cardTitle")
        self.detail = Elided(detail, "muted")
        self.header = QHBoxLayout()
        self.header.setSpacing(10)
        self.header.addWidget(self.title)
        self.header.addWidget(self.detail, 1)
        if title:
            outer.addLayout(self.header)
            self.setAccessibleName(title)
        self.body = QVBoxLayout()
        self.body.setSpacing(8)
        outer.addLayout(self.body, 1)

    def set_chosen(self, chosen: bool) -> None:
        """Mark the card as the chosen one of several."""
        if bool(self.property("chosen")) != chosen:
            self.setProperty("chosen", chosen)
            restyle(self)


class Callout(QFrame):
    """A mark, a sentence, a hint, and buttons that act on it."""

    _MARKS = {
        "info": ("info", "accent_text"),
        "good": ("check", "good_text"),
        "warning": ("warning", "warning_text"),
        "error": ("error", "danger_text"),
    }

    def __init__(self, theme: Theme, level: Level, text: str, hint: str = "") -> None:
        super().__init__()
        self.level = level
        self.setProperty("callout", level)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 12, 8)
        row.setSpacing(10)
        icon, role = self._MARKS[level]
        row.addWidget(Icon(theme, icon, role), 0, Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.setSpacing(2)
        self.text = label(text, wrap=True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        words.addWidget(self.text)
        self.hint = label(hint, "muted" if level == "info" else "", wrap=True)
        if not hint:
            self.hint.hide()  # shown, it would be a window of its own until it has its place
        words.addWidget(self.hint)
        self.words = words
        row.addLayout(words, 1)
        self.buttons = QHBoxLayout()
        self.buttons.setSpacing(4)
        row.addLayout(self.buttons)
        self.setAccessibleName(f"{text} {hint}".strip())


def line() -> QFrame:
    """A thin horizontal rule."""
    result = QFrame()
    result.setProperty("line", True)
    return result


def row(*items: QWidget | int, spacing: int = 8) -> QHBoxLayout:
    """Widgets side by side; a number is a stretch."""
    layout = QHBoxLayout()
    layout.setSpacing(spacing)
    for item in items:
        if isinstance(item, int):
            layout.addStretch(item)
        else:
            layout.addWidget(item)
    return layout


def links(*items: QWidget, spacing: int = 10) -> QHBoxLayout:
    """Links side by side, the first word of theirs below that of other texts."""
    layout = QHBoxLayout()
    layout.setSpacing(0)
    layout.addSpacing(-_LINK_EDGE)
    for index, item in enumerate(items):
        if index:
            layout.addSpacing(spacing)
        layout.addWidget(item)
    layout.addStretch(1)
    return layout


def announce(widget: QWidget, text: str) -> None:
    """Let a screen reader say *text* when it has ended its sentence; silent without one."""
    QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(widget, text))
