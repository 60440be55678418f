"""The course of the training, drawn with pyqtgraph."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QLocale, QPointF, Qt
from PySide6.QtGui import QFont, QMouseEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from phi3studio.gui.texts import words
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import label, row

Points = tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Series:
    """One line. *role* is its colour; *marks* draws its points, for lines with few of them."""

    title: str
    points: Points
    role: str
    marks: bool = False
    smooth: bool = True


def smoothed(points: Points, weight: float) -> list[float]:
    """Exponential moving average, corrected for its start; *weight* 0 leaves the values."""
    result: list[float] = []
    mean = 0.0
    power = 1.0
    for _, value in points:
        mean = weight * mean + (1 - weight) * value
        power *= weight
        result.append(mean / (1 - power))
    return result


class Axis(pg.AxisItem):  # type: ignore[misc]
    """An axis whose numbers have the decimal sign of the window's language."""

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        sign = QLocale().decimalPoint()
        return [text.replace(".", sign) for text in super().tickStrings(values, scale, spacing)]


def quiet_plot(height: int) -> pg.PlotWidget:
    """An empty plot without frame, menu, buttons and keyboard focus."""
    axes = {name: Axis(name) for name in ("left", "bottom")}
    # Its menus are never shown, and building them takes a third of the whole.
    box = pg.ViewBox(enableMenu=False)
    plot = pg.PlotWidget(background=None, axisItems=axes, viewBox=box)
    plot.setFixedHeight(height)
    plot.setFrameShape(plot.Shape.NoFrame)
    plot.setMenuEnabled(False)
    plot.hideButtons()
    plot.setAntialiasing(True)
    plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    plot.getPlotItem().showGrid(x=False, y=True, alpha=0.4)
    return plot


def draw_axis(axis: pg.AxisItem, theme: Theme, title: str = "") -> None:
    """Give an axis the theme's colours and font, and a title if there is one."""
    ink = theme.color("muted")
    font: QFont = theme.font("small")
    axis.setPen(pg.mkPen(theme.color("border")))
    axis.setTextPen(pg.mkPen(ink))
    axis.setTickFont(font)
    axis.setStyle(tickLength=0)
    if title:
        axis.setLabel(title, color=ink.name())
        axis.label.setFont(font)


class CurvePlot(QWidget):
    """Lines over optimiser steps: wheel and drag zoom, double click shows all again.

    Values under the pointer stand in the legend line below, which is plain text and thus read
    out as well. With *raw* the single values stand faintly behind a smoothed line. Point marks
    tell lines apart without colour.
    """

    def __init__(self, theme: Theme, *, raw: bool = True) -> None:
        super().__init__()
        self._theme = theme
        self._raw = raw
        self._series: tuple[Series, ...] = ()
        self._smoothing = 0.0
        self._log = False
        self._items: list[pg.PlotDataItem] = []
        self._hovered: float | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        # Qt strokes a long thick line as one path, which takes tens of milliseconds; piece by piece
        # it takes one.
        pg.setConfigOption("segmentedLineMode", "on")
        self._plot = quiet_plot(250)
        item = self._plot.getPlotItem()
        item.getViewBox().setLimits(xMin=-1)
        self._guide = pg.InfiniteLine(angle=90, movable=False)
        self._guide.hide()
        item.addItem(self._guide, ignoreBounds=True)
        self._plot.scene().sigMouseMoved.connect(self._moved)
        self._plot.viewport().installEventFilter(self)
        layout.addWidget(self._plot, 1)
        self._legend = label("", "muted")
        self._legend.setTextFormat(Qt.TextFormat.RichText)
        self._legend.setWordWrap(True)
        layout.addLayout(row(self._legend))
        theme.changed.connect(self._draw)
        self._draw()

    @property
    def shown(self) -> tuple[Series, ...]:
        """The lines that are drawn."""
        return self._series

    def show_series(self, series: Sequence[Series]) -> None:
        """Draw these lines."""
        if tuple(series) != self._series:
            same = [s.title for s in series] == [s.title for s in self._series]
            self._series = tuple(series)
            if same and self._items:
                self._update()
            else:
                self._draw()
                self.show_all()

    def show_all(self) -> None:
        """Let the axes follow the lines again."""
        self._plot.getPlotItem().enableAutoRange()

    def set_smoothing(self, weight: float) -> None:
        """0 draws the values alone, above it also their moving average."""
        self._smoothing = weight
        self._draw()

    def set_log(self, on: bool) -> None:
        """Logarithmic vertical axis."""
        self._log = on
        self._draw()

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        if event.type() == QEvent.Type.MouseButtonDblClick and isinstance(event, QMouseEvent):
            self.show_all()
            return True
        if event.type() == QEvent.Type.Leave:
            self._hovered = None
            self._guide.hide()
            self._write_legend()
        # The page scrolls with the wheel; zooming takes Ctrl, as in maps.
        if event.type() == QEvent.Type.Wheel:
            modifiers = event.modifiers()  # type: ignore[attr-defined]
            if not modifiers & Qt.KeyboardModifier.ControlModifier:
                event.ignore()
                return True
        return False

    def _draw(self) -> None:
        item = self._plot.getPlotItem()
        for old in self._items:
            item.removeItem(old)
        self._items = []
        item.setLogMode(x=False, y=self._log)
        for name in ("left", "bottom"):
            draw_axis(item.getAxis(name), self._theme)
        item.getAxis("left").setWidth(52)
        self._plot.setBackground(self._theme.color("surface"))
        self._guide.setPen(pg.mkPen(self._theme.color("muted"), style=Qt.PenStyle.DotLine))
        for series in self._series:
            color = self._theme.color(series.role)
            if self._smooths(series):
                faint = self._theme.color(series.role)
                faint.setAlphaF(0.32)
                pen = pg.mkPen(faint, width=1) if self._raw else None
                self._items.append(item.plot(pen=pen))
            symbol = "o" if series.marks else None
            self._items.append(
                item.plot(
                    pen=pg.mkPen(color, width=2),
                    symbol=symbol,
                    symbolSize=8,
                    symbolBrush=color,
                    symbolPen=None,
                )
            )
        self._update()

    def _update(self) -> None:
        items = iter(self._items)
        for series in self._series:
            steps = [step for step, _ in series.points]
            values = [self._positive(value) for _, value in series.points]
            if self._smooths(series):
                next(items).setData(steps, values)
                means = smoothed(series.points, self._smoothing)
                next(items).setData(steps, [self._positive(value) for value in means])
            else:
                next(items).setData(steps, values)
        self._write_legend()

    def _smooths(self, series: Series) -> bool:
        return bool(series.smooth and self._smoothing)

    def _positive(self, value: float) -> float:
        return max(value, 1e-9) if self._log else value

    def _moved(self, at: QPointF) -> None:
        box = self._plot.getPlotItem().getViewBox()
        if not box.sceneBoundingRect().contains(at) or not self._series:
            return
        self._hovered = float(box.mapSceneToView(at).x())
        self._guide.setPos(self._hovered)
        self._guide.show()
        self._write_legend()

    def _write_legend(self) -> None:
        parts = []
        for series in self._series:
            mark = "●" if series.marks else "━"
            color = self._theme.color(series.role).name()
            value = _nearest(series.points, self._hovered)
            said = f"<span style='color:{color}'>{mark}</span> {_escape(series.title)}"
            if value is not None:
                ink = self._theme.color("text").name()
                said += f" <b style='color:{ink}'>{words.number(value[1])}</b> " + self.tr(
                    "at step {step}"
                ).format(step=words.count(value[0]))
            parts.append(said)
        self._legend.setText(" &nbsp;&nbsp;&nbsp; ".join(parts))


def _nearest(points: Points, at: float | None) -> tuple[int, float] | None:
    if at is None or not points or not math.isfinite(at):
        return None
    return min(points, key=lambda point: abs(point[0] - at))


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
