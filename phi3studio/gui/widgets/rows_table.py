"""A read-only table of data rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

_Index = QModelIndex | QPersistentModelIndex
_LONG = 300


class RowsModel(QAbstractTableModel):
    """Rows as cells of text; what is missing is shown as a dash."""

    def __init__(self) -> None:
        super().__init__()
        self._columns: tuple[str, ...] = ()
        self._rows: tuple[Mapping[str, Any], ...] = ()
        self.first = 0
        """The number of the first row, from 0."""

    def show_rows(
        self, columns: Sequence[str], rows: Sequence[Mapping[str, Any]], first: int
    ) -> None:
        """Show these rows."""
        self.beginResetModel()
        self._columns, self._rows, self.first = tuple(columns), tuple(rows), first
        self.endResetModel()

    def rowCount(self, parent: _Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def columnCount(self, parent: _Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._columns)

    def data(self, index: _Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        if not index.isValid():
            return None
        value = self._rows[index.row()].get(self._columns[index.column()])
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
        if role == Qt.ItemDataRole.DisplayRole:
            horizontal = orientation == Qt.Orientation.Horizontal
            return self._columns[section] if horizontal else str(self.first + section + 1)
        return None


class RowsTable(QTableView):
    """The table: left-aligned headings, no grid, as tall as a few rows."""

    row_chosen = Signal(int)

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
        header.setMinimumSectionSize(60)
        self.verticalHeader().setDefaultSectionSize(30)
        self.verticalHeader().setDefaultAlignment(
            Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        )
        self.verticalHeader().setHighlightSections(False)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.selectionModel().currentRowChanged.connect(self._report)

    def _report(self, now: QModelIndex) -> None:
        if now.isValid():
            self.row_chosen.emit(self._rows.first + now.row())

    def show_rows(
        self, columns: Sequence[str], rows: Sequence[Mapping[str, Any]], first: int = 0
    ) -> None:
        """Show these rows, the first of them row *first* (from 0) of the whole.

        The widths follow the texts within limits.
        """
        self._rows.show_rows(columns, rows, first)
        self.scrollToTop()
        self.setFixedHeight(34 + 30 * min(self._shown, max(1, len(rows))))
        self._share_widths()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._share_widths()

    def _share_widths(self) -> None:
        columns = self._rows.columnCount()
        if not columns:
            return
        self.resizeColumnsToContents()
        wanted = [max(70, min(520, self.columnWidth(i) + 12)) for i in range(columns)]
        room = self.viewport().width()
        if sum(wanted) < room:
            wanted[wanted.index(max(wanted))] += room - sum(wanted)
        elif columns <= 5:
            # The long ones give way until all fit, but none below a readable width.
            while sum(wanted) > room and max(wanted) > 130:
                longest = wanted.index(max(wanted))
                wanted[longest] -= min(wanted[longest] - 130, sum(wanted) - room)
        for column, width in enumerate(wanted):
            self.setColumnWidth(column, width)


def cell(value: Any) -> str:
    """One value as a line of text."""
    if value is None:
        return "–"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ↵ ".join(text.splitlines()) if "\n" in text else text
    return text if len(text) <= _LONG else text[:_LONG] + "…"
