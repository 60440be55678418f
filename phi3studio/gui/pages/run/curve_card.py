"""The card with the curves: which one, smoothed or not, linear or logarithmic."""

from __future__ import annotations

from PySide6.QtWidgets import QCheckBox

from phi3studio.domain.run import Curve, Curves
from phi3studio.gui.pages.run.curves import CurvePlot, Points, Series
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import Card, ComboBox

_SMOOTHING = (0.0, 0.6, 0.85, 0.95)
# More points than pixels cost time and show nothing.
_POINTS = 2000
_LEAST_BOX = 110


class CurveCard(Card):
    """Loss, learning rate, speed or memory over the optimiser steps."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(" ")
        self.title.setText(self.tr("Curves"))
        self.setAccessibleName(self.tr("Curves"))
        self._curves = Curves()
        self.detail.setText(self.tr("zoom: Ctrl and wheel; all: double click"))
        self._which = ComboBox()
        self._which.setAccessibleName(self.tr("Which curve"))
        for title in (
            self.tr("Loss"),
            self.tr("Learning rate"),
            self.tr("Speed (tokens / s)"),
            self.tr("Memory (GB)"),
        ):
            self._which.addItem(title)
        self._smooth = ComboBox()
        self._smooth.setAccessibleName(self.tr("Smoothing"))
        for title in (
            self.tr("No smoothing"),
            self.tr("A little smoothed"),
            self.tr("Smoothed"),
            self.tr("Very smooth"),
        ):
            self._smooth.addItem(title)
        self._log = QCheckBox(self.tr("Log scale"))
        for box in (self._which, self._smooth):
            box.setMinimumWidth(_LEAST_BOX)  # in a narrow window
        for widget in (self._which, self._smooth, self._log):
            self.header.addWidget(widget)
        self.plot = CurvePlot(theme)
        self.body.addWidget(self.plot)
        self._which.currentIndexChanged.connect(self._draw)
        self._smooth.currentIndexChanged.connect(lambda i: self.plot.set_smoothing(_SMOOTHING[i]))
        self._log.toggled.connect(self.plot.set_log)
        self._smooth.setCurrentIndex(2)

    def show_curves(self, curves: Curves) -> None:
        """Draw the curves as far as they are known."""
        self._curves = curves
        self._draw()

    def _draw(self) -> None:
        curves = self._curves
        match self._which.currentIndex():
            case 0:
                series = [
                    Series(self.tr("training"), _thin(curves.loss), "series_1"),
                    Series(
                        self.tr("evaluation"),
                        curves.eval_loss.points,
                        "series_2",
                        marks=True,
                        smooth=False,
                    ),
                ]
            case 1:
                series = [
                    Series(
                        self.tr("learning rate"),
                        _thin(curves.learning_rate),
                        "series_3",
                        smooth=False,
                    )
                ]
            case 2:
                series = [Series(self.tr("tokens / s"), _thin(curves.tokens_per_s), "series_4")]
            case _:
                points = tuple((step, value / 1e9) for step, value in _thin(curves.memory))
                series = [Series(self.tr("memory of the worker"), points, "series_5", smooth=False)]
        self.plot.show_series(series)


def _thin(curve: Curve) -> Points:
    """At most about :data:`_POINTS` points, evenly taken, the last one always."""
    points = curve.points
    if len(points) <= _POINTS:
        return points
    every = -(-len(points) // _POINTS)
    return (*points[:-1:every], points[-1])
