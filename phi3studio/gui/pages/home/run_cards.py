"""Runs painted as cards in a grid."""

from __future__ import annotations

import time

from PySide6.QtCore import (
    QItemSelection,
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QContextMenuEvent,
    QFont,
    QFontMetricsF,
    QGuiApplication,
    QKeyEvent,
    QPainter,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
)

from phi3studio.gui.pages.home.run_entries import RunEntry
from phi3studio.gui.pages.home.runs_model import EntryRole, RunRole
from phi3studio.gui.texts import words
from phi3studio.gui.texts.messages import explain_error
from phi3studio.gui.texts.run_words import (
    left_words,
    measured_words,
    model_title,
    outcome_words,
    stage_title,
    state_words,
    step_words,
    waiting_words,
)
from phi3studio.gui.theme import Theme
from phi3studio.runs.store import RunFolder

CARD_HEIGHT = 142
_GAP = 14
_PAD = 16


class CardDelegate(QStyledItemDelegate):
    """Paints one run. A run that has not been read yet shows grey bars."""

    def __init__(self, theme: Theme, view: QListView) -> None:
        super().__init__(view)
        self._theme = theme
        self._view = view

    def sizeHint(
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        return self._view.gridSize()

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        theme = self._theme
        rect: QRectF = QRectF(option.rect).adjusted(0.5, 0.5, -_GAP - 0.5, -_GAP - 0.5)
        state: QStyle.StateFlag = option.state
        focused = bool(state & QStyle.StateFlag.State_HasFocus)
        hovered = bool(state & QStyle.StateFlag.State_MouseOver)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        chosen = bool(state & QStyle.StateFlag.State_Selected)
        painter.setBrush(theme.color("accent_soft" if chosen else "surface"))
        edge = "accent" if focused or chosen else ("control_border" if hovered else "border")
        painter.setPen(QPen(theme.color(edge), 2 if focused else 1))
        painter.drawRoundedRect(rect, 10, 10)
        inner = rect.adjusted(_PAD, 14, -_PAD, -13)
        entry: RunEntry | None = index.data(EntryRole)
        if entry is None:
            self._bars(painter, inner, index.data(RunRole))
        else:
            self._content(painter, inner, entry)
        painter.restore()

    def _bars(self, painter: QPainter, inner: QRectF, run: RunFolder) -> None:
        self._text(painter, inner, run.name[16:] or run.name, "text", "card", QFont.Weight.DemiBold)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.color("track"))
        for row, share in enumerate((0.7, 0.45)):
            painter.drawRoundedRect(
                QRectF(inner.x(), inner.y() + 32 + row * 26, inner.width() * share, 13), 5, 5
            )

    def _content(self, painter: QPainter, inner: QRectF, entry: RunEntry) -> None:
        chip = self._chip(painter, inner, entry)
        title = inner.adjusted(0, 0, -chip - 10, 0)
        if entry.notes.pinned:
            pin = self._theme.pixmap("pin", "accent_text", 15, 3)
            painter.drawPixmap(QPointF(title.x(), title.y() + 1), pin)
            title = title.adjusted(20, 0, 0, 0)
        self._text(painter, title, entry.title, "text", "card", QFont.Weight.DemiBold)
        source = model_title(entry.recipe.model.source) if entry.recipe else ""
        second = inner.adjusted(0, 25, 0, 0)
        self._text(painter, second, " · ".join(t for t in (source, entry.data) if t), "muted")
        middle = inner.adjusted(0, 52, 0, 0)
        if entry.live:
            self._progress(painter, middle, entry)
        else:
            self._figure(painter, middle, entry)
        foot = QRectF(inner.x(), inner.bottom() - 16, inner.width(), 16)
        parts = [words.ago(entry.started, time.time())]
        if entry.bytes and not entry.live:
            parts.append(words.size(entry.bytes))
        if entry.live and (left := left_words(entry.overall)):
            parts = [left]
        parts += [f"#{tag}" for tag in entry.notes.tags]
        self._text(painter, foot, " · ".join(parts), "muted", "small")

    def _chip(self, painter: QPainter, inner: QRectF, entry: RunEntry) -> float:
        came = entry.outcome
        look = outcome_words(came.kind) if came is not None else state_words(entry.state)
        font = self._theme.font("small", QFont.Weight.Medium)
        width = QFontMetricsF(font).horizontalAdvance(look.text) + 32
        box = QRectF(inner.right() - width, inner.y() - 1, width, 22)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.color(look.ground))
        painter.drawRoundedRect(box, 11, 11)
        painter.drawPixmap(
            QPointF(box.x() + 8, box.y() + 4), self._theme.pixmap(look.icon, look.role, 14, 3)
        )
        painter.setPen(self._theme.color(look.role))
        painter.setFont(font)
        painter.drawText(box.adjusted(25, 0, -4, 0), Qt.AlignmentFlag.AlignVCenter, look.text)
        return width

    def _progress(self, painter: QPainter, area: QRectF, entry: RunEntry) -> None:
        said = step_words(entry.view)
        share = entry.overall.share
        right = words.percent(share) if entry.state == "running" else ""
        if entry.state == "queued":
            said = waiting_words(entry.view)
        self._text(painter, area.adjusted(0, 0, -48, 0), said, "text")
        painter.setPen(self._theme.color("muted"))
        if right:
            painter.drawText(
                QRectF(area.x(), area.y(), area.width(), 17), Qt.AlignmentFlag.AlignRight, right
            )
        track = QRectF(area.x(), area.y() + 23, area.width(), 6)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.color("track"))
        painter.drawRoundedRect(track, 3, 3)
        if share:
            track.setWidth(max(6.0, track.width() * share))
            painter.setBrush(self._theme.color("accent"))
            painter.drawRoundedRect(track, 3, 3)

    def _figure(self, painter: QPainter, area: QRectF, entry: RunEntry) -> None:
        came = entry.outcome
        if came is None or came.now is None:
            said = ""
            error = entry.view.finished.error if entry.view.finished is not None else None
            if error is not None:
                said = explain_error(error).message
            elif entry.state == "damaged":
                said = self.tr("Open it to see what cannot be read")
            elif entry.view.stage and entry.state != "completed":
                said = self.tr("Stopped at: {stage}").format(stage=stage_title(entry.view.stage))
            self._text(painter, area, said, "muted")
            return
        figure, said = measured_words(came)
        font = self._theme.font("figure", QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(self._theme.color("text"))
        painter.drawText(
            QRectF(area.x(), area.y() - 4, area.width(), 34), Qt.AlignmentFlag.AlignVCenter, figure
        )
        after = area.x() + QFontMetricsF(font).horizontalAdvance(figure) + 10
        self._text(painter, QRectF(after, area.y() + 7, area.right() - after, 20), said, "muted")

    def _text(
        self,
        painter: QPainter,
        area: QRectF,
        text: str,
        role: str,
        size: str = "base",
        weight: QFont.Weight = QFont.Weight.Normal,
    ) -> None:
        font = self._theme.font(size, weight)
        painter.setFont(font)
        painter.setPen(self._theme.color(role))
        metrics = QFontMetricsF(font)
        elided = metrics.elidedText(text, Qt.TextElideMode.ElideRight, area.width())
        painter.drawText(area, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft, elided)


class CardView(QListView):
    """The grid: as many columns as fit, each card as wide as its column."""

    opened = Signal(object)
    menu_requested = Signal(object, object)
    rename_wanted = Signal(object)
    delete_wanted = Signal()
    chosen_changed = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("runs")
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setMovement(QListView.Movement.Static)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalScrollBar().setSingleStep(24)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        # A click opens a card; with Ctrl or Shift it chooses several.
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setItemDelegate(CardDelegate(theme, self))
        self.setAccessibleName(self.tr("Runs"))
        self.clicked.connect(self._report)
        theme.changed.connect(self.viewport().update)

    def resizeEvent(self, event: QResizeEvent) -> None:
        # The layout keeps the scroll bar's room free, and a grid that fills the rest exactly
        # wraps one card too early.
        bar = self.verticalScrollBar()
        taken = 0 if bar.isVisible() else bar.sizeHint().width()
        width = self.viewport().width() - taken - 2
        columns = max(1, width // 300)
        self.setGridSize(QSize(width // columns, CARD_HEIGHT + _GAP))
        super().resizeEvent(event)

    def chosen(self) -> list[RunFolder]:
        """The runs that are chosen, in the order in which they are shown."""
        found = sorted(self.selectedIndexes(), key=QModelIndex.row)
        return [index.data(RunRole) for index in found]

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:
        super().selectionChanged(selected, deselected)
        self.chosen_changed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        index = self.currentIndex()
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and index.isValid():
            self.opened.emit(index.data(RunRole))
        elif event.key() == Qt.Key.Key_F2 and index.isValid():
            self.rename_wanted.emit(index.data(RunRole))
        elif event.key() == Qt.Key.Key_Delete and index.isValid():
            self.delete_wanted.emit()
        elif event.key() == Qt.Key.Key_Escape:
            self.clearSelection()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        index = self.indexAt(event.pos())
        at = event.globalPos()
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            index = self.currentIndex()
            at = self.viewport().mapToGlobal(self.visualRect(index).center())
        if index.isValid():
            self.menu_requested.emit(index.data(RunRole), at)

    def _report(self, index: QModelIndex) -> None:
        several = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
        if not QGuiApplication.keyboardModifiers() & several:
            self.clearSelection()
            self.opened.emit(index.data(RunRole))
