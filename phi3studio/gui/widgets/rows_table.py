"""A read-only table of data rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QFont, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from phi3studio.gui.widgets.tables import RINGS
from phi3studio.wizard.row_view import ShownRow, State

_Index = QModelIndex | QPersistentModelIndex
_LONG = 300
_READABLE = 130


class RowsModel(QAbstractTableModel):
    """Rows as cells of text; what is missing is shown as a dash. Rows that are left out are struck
    through, the numbers of others that were edited have a mark."""

    def __init__(self) -> None:
        super().__init__()
        self._columns: tuple[str, ...] = ()
        self.rows: tuple[ShownRow, ...] = ()
        self._struck = QFont()
        self._struck.setStrikeOut(True)

    def show_rows(self, columns: Sequence[str], rows: Sequence[ShownRow]) -> None:
        """Show these rows."""
        self.beginResetModel()
        self._columns, self.rows = tuple(columns), tuple(rows)
        self.endResetModel()

    def rowCount(self, parent: _Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: _Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._columns)

    def data(self, index: _Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        if not index.isValid():
            return None
        row = self.rows[index.row()]
        value = row.values.get(self._columns[index.column()])
        if role == Qt.ItemDataRole.FontRole and row.state == "deleted":
            return self._struck
        if role == Qt.ItemDataRole.AccessibleDescriptionRole:
            return self._says(row)
        if role == Qt.ItemDataRole.DisplayRole:
            return cell(value)
        if role == Qt.ItemDataRole.ToolTipRole and isinstance(value, str) and len(value) > 60:
            return value[:1000]
        return None

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = int(Qt.ItemDataRole.DisplayRole),
    ) -> Any:
        if orientation == Qt.Orientation.Horizontal:
            return self._columns[section] if role == Qt.ItemDataRole.DisplayRole else None
        row = self.rows[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return _MARKS[row.state] + str(row.place + 1)
        return self._says(row) if role == Qt.ItemDataRole.ToolTipRole else None

    def _says(self, row: ShownRow) -> str | None:
        match row.state:
            case "edited":
                return self.tr("This row was edited")
            case "deleted":
                return self.tr("This row is left out")
            case "added":
                return self.tr("This row was added")
        return None


_MARKS: dict[State, str] = {"plain": "", "edited": "• ", "deleted": "− ", "added": "+ "}


class RowsTable(QTableView):
    """The table: left-aligned headings, no grid, as tall as a few rows."""

    row_chosen = Signal(int)
    edit_wanted = Signal()
    remove_wanted = Signal()

    def __init__(self, name: str, rows_shown: int = 6) -> None:
        super().__init__()
        self._shown = rows_shown
        self._rows = RowsModel()
        self.setModel(self._rows)
        self.setAccessibleName(name)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        header = self.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setHighlightSections(False)
        header.setTextElideMode(Qt.TextElideMode.ElideRight)
        header.setMinimumSectionSize(60)
        self.verticalHeader().setDefaultSectionSize(30)
        self.verticalHeader().setDefaultAlignment(
            Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        )
        self.verticalHeader().setHighlightSections(False)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.doubleClicked.connect(lambda _: self.edit_wanted.emit())
        self.selectionModel().currentRowChanged.connect(self._report)

    def _report(self, now: QModelIndex) -> None:
        if now.isValid():
            self.row_chosen.emit(self._rows.rows[now.row()].place)

    @property
    def current(self) -> ShownRow | None:
        """The row that is chosen."""
        index = self.currentIndex()
        return self._rows.rows[index.row()] if index.isValid() else None

    def choose(self, place: int) -> bool:
        """Choose the row at *place*, if it is shown."""
        for at, row in enumerate(self._rows.rows):
            if row.place == place:
                self.setCurrentIndex(self._rows.index(at, 0))
                return True
        return False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        match event.key():
            case Qt.Key.Key_Return | Qt.Key.Key_Enter | Qt.Key.Key_F2:
                self.edit_wanted.emit()
            case Qt.Key.Key_Delete:
                self.remove_wanted.emit()
            case _:
                super().keyPressEvent(event)

    def show_rows(self, columns: Sequence[str], rows: Sequence[ShownRow]) -> None:
        """Show these rows; the chosen one stays so if it is among them. The widths follow the
        texts within limits."""
        kept = self.current
        self._rows.show_rows(columns, rows)
        if kept is None or not self.choose(kept.place):
            self.scrollToTop()
        self._share_widths()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._share_widths()

    def _share_widths(self) -> None:
        columns = self._rows.columnCount()
        if not columns:
            self._share_height(0)
            return
        self.resizeColumnsToContents()
        wanted = [max(70, min(520, self.columnWidth(i) + 12)) for i in range(columns)]
        room = self.viewport().width()
        if sum(wanted) < room:
            wanted[wanted.index(max(wanted))] += room - sum(wanted)
        elif columns <= 5:
            # The long ones give way, to the same width, but to none that cannot be read.
            most = _READABLE
            for at, width in enumerate(sorted(wanted)):
                most = max(_READABLE, room // (columns - at))
                if width > most:
                    break
                room -= width
            wanted = [min(width, most) for width in wanted]
        for column, width in enumerate(wanted):
            self.setColumnWidth(column, width)
        self._share_height(sum(wanted))

    def _share_height(self, width: int) -> None:
        # The bar that goes to the side lies below the rows, not over the last one.
        wide = width > self.viewport().width()
        bar = self.horizontalScrollBar().sizeHint().height() if wide else 0
        rows = min(self._shown, max(1, self._rows.rowCount()))
        self.setFixedHeight(34 + 30 * rows + RINGS + bar)


def cell(value: Any) -> str:
    """One value as a line of text."""
    if value is None:
        return "–"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ↵ ".join(text.splitlines()) if "\n" in text else text
    return text if len(text) <= _LONG else text[:_LONG] + "…"
