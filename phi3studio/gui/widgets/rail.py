"""The navigation rail."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QSize, Qt, Signal
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
)

from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import Icon, Level, label, restyle


@dataclass(frozen=True)
class RailEntry:
    """One entry of the rail. ``below`` puts it at the bottom."""

    key: str
    title: str
    icon: str
    below: bool = False


class _RailButton(QToolButton):
    """A rail entry, with an optional status dot."""

    def __init__(self, theme: Theme, entry: RailEntry) -> None:
        super().__init__()
        self._theme = theme
        self._entry = entry
        self._dot: Level | None = None
        self._shown = False
        # The style draws the text close to the icon; an en space keeps them apart.
        self.setText(f"\u2002{entry.title}")
        self.setAccessibleName(entry.title)
        self.setIconSize(QSize(18, 18))
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        theme.changed.connect(self._retint)
        self._retint()

    def set_shown(self, shown: bool) -> None:
        """Whether the entry's page is the present one.

        The button is not checkable: a screen reader would call it a check box.
        """
        if shown == self._shown:
            return
        self._shown = shown
        self.setProperty("shown", shown)
        self.setAccessibleDescription(self.tr("The present page") if shown else "")
        restyle(self)
        self._retint()

    def set_dot(self, level: Level | None, words: str) -> None:
        self._dot = level
        self.setAccessibleName(f"{self._entry.title}: {words}" if words else self._entry.title)
        self.setToolTip(words)
        self.update()

    def set_compact(self, compact: bool) -> None:
        self.setToolButtonStyle(
            Qt.ToolButtonStyle.ToolButtonIconOnly
            if compact
            else Qt.ToolButtonStyle.ToolButtonTextBesideIcon
        )
        if not self._dot:
            self.setToolTip(self._entry.title if compact else "")

    def _retint(self) -> None:
        role = "accent_text" if self._shown else "muted"
        self.setIcon(self._theme.icon(self._entry.icon, role, 18))

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._dot is None or self._dot == "info":
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        color = {"good": "good", "warning": "warning", "error": "danger"}[self._dot]
        painter.setBrush(self._theme.color(color))
        at = QPointF(self.width() - 14, self.height() / 2)
        if self.toolButtonStyle() == Qt.ToolButtonStyle.ToolButtonIconOnly:
            at = QPointF(self.width() - 9, 9)
        # A shape as well as a colour: a diamond asks for attention.
        if self._dot == "good":
            painter.drawEllipse(at, 4, 4)
        else:
            painter.drawPolygon(
                [at + QPointF(0, -5), at + QPointF(5, 0), at + QPointF(0, 5), at + QPointF(-5, 0)]
            )


class Rail(QFrame):
    """PageSet from top to bottom; reports which one was chosen."""

    page_chosen = Signal(str)

    WIDE, NARROW = 196, 58
    # Next to the longest name: margins, the button's padding and border, icon and gap.
    _BESIDE_NAME = 66

    def __init__(self, theme: Theme, brand: str, entries: tuple[RailEntry, ...]) -> None:
        super().__init__()
        self.setObjectName("rail")
        self._compact: bool | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 16, 10, 16)
        layout.setSpacing(4)
        head = QHBoxLayout()
        head.setContentsMargins(8, 0, 0, 10)
        head.setSpacing(9)
        head.addWidget(Icon(theme, "app", "accent", 22))
        self._brand = label(brand, "brand")
        head.addWidget(self._brand, 1)
        layout.addLayout(head)
        self._buttons: dict[str, _RailButton] = {}
        for entry in (r for r in entries if not r.below):
            layout.addWidget(self._add(theme, entry))
        layout.addStretch(1)
        for entry in (r for r in entries if r.below):
            layout.addWidget(self._add(theme, entry))
        theme.changed.connect(self._fit)
        self.set_compact(False)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._fit()

    def set_current(self, key: str) -> None:
        """Mark an entry as the present one, without reporting it."""
        if key in self._buttons:
            for name, button in self._buttons.items():
                button.set_shown(name == key)

    def set_dot(self, key: str, level: Level | None, words: str) -> None:
        """Show a status next to an entry; *words* say the same for those who do not see it."""
        self._buttons[key].set_dot(level, words)

    def set_compact(self, compact: bool) -> None:
        """Icons only, or icons and names."""
        if compact == self._compact:
            return
        self._compact = compact
        self._fit()
        self._brand.setVisible(not compact)
        for button in self._buttons.values():
            button.set_compact(compact)

    def _fit(self) -> None:
        """The names decide the width: another language or font has longer ones, bold longest."""
        if self._compact:
            self.setFixedWidth(self.NARROW)
            return
        longest = 0
        for button in self._buttons.values():
            button.ensurePolished()
            font = QFont(button.font())
            font.setWeight(QFont.Weight.DemiBold)
            longest = max(longest, QFontMetrics(font).horizontalAdvance(button.text()))
        self.setFixedWidth(max(self.WIDE, longest + self._BESIDE_NAME))

    def _add(self, theme: Theme, entry: RailEntry) -> _RailButton:
        button = _RailButton(theme, entry)
        button.clicked.connect(lambda _=False, key=entry.key: self.page_chosen.emit(key))
        self._buttons[entry.key] = button
        return button
