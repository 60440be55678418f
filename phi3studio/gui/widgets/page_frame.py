"""The frame of every page: title line with actions, scrolling content, action line."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QDropEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QApplication,
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from phi3studio.gui.widgets.basic import Button, Elided

COMPACT_BELOW = 1100
"""Window width under which two columns become one and the rail shrinks to icons."""

_HEAD_MARGINS, _TITLE_MOST = 28 + 28 + 16, 240


def hand_on_focus() -> bool:
    """Decide where the focus goes when the control that has it disappears or is switched off.

    To what the control names as its heir, else to the place where it was: from there Tab goes on,
    and Space does nothing. Qt would take the next control, whatever that does, and scroll to it.
    Returns whether there was anything to decide.
    """
    leaving = QApplication.focusWidget()
    if leaving is None or (leaving.isVisible() and leaving.isEnabled()):
        return False
    if isinstance(leaving, Button) and leaving.heir is not None:
        leaving.heir()
        if QApplication.focusWidget() is not leaving:
            return True
    place = leaving.parentWidget()
    while place is not None and not (place.isVisible() and place.isEnabled()):
        place = place.parentWidget()
    if place is not None:
        place.setFocus(Qt.FocusReason.OtherFocusReason)
    return True


def dropped_files(event: QDropEvent) -> list[str]:
    """The files and folders of this computer that are dragged or dropped."""
    return [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]


class _Area(QScrollArea):
    def focusNextPrevChild(self, forward: bool) -> bool:
        return hand_on_focus() or super().focusNextPrevChild(forward)


class Page(QWidget):
    """One page of the window. Subclasses fill ``content``, ``buttons`` and ``action_line``."""

    def __init__(self, title: str, *, scroll: bool = True) -> None:
        super().__init__()
        self.setObjectName("page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        self.title = Elided(title, "pageTitle")
        self.subtitle = Elided("", "muted")
        self.subtitle.hide()
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self.title)
        words.addWidget(self.subtitle)
        self.buttons = QHBoxLayout()
        self.buttons.setSpacing(10)
        self._head = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._head.setContentsMargins(28, 20, 28, 10)
        self._head.setSpacing(16)
        self._head.addLayout(words, 1)
        self._head.addLayout(self.buttons)
        outer.addLayout(self._head)
        self.below_title = QVBoxLayout()
        self.below_title.setContentsMargins(26, 4, 28, 10)
        outer.addLayout(self.below_title)
        holder = QWidget()
        holder.setObjectName("scrollContent")
        self.content = QVBoxLayout(holder)
        self.content.setContentsMargins(28, 4, 28, 16)
        self.content.setSpacing(14)
        if scroll:
            area = _Area()
            area.setWidgetResizable(True)
            area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            area.setFrameShape(QFrame.Shape.NoFrame)
            area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            area.setWidget(holder)
            area.verticalScrollBar().rangeChanged.connect(self._keep_right_edge)
            self.scroll_area: QScrollArea | None = area
            outer.addWidget(area, 1)
        else:
            self.scroll_area = None
            outer.addWidget(holder, 1)
        self._line_holder = QWidget()
        self.action_line = QHBoxLayout(self._line_holder)
        self.action_line.setContentsMargins(28, 10, 28, 18)
        self.action_line.setSpacing(12)
        self._line_holder.hide()
        outer.addWidget(self._line_holder)

    def event(self, event: QEvent) -> bool:
        handled = super().event(event)
        # Also when buttons appear or go.
        if event.type() in (QEvent.Type.LayoutRequest, QEvent.Type.Resize):
            self._adapt_head()
        return handled

    def _adapt_head(self) -> None:
        """The actions go below a title that has no room next to them."""
        room = self.width() - self.buttons.sizeHint().width() - _HEAD_MARGINS
        narrow = room < min(self.title.sizeHint().width(), _TITLE_MOST)
        direction = QBoxLayout.Direction
        wanted = direction.TopToBottom if narrow else direction.LeftToRight
        if self._head.direction() != wanted:
            self._head.setDirection(wanted)
            self._head.setSpacing(10 if narrow else 16)
            side = Qt.AlignmentFlag.AlignLeft if narrow else Qt.AlignmentFlag(0)
            self._head.setAlignment(self.buttons, side)

    def _keep_right_edge(self, low: int, high: int) -> None:
        # The scroll bar takes its 10 px from the margin, so that cards and title line agree.
        self.content.setContentsMargins(28, 4, 18 if high > low else 28, 16)

    def show_action_line(self) -> None:
        """Make the line at the bottom visible."""
        self._line_holder.show()

    def set_subtitle(self, text: str) -> None:
        """The small line under the title; none when empty."""
        self.subtitle.setText(text)
        self.subtitle.setVisible(bool(text))

    def take_dropped(self, paths: list[str]) -> bool:
        """Use files that were dropped on the page; returns whether it can."""
        return False

    def focusNextPrevChild(self, forward: bool) -> bool:
        return hand_on_focus() or super().focusNextPrevChild(forward)

    def entered(self) -> None:
        """Called each time the page comes to the front."""

    def left(self) -> None:
        """Called when another page comes to the front."""


class Columns(QWidget):
    """Two columns that become one in a narrow window."""

    def __init__(self, left: int = 1, right: int = 1) -> None:
        super().__init__()
        self._layout = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(14)
        self.left = QVBoxLayout()
        self.right = QVBoxLayout()
        for column, stretch in ((self.left, left), (self.right, right)):
            column.setSpacing(14)
            holder = QWidget()
            holder.setLayout(column)
            column.setContentsMargins(0, 0, 0, 0)
            # Equal claims: a wide child must not take the other column's room.
            holder.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            self._layout.addWidget(holder, stretch)
        self._window: QWidget | None = None

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._adapt()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        window = self.window()
        if window is not self._window:
            self._window = window
            window.installEventFilter(self)
        self._adapt()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and watched is self._window:
            self._adapt()
        return False

    def _adapt(self) -> None:
        narrow = self.window().width() < COMPACT_BELOW
        wanted = QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight
        if self._layout.direction() != wanted:
            self._layout.setDirection(wanted)
