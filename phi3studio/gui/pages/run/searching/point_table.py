"""The exports that a search has tried, in a table; one of them can be taken."""

from __future__ import annotations

from PySide6.QtCore import QRect, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHeaderView, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from phi3studio.domain.search.search_choice import pareto, standing
from phi3studio.domain.search.search_points import Point, Search, SearchRecord
from phi3studio.gui.texts import words
from phi3studio.gui.texts.limit_words import kind_words
from phi3studio.gui.texts.messages import explain_error
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import Button, clear, label
from phi3studio.gui.widgets.tables import RINGS, style_table

_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_WIDE, _LEFT_OUT = 940, (6, 8)
"""Below this width, in pixels, these columns are left out."""
_HEAD, _EDGE = 32, 10
"""Height of a table's head; the space next to a button in it. Pixels."""


class PointTable(QWidget):
    """One row a point, the smallest first: its kind and why it stands where it does, its figures,
    and *Take this one* for what was measured whole."""

    take_wanted = Signal(int)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.buttons: dict[int, Button] = {}
        self._table: QTableWidget | None = None
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._fit)
        place = QVBoxLayout(self)
        place.setContentsMargins(0, 0, 0, 0)
        self._place = QVBoxLayout()
        place.addLayout(self._place)
        note = label(
            self.tr(
                "━ nothing is smaller and scores as well. Right and points lost: on all held-out "
                "rows, of the finalists alone. KL: how far it is from the merged model, on a few "
                "rows; 0 is the same model."
            ),
            "small",
            wrap=True,
        )
        place.addWidget(note)

    def show_search(self, record: SearchRecord, *, can_take: bool) -> None:
        """Draw the points; *can_take*: whether one may be taken now."""
        search = Search.of(record)
        order = sorted(
            record.points,
            key=lambda p: (p.cost is None, p.cost.bytes if p.cost else 0, p.number),
        )
        front = {point.number for point in pareto(search)}
        self._table = None
        clear(self._place)
        self.buttons = {}
        heads = [
            "#",
            self.tr("Export"),
            self.tr("Size"),
            self.tr("Right"),
            self.tr("Points lost"),
            "KL",
            self.tr("First token"),
            self.tr("Tokens/s"),
            self.tr("Memory"),
            "",
        ]
        last = len(heads) - 1
        table = QTableWidget(len(order), len(heads))
        table.setAccessibleName(self.tr("Exports that were tried"))
        table.setHorizontalHeaderLabels(heads)
        for y, point in enumerate(order):
            mark = " ━" if point.number in front else ""
            why = explain_error(standing(search, point)).message
            texts = [
                f"{point.number}{mark}",
                f"{kind_words(point.kind)}\n{why}",
                *_figures(point),
            ]
            for x, text in enumerate(texts):
                cell = QTableWidgetItem(text)
                if x >= 2:
                    cell.setTextAlignment(_RIGHT)
                if x == 1 and point.cost is not None:
                    left_out = (f"{heads[at]}: {texts[at]}" for at in _LEFT_OUT)
                    cell.setToolTip(", ".join(left_out))
                table.setItem(y, x, cell)
            self._draw_last(table, y, last, point, record.taken, can_take)
        style_table(table)
        for x in range(2, last):
            if (head := table.horizontalHeaderItem(x)) is not None:
                head.setTextAlignment(_RIGHT)
        if self.buttons:
            widest = max(button.sizeHint().width() for button in self.buttons.values())
            table.horizontalHeader().setSectionResizeMode(last, QHeaderView.ResizeMode.Fixed)
            table.setColumnWidth(last, widest + 2 * _EDGE)
        self._table = table
        self._place.addWidget(table)
        table.horizontalHeader().sectionResized.connect(lambda *_: self._later.start())
        self._later.start()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._later.start()

    def _fit(self) -> None:
        """Rows as tall as their texts, the table as tall as its rows; on a narrow page the texts
        need the room of what the picture shows as well, or the tooltip."""
        table = self._table
        if table is not None:
            for column in _LEFT_OUT:
                table.setColumnHidden(column, self.width() < _WIDE)
            width = table.columnWidth(1) - 3 * _EDGE
            for y in range(table.rowCount()):
                cell = table.item(y, 1)
                text = cell.text() if cell is not None else ""
                # Qt's own measure leaves out the style sheet's padding.
                box = table.fontMetrics().boundingRect(
                    QRect(0, 0, max(1, width), 10_000), int(Qt.TextFlag.TextWordWrap), text
                )
                table.setRowHeight(y, box.height() + 2 * _EDGE)
            table.setFixedHeight(_HEAD + table.verticalHeader().length() + RINGS)

    def _draw_last(
        self, table: QTableWidget, y: int, x: int, point: Point, taken: int | None, can_take: bool
    ) -> None:
        if point.number == taken:
            table.setItem(y, x, QTableWidgetItem(self.tr("★ taken")))
        elif point.whole is not None and can_take:
            button = Button(self._theme, self.tr("Take this one"), kind="link")
            said = self.tr("Take export {number}: {kind}")
            button.setAccessibleName(said.format(number=point.number, kind=kind_words(point.kind)))
            button.clicked.connect(lambda _=False, n=point.number: self.take_wanted.emit(n))
            self.buttons[point.number] = button
            table.setCellWidget(y, x, button)
            button.ensurePolished()  # its width is asked for


def _figures(point: Point) -> list[str]:
    cost, whole = point.cost, point.whole
    if cost is None:
        return [""] * 7
    return [
        words.size(cost.bytes),
        words.percent(whole.score) if whole is not None else "",
        words.number(whole.points_lost, 2) if whole is not None else "",
        words.number(point.looks[0], 2) if point.looks else "",
        f"{words.number(round(1000 * cost.first_token_s))} ms" if cost.first_token_s else "–",
        words.number(cost.tokens_per_s) if cost.tokens_per_s else "–",
        words.size(cost.peak_memory) if cost.peak_memory else "–",
    ]
