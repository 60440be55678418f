"""The exports of a search as points: what each takes against how well it answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from phi3studio.domain.search.search_choice import pareto
from phi3studio.domain.search.search_points import MB, Point, Search, cost_of
from phi3studio.gui.pages.run.curves import draw_axis, quiet_plot
from phi3studio.gui.texts import words
from phi3studio.gui.texts.limit_words import kind_words
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import label

Across = Literal["size", "first_token", "speed"]
_VALUE: dict[Across, Callable[[Point], float]] = {
    "size": lambda point: cost_of(point).bytes / MB,
    "first_token": lambda point: 1000 * cost_of(point).first_token_s,
    "speed": lambda point: cost_of(point).tokens_per_s,
}
_LIMIT: dict[Across, str] = {
    "size": "size_mb",
    "first_token": "first_token_ms",
    "speed": "tokens_per_s",
}
_HEIGHT = 260
_ROOM = 0.12
"""Empty space around the points, as a share of what they span."""


class ParetoPlot(QWidget):
    """Points that were measured whole, each with its number; a star is the one that is taken, a
    cross breaks a limit. A line joins those of which none is smaller and scores as well; dashed
    lines are the limits, a dotted one is the merged model. The line below says it in words."""

    chosen = Signal(int)
    """Carries the number of a point that was clicked."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._search: Search | None = None
        self._taken: int | None = None
        self._across: Across = "size"
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        self._plot = quiet_plot(_HEIGHT)
        self._plot.setMouseEnabled(x=False, y=False)
        # The page scrolls with the wheel.
        self._plot.wheelEvent = lambda event: event.ignore()
        layout.addWidget(self._plot)
        self.legend = label("", "small", wrap=True)
        layout.addWidget(self.legend)
        theme.changed.connect(self._draw)

    def show_search(self, search: Search, taken: int | None) -> None:
        """Draw the points of a search, *taken* as the run's model."""
        self._search, self._taken = search, taken
        self._draw()

    def set_across(self, across: Across) -> None:
        """What stands on the horizontal axis."""
        self._across = across
        self._draw()

    def _draw(self) -> None:
        search = self._search
        item = self._plot.getPlotItem()
        item.clear()
        if search is None:
            return
        self._draw_axes()
        value = _VALUE[self._across]
        points = [point for point in search.made if point.whole is not None]
        if self._across == "size":
            front = [(value(point), _score(point)) for point in pareto(search)]
            pen = pg.mkPen(self._theme.color("accent"), width=2)
            item.plot([x for x, _ in front], [y for _, y in front], pen=pen)
        for point in points:
            self._draw_point(search, point)
        self._draw_limits(search, points)
        self._write_legend(search, points)

    def _draw_axes(self) -> None:
        item = self._plot.getPlotItem()
        titles = {
            "left": self.tr("Score (percent)"),
            "bottom": {
                "size": self.tr("Size (MB)"),
                "first_token": self.tr("First token (ms)"),
                "speed": self.tr("Tokens a second"),
            }[self._across],
        }
        for name, title in titles.items():
            draw_axis(item.getAxis(name), self._theme, title)
        self._plot.setBackground(self._theme.color("surface"))

    def _draw_point(self, search: Search, point: Point) -> None:
        taken, broken = point.number == self._taken, bool(search.broken(point))
        symbol = "star" if taken else "x" if broken else "o"
        color = self._theme.color("danger" if broken else "accent")
        at = (_VALUE[self._across](point), _score(point))
        dot = pg.ScatterPlotItem(
            [at[0]], [at[1]], symbol=symbol, size=20 if taken else 11,
            brush=color, pen=pg.mkPen(self._theme.color("surface")),
        )  # fmt: skip
        dot.sigClicked.connect(lambda *_, number=point.number: self.chosen.emit(number))
        ink, ground = self._theme.color("text"), self._theme.color("surface")
        number = pg.TextItem(str(point.number), ink, anchor=(-0.7, 0.5), fill=ground)
        number.setFont(self._theme.font("small"))
        number.setPos(QPointF(*at))
        item = self._plot.getPlotItem()
        item.addItem(dot)
        item.addItem(number, ignoreBounds=True)

    def _draw_limits(self, search: Search, points: Sequence[Point]) -> None:
        """Limits and the merged model as lines; and the room that all of it needs."""
        value, limits = _VALUE[self._across], search.limits
        xs = [value(point) for point in points]
        ys = [_score(point) for point in points]
        limit = limits.model_dump().get(_LIMIT[self._across])
        if limit is not None:
            xs.append(limit)
            self._line(limit, 90, Qt.PenStyle.DashLine, "warning")
        if (merged := merged_score(points)) is not None:
            ys.append(merged)
            self._line(merged, 0, Qt.PenStyle.DotLine, "muted")
        if (least := _least(search, merged)) is not None:
            ys.append(least)
            self._line(least, 0, Qt.PenStyle.DashLine, "warning")
        if points:
            view = self._plot.getPlotItem().getViewBox()
            view.setRange(xRange=_spread(xs, 1.0), yRange=_spread(ys, 2.0), padding=_ROOM)

    def _line(self, at: float, angle: int, style: Qt.PenStyle, role: str) -> None:
        pen = pg.mkPen(self._theme.color(role), width=1.5, style=style)
        line = pg.InfiniteLine(at, angle=angle, pen=pen)
        self._plot.getPlotItem().addItem(line, ignoreBounds=True)

    def _write_legend(self, search: Search, points: Sequence[Point]) -> None:
        marks = [self.tr("★ taken"), self.tr("● meets every limit"), self.tr("✕ breaks a limit")]
        if self._across == "size":
            marks.append(self.tr("━ nothing is smaller and scores as well"))
        merged = merged_score(points)
        if merged is not None:
            said = self.tr("┈ the merged model, {score} %")
            marks.append(said.format(score=words.number(merged)))
        if search.limits.model_dump(exclude_none=True):
            marks.append(self.tr("╌ limits"))
        self.legend.setText("   ".join(marks))
        said = self.tr("Export {number}, {kind}: {size}, {score} right")
        each = [
            said.format(
                number=point.number,
                kind=kind_words(point.kind),
                size=words.size(cost_of(point).bytes),
                score=words.percent(_score(point) / 100),
            )
            for point in points
        ]
        self._plot.setAccessibleName(self.tr("Size and score of the exports"))
        self._plot.setAccessibleDescription(". ".join(each))


def merged_score(points: Sequence[Point]) -> float | None:
    """What the model before the export scores, in percent."""
    for point in points:
        verdict = point.whole.verdict if point.whole is not None else None
        figures = verdict.models.get(verdict.reference) if verdict is not None else None
        if figures is not None and figures.score is not None:
            return 100 * figures.score
    return None


def _least(search: Search, merged: float | None) -> float | None:
    """The least score that the limits allow, in percent."""
    limits = search.limits
    if limits.score is not None:
        return limits.score
    if limits.points_lost is not None and merged is not None:
        return merged - limits.points_lost
    return None


def _score(point: Point) -> float:
    return 100 * point.whole.score if point.whole is not None else 0.0


def _spread(values: Sequence[float], least: float) -> tuple[float, float]:
    """From the smallest to the largest; at least so far apart that one point has an axis."""
    low, high = min(values), max(values)
    missing = max(0.0, least - (high - low)) / 2
    return low - missing, high + missing
