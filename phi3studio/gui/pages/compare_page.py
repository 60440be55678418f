"""Compare: two to five runs side by side."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, Qt
from PySide6.QtGui import QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QScrollArea,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from phi3studio.domain.errors import UserFacingError
from phi3studio.domain.events.measured_events import Metrics
from phi3studio.domain.recipe_diff import recipe_differences
from phi3studio.domain.run import Curves
from phi3studio.gui.context import Context
from phi3studio.gui.pages.home.run_entries import RunEntry
from phi3studio.gui.pages.home.runs_model import RunsModel
from phi3studio.gui.pages.run.curves import CurvePlot, Series
from phi3studio.gui.texts import words
from phi3studio.gui.texts.messages import setting_title
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import Card, ComboBox, clear, label
from phi3studio.gui.widgets.deck import Deck
from phi3studio.gui.widgets.page_frame import Page
from phi3studio.gui.widgets.search import SearchField
from phi3studio.gui.widgets.states import EmptyState
from phi3studio.gui.widgets.tables import style_table
from phi3studio.runs.store import RunFolder

MOST = 5
_WIDE, _LIST, _NARROW_LIST = 860, 270, 200
"""From this width of the page on, the list of runs is so wide; below it so narrow. Pixels."""

_BAR, _BAR_INSET = 3, 8
"""Height of a figure's bar and its distance from the cell's sides, in pixels."""


@dataclass(frozen=True)
class _Compared:
    entry: RunEntry
    curves: Curves


class ComparePage(Page):
    """The runs at the left, what they differ in at the right."""

    def __init__(self, context: Context, runs: RunsModel) -> None:
        super().__init__(self.tr("Compare"))
        self._context = context
        self._runs = runs
        self._chosen: list[str] = []
        self._curves: dict[str, Curves] = {}
        self._boxes: dict[str, QCheckBox] = {}
        self._listed: object = None
        row = QHBoxLayout()
        row.setSpacing(14)
        self._list_card = Card(self.tr("Runs"))
        self._list_card.detail.setText(self.tr("two to five"))
        self._search = SearchField(context.theme, self.tr("Search runs"))
        self._search.textChanged.connect(self._list_runs)
        self._list_card.body.addWidget(self._search)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFixedHeight(420)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        holder = QWidget()
        self._list = QVBoxLayout(holder)
        self._list.setContentsMargins(0, 0, 0, 0)
        area.setWidget(holder)
        # The scroll area makes its widget paint the window's ground; the card should show through.
        holder.setAutoFillBackground(False)
        area.viewport().setAutoFillBackground(False)
        self._list_card.body.addWidget(area, 1)
        row.addWidget(self._list_card, 0, Qt.AlignmentFlag.AlignTop)
        self._deck = Deck()
        self._empty = EmptyState(
            context.theme,
            "compare",
            self.tr("Choose two runs"),
            self.tr("Their curves, settings and figures are shown side by side."),
        )
        self._deck.add(self._empty)
        self._deck.add(self._build_result())
        self._deck.show_only(self._empty)
        row.addWidget(self._deck, 1)
        self.content.addLayout(row)
        self.content.addStretch(1)
        runs.dataChanged.connect(self._list_runs)
        runs.modelReset.connect(self._list_runs)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._list_card.setFixedWidth(_LIST if self.width() >= _WIDE else _NARROW_LIST)

    def entered(self) -> None:
        self._runs.refresh()
        self._list_runs()

    def choose(self, runs: list[RunFolder]) -> None:
        """Compare these, and no others."""
        self._chosen.clear()
        for run in runs[:MOST]:
            self._toggle(run, True)
        self._listed = None
        self._list_runs()

    def _build_result(self) -> QWidget:
        result = QWidget()
        layout = QVBoxLayout(result)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(14)
        curves = Card(self.tr("Loss"))
        self._which = ComboBox()
        self._which.setAccessibleName(self.tr("Which curve"))
        self._which.addItem(self.tr("Training loss"))
        self._which.addItem(self.tr("Evaluation loss"))
        self._which.currentIndexChanged.connect(self._draw_curves)
        curves.header.addWidget(self._which)
        self._plot = CurvePlot(self._context.theme, raw=False)
        self._plot.set_smoothing(0.85)
        curves.body.addWidget(self._plot)
        layout.addWidget(curves)
        self._figures = Card(self.tr("Figures"))
        self._figures.detail.setText(self.tr("of the exported model, on held-out rows"))
        layout.addWidget(self._figures)
        self._differences = Card(self.tr("What differs"))
        layout.addWidget(self._differences)
        layout.addStretch(1)
        self._result = result
        return result

    def _list_runs(self) -> None:
        entries = [e for e in self._runs.entries() if e.matches(self._search.text())]
        key = tuple((e.run.name, e.title, e.state == "damaged") for e in entries)
        if key == self._listed:
            return  # a live run reports each second
        self._listed = key
        clear(self._list)
        self._boxes = {}
        for entry in entries[:100]:
            when = words.ago(entry.started, time.time())
            box = QCheckBox(f"{entry.title}\n{when}")
            box.setAccessibleName(f"{entry.title}, {when}")
            box.setToolTip(entry.run.name)
            box.setChecked(entry.run.name in self._chosen)
            free = len(self._chosen) < MOST and entry.state != "damaged"
            box.setEnabled(box.isChecked() or free)
            box.toggled.connect(lambda on, r=entry.run: self._toggle(r, on))
            self._boxes[entry.run.name] = box
            self._list.addWidget(box)
        if not entries:
            self._list.addWidget(label(self.tr("No runs."), "muted"))
        self._list.addStretch(1)

    def _toggle(self, run: RunFolder, on: bool) -> None:
        if on and run.name not in self._chosen:
            self._chosen.append(run.name)
            if run.name not in self._curves:
                self._context.tasks.run(
                    asyncio.to_thread(_read_curves, run),
                    partial(self._on_curves, run.name),
                )
        elif not on and run.name in self._chosen:
            self._chosen.remove(run.name)
        for name, box in self._boxes.items():
            box.setEnabled(name in self._chosen or len(self._chosen) < MOST)
        self._draw()

    def _on_curves(self, name: str, curves: Curves) -> None:
        self._curves[name] = curves
        self._draw()

    def _compared(self) -> list[_Compared]:
        known = {entry.run.name: entry for entry in self._runs.entries()}
        return [
            _Compared(known[name], self._curves[name])
            for name in self._chosen
            if name in known and name in self._curves
        ]

    def _draw(self) -> None:
        compared = self._compared()
        enough = len(compared) >= 2
        self._deck.show_only(self._result if enough else self._empty)
        if enough:
            self._draw_curves()
            self._draw_figures(compared)
            self._draw_differences(compared)

    def _draw_curves(self) -> None:
        evaluation = self._which.currentIndex() == 1
        series = []
        compared = self._compared()
        names = _named(compared)
        for index, item in enumerate(compared, start=1):
            curve = item.curves.eval_loss if evaluation else item.curves.loss
            series.append(
                Series(
                    names[index - 1],
                    curve.points,
                    f"series_{index}",
                    marks=evaluation,
                    smooth=not evaluation,
                )
            )
        self._plot.show_series(series)

    def _draw_figures(self, compared: list[_Compared]) -> None:
        clear(self._figures.body)
        measured = [
            item.entry.view.metrics.get("exported") or item.entry.view.metrics.get("merged")
            for item in compared
        ]

        def of(value: Callable[[Metrics], float | None]) -> list[float | None]:
            return [value(m) if m is not None else None for m in measured]

        times: list[float | None] = [sum(i.entry.view.timings.values()) or None for i in compared]
        # Each with what a full bar is, where that is not the largest of them.
        lines: list[tuple[str, list[float | None], Callable[[float], str], float | None]] = [
            (self.tr("Right answers"), of(lambda m: m.accuracy), words.percent, 1.0),
            (self.tr("Stops on its own"), of(lambda m: m.stops), words.percent, 1.0),
            (self.tr("Perplexity"), of(lambda m: m.perplexity), words.number, None),
            (self.tr("Tokens / s"), of(lambda m: m.tokens_per_s or None), words.number, None),
            (self.tr("Size"), of(lambda m: m.bytes or None), words.size, None),
            (self.tr("Time"), times, words.duration, None),
        ]
        rows, shares = [], []
        for title, values, say, full in lines:
            rows.append((title, tuple("–" if v is None else say(v) for v in values)))
            most = full or max((v for v in values if v is not None), default=0.0)
            shares.append([v / most if v is not None and most else None for v in values])
        table = self._table(compared, rows)
        cells = table.model()
        for y, line in enumerate(shares):
            for x, share in enumerate(line, start=1):
                cells.setData(cells.index(y, x), share, Qt.ItemDataRole.UserRole)
        table.setItemDelegate(_Barred(self._context.theme, table))
        self._figures.body.addWidget(table)

    def _draw_differences(self, compared: list[_Compared]) -> None:
        clear(self._differences.body)
        recipes = tuple(item.entry.recipe for item in compared if item.entry.recipe is not None)
        if len(recipes) < len(compared):
            return
        # What was left open and decided alike is no difference.
        found = [
            (key, values)
            for key, values in recipe_differences(recipes)
            if key not in {"name", "version"} and len(set(values)) > 1
        ]
        if not found:
            self._differences.body.addWidget(label(self.tr("The recipes are the same."), "muted"))
            return
        rows = []
        for key, values in found:
            said = tuple(map(_said, values))
            # Files of one name in different folders differ only by these.
            rows.append((setting_title(key), said if len(set(said)) > 1 else values))
        self._differences.body.addWidget(self._table(compared, rows))

    def _table(
        self, compared: list[_Compared], rows: list[tuple[str, tuple[str, ...]]]
    ) -> QTableWidget:
        table = QTableWidget(len(rows), len(compared) + 1)
        table.setHorizontalHeaderLabels(["", *_named(compared)])
        for y, (title, values) in enumerate(rows):
            table.setItem(y, 0, QTableWidgetItem(title))
            for x, value in enumerate(values, start=1):
                table.setItem(y, x, QTableWidgetItem(value))
        style_table(table)
        header = table.horizontalHeader()
        for column in range(1, table.columnCount()):
            header.setSectionResizeMode(column, header.ResizeMode.Stretch)
        return table


class _Barred(QStyledItemDelegate):
    """Draws a bar below each figure, as long as its share: numbers side by side are read slowly."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        super().paint(painter, option, index)
        share = index.data(Qt.ItemDataRole.UserRole)
        if not share:
            return
        rect: QRect = option.rect
        room = QRectF(rect).adjusted(_BAR_INSET, rect.height() - _BAR - 3, -_BAR_INSET, -3)
        room.setWidth(max(2.0, room.width() * min(1.0, share)))
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.color("accent"))
        painter.drawRoundedRect(room, _BAR / 2, _BAR / 2)
        painter.restore()


def _read_curves(run: RunFolder) -> Curves:
    try:
        return run.curves()
    except UserFacingError:
        return Curves()  # its card and its page say why


def _named(compared: list[_Compared]) -> list[str]:
    """Their titles, with the time where two have one title."""
    titles = [item.entry.title for item in compared]
    return [
        f"{title} · {words.moment(item.entry.started)}" if titles.count(title) > 1 else title
        for title, item in zip(titles, compared, strict=True)
    ]


def _said(value: str) -> str:
    """A recipe's value as a person writes it: 32.0 is 32, of a path its file."""
    if not value:
        return "–"
    path = PurePath(value)
    return path.name if path.is_absolute() else value.removesuffix(".0")
