"""The rows of the source, a page at a time, however long the file is."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from phi3studio.domain.datasets.source_report import RowPage
from phi3studio.domain.errors import UserFacingError
from phi3studio.domain.rows.repairs import Repair
from phi3studio.gui.context import Context
from phi3studio.gui.pages.wizard.data.inspection import PAGE_ROWS, Inspection
from phi3studio.gui.pages.wizard.data.workbench import Workbench
from phi3studio.gui.pages.wizard.session import WizardSession
from phi3studio.gui.texts import words
from phi3studio.gui.widgets.basic import Button, LineEdit, clear, label
from phi3studio.gui.widgets.number_edit import parse_row
from phi3studio.gui.widgets.rows_table import RowsTable
from phi3studio.gui.widgets.states import ErrorState
from phi3studio.wizard.row_view import shown_rows

# A page that comes sooner than this needs no sign of waiting.
_PATIENCE_MS = 200


class RowsPager(QWidget):
    """A table of one page and the way to the others; reading happens in the inspector."""

    row_chosen = Signal(int)

    def __init__(self, context: Context, session: WizardSession, inspection: Inspection) -> None:
        super().__init__()
        self._context = context
        self._session = session
        self._inspection = inspection
        theme = context.theme
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        self.table = RowsTable(self.tr("Rows of the data"))
        self.table.row_chosen.connect(self.row_chosen)
        self.tools = Workbench(context, session, inspection, self.table)
        layout.addWidget(self.tools)
        layout.addWidget(self.table)
        self._trouble = QVBoxLayout()
        layout.addLayout(self._trouble)
        self._bar = QWidget()
        line = QHBoxLayout(self._bar)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(6)
        self.said = label("", "muted")
        self._stop = Button(theme, self.tr("Stop reading"), kind="link")
        self._stop.clicked.connect(inspection.stop_rows)
        self.before = Button(theme, self.tr("Previous page"), kind="icon", icon="left")
        self.before.clicked.connect(lambda: self._go(self._first - PAGE_ROWS))
        self.after = Button(theme, self.tr("Next page"), kind="icon", icon="right")
        self.after.clicked.connect(lambda: self._go(self._first + PAGE_ROWS))
        self.number = LineEdit()
        self.number.setAccessibleName(self.tr("Go to row"))
        self.number.setPlaceholderText(self.tr("row"))
        self.number.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.number.setFixedWidth(72)
        self.number.returnPressed.connect(self._typed)
        line.addWidget(self.said)
        line.addWidget(self._stop)
        line.addStretch(1)
        for widget in (self.number, self.before, self.after):
            line.addWidget(widget)
        layout.addWidget(self._bar)
        self._waiting = QTimer(self)
        self._waiting.setSingleShot(True)
        self._waiting.setInterval(_PATIENCE_MS)
        self._waiting.timeout.connect(self._draw_line)
        self._page: RowPage | None = None
        self._repairs: tuple[Repair, ...] = ()
        self._wanted = -1
        inspection.paged.connect(self._draw)
        inspection.check_moved.connect(self._draw_line)
        session.changed.connect(self._draw_rows)
        inspection.failed.connect(self._fail)

    @property
    def _first(self) -> int:
        page = self._inspection.page
        return page.offset if page is not None else 0

    def _go(self, offset: int) -> None:
        self._inspection.go_to_page(max(0, offset))

    def _typed(self) -> None:
        row = parse_row(self.number.text()) - 1
        self._go(row // PAGE_ROWS * PAGE_ROWS)

    def _draw(self) -> None:
        if not self._inspection.busy("rows"):
            clear(self._trouble)
        self._draw_rows()
        if self._inspection.busy("rows"):
            self._waiting.start()
        self._draw_line()

    def _draw_rows(self) -> None:
        page, report = self._inspection.page, self._inspection.source
        repairs = self._session.draft.repairs
        if page is None or report is None or (page is self._page and repairs is self._repairs):
            return
        self._page, self._repairs = page, repairs
        columns = [column.name for column in report.columns]
        self.table.show_rows(columns, shown_rows(page, repairs, self._inspection.places))
        if page.offset:
            self.number.clear()
        if self._wanted >= 0 and self.table.choose(self._wanted):
            self._wanted = -1

    def go_to(self, place: int) -> None:
        """Show a row, on its page."""
        self._wanted = place
        self._inspection.show_row(place)
        self.table.setFocus()

    def _draw_line(self) -> None:
        page, total = self._inspection.page, self._inspection.row_count
        busy = self._inspection.busy("rows")
        late = busy and not self._waiting.isActive()
        self._stop.setVisible(late)
        self._bar.setVisible(page is not None and (not page.end or page.offset > 0))
        if page is None:
            return
        self.before.setEnabled(page.offset > 0 and not busy)
        self.after.setEnabled(not page.end and not busy)
        if late:
            self.said.setText(self.tr("reading…"))
            return
        first, last = page.offset + 1, page.offset + len(page.rows)
        if self._inspection.places:
            total = len(self._inspection.places)
        span = self.tr("rows {first} to {last}").format(
            first=words.count(first), last=words.count(last)
        )
        if not page.rows:
            span = self.tr("no row {first}").format(first=words.count(first))
        if total is not None:
            span += " " + self.tr("of {rows}").format(rows=words.count(total))
        self.said.setText(span)

    def _fail(self, what: str, error: UserFacingError) -> None:
        if what == "rows":
            clear(self._trouble)
            self._trouble.addWidget(ErrorState(self._context.theme, error))
            self._draw_line()
