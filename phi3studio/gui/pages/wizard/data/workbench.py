"""What can be done to the rows: edit, leave out, add, replace, undo, and show only some."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QWidget

from phi3studio.domain.datasets.source_report import RowPage
from phi3studio.domain.errors import InputError
from phi3studio.domain.rows.recording import (
    with_added_cells,
    with_cells,
    with_deleted,
    with_restored,
    without_added,
)
from phi3studio.domain.rows.row_edits import AddRow, ReplaceText
from phi3studio.gui.context import Context
from phi3studio.gui.pages.wizard.data.inspection import Inspection
from phi3studio.gui.pages.wizard.data.row_dialogs import ReplaceDialog, RowDialog
from phi3studio.gui.pages.wizard.session import WizardSession
from phi3studio.gui.texts import words
from phi3studio.gui.texts.messages import explain_error
from phi3studio.gui.widgets.basic import Button, ComboBox
from phi3studio.gui.widgets.rows_table import RowsTable
from phi3studio.wizard.row_view import Field, ShownRow, fields_of, shown_rows


class Workbench(QWidget):
    """A line of tools above the table of rows. In the table, Return and F2 edit the row, Delete
    leaves it out or restores it; Ctrl+Z and Ctrl+Shift+Z undo and redo."""

    def __init__(
        self, context: Context, session: WizardSession, inspection: Inspection, table: RowsTable
    ) -> None:
        super().__init__()
        self._theme = context.theme
        self._session = session
        self._inspection = inspection
        self._table = table
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        self.filter = ComboBox()
        self.filter.setAccessibleName(self.tr("Which rows are shown"))
        self.filter.setSizeAdjustPolicy(
            ComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.filter.setMinimumContentsLength(8)
        self.filter.activated.connect(self._filter)
        layout.addWidget(self.filter, 1)
        layout.addStretch()  # takes the room where there is nothing to filter by
        self.edit = self._tool(self.tr("Edit row (Return)"), "edit", self._edit)
        self.remove = self._tool(self.tr("Leave row out (Del)"), "trash", self._remove)
        self.add = self._tool(self.tr("Add a row"), "plus", self._add)
        self.replace = self._tool(self.tr("Find and replace"), "search", self._replace)
        self.undo = self._tool(self.tr("Undo (Ctrl+Z)"), "undo", session.undo)
        self.redo = self._tool(self.tr("Redo (Ctrl+Shift+Z)"), "redo", session.redo)
        table.edit_wanted.connect(self._edit)
        table.remove_wanted.connect(self._remove)
        table.row_chosen.connect(self._draw)
        for keys, then in (
            (QKeySequence.StandardKey.Undo, session.undo),
            (QKeySequence.StandardKey.Redo, session.redo),
        ):
            shortcut = QShortcut(QKeySequence(keys), table, then)
            shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
        session.changed.connect(self._draw)
        inspection.paged.connect(self._draw)
        inspection.check_moved.connect(self._draw_filter)
        self._draw_filter()

    def _tool(self, name: str, icon: str, then: Any) -> Button:
        button = Button(self._theme, name, kind="icon", icon=icon)
        button.clicked.connect(lambda _=False: then())
        layout = self.layout()
        assert layout is not None
        layout.addWidget(button)
        return button

    @property
    def _row(self) -> ShownRow | None:
        return self._table.current

    def _draw(self) -> None:
        row = self._row
        self.edit.setEnabled(row is not None and row.state != "deleted")
        self.remove.setEnabled(row is not None)
        restoring = row is not None and row.state == "deleted"
        name = self.tr("Restore row (Del)") if restoring else self.tr("Leave row out (Del)")
        self.remove.rename(name)
        self.remove.setToolTip(name)
        self.remove.set_icon("refresh" if restoring else "trash")
        self.undo.setEnabled(self._session.history.past != ())
        self.redo.setEnabled(self._session.history.future != ())

    def _draw_filter(self) -> None:
        report = self._inspection.report
        chosen = self._inspection.shown_finding
        self.filter.clear()
        self.filter.addItem(self.tr("All rows"), "")
        for found in report.findings if report is not None else ():
            if found.places:
                said = explain_error(found.says).message
                self.filter.addItem(f"{said} ({words.count(found.rows)})", found.code)
        self.filter.setCurrentIndex(max(0, self.filter.findData(chosen)))
        self.filter.setVisible(self.filter.count() > 1)
        self._draw()

    def _filter(self) -> None:
        self._inspection.show_finding(self.filter.currentData())

    def _edit(self) -> None:
        row = self._row
        if row is None or row.state == "deleted":
            return
        title = self.tr("Row {row}").format(row=words.count(row.place + 1))
        if row.state == "added":
            self._ask(title, fields_of(row.values), lambda values: self._added(row, values))
            return
        self._inspection.whole_row(row.place, lambda page: self._edit_whole(title, row, page))

    def _edit_whole(self, title: str, row: ShownRow, page: RowPage) -> None:
        found = shown_rows(page, self._session.draft.repairs)
        if not found or found[0].place != row.place:
            return
        whole = found[0]
        self._ask(
            title,
            fields_of(whole.values),
            lambda values: self._record(
                with_cells(self._session.draft.repairs, whole.place, whole.key, values)
            ),
        )

    def _added(self, row: ShownRow, values: dict[str, Any]) -> None:
        self._record(with_added_cells(self._session.draft.repairs, row.index, values))

    def _ask(self, title: str, fields: tuple[Field, ...], save: Any) -> None:
        RowDialog(self.window(), self._theme, title, fields, save).open()

    def _remove(self) -> None:
        row, repairs = self._row, self._session.draft.repairs
        if row is None:
            return
        if row.state == "deleted":
            self._record(with_restored(repairs, row.place))
        elif row.state == "added":
            self._record(without_added(repairs, row.index))
        else:
            self._record(with_deleted(repairs, row.place, row.key))

    def _add(self) -> None:
        source = self._inspection.source
        if source is None:
            return
        first = source.first[0] if source.first else {}
        model: dict[str, Any] = {
            name: [{**turn, **dict.fromkeys(_TEXTS & turn.keys(), "")} for turn in value]
            if isinstance(value, list) and all(isinstance(turn, dict) for turn in value)
            else ""
            for name, value in first.items()
        }
        fields = fields_of(model)

        def save(values: dict[str, Any]) -> None:
            row = AddRow(values=model)
            repairs = (*self._session.draft.repairs, row)
            added = sum(isinstance(repair, AddRow) for repair in repairs)
            self._record(with_added_cells(repairs, added - 1, values))

        self._ask(self.tr("New row"), fields, save)

    def _replace(self) -> None:
        source = self._inspection.source
        if source is None:
            return
        columns = [column.name for column in source.columns]
        draft = self._session.draft
        texts = [column.name for column in source.columns if column.kind in ("text", "messages")]
        first = draft.messages if draft.shape == "messages" else next(iter(texts), "")
        ReplaceDialog(self.window(), self._theme, columns, first, self._take_replacement).open()

    def _take_replacement(self, repair: ReplaceText) -> None:
        self._record((*self._session.draft.repairs, repair))

    def _record(self, repairs: Any) -> None:
        try:
            self._session.edit("data", repairs=tuple(repairs))
        except InputError:
            return


_TEXTS = frozenset({"content", "value", "text", "message"})
