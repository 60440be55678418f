"""Small painted bar charts for the statistics of a data set."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from phi3studio.gui.texts import words
from phi3studio.gui.theme import Theme


class Histogram(QWidget):
    """Upright bars over a range: (lower, upper, count) each. *limit* draws a mark."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._bins: tuple[tuple[int, int, int], ...] = ()
        self._limit: int | None = None
        self.setFixedHeight(84)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def show_bins(self, bins: Sequence[tuple[int, int, int]], limit: int | None, said: str) -> None:
        """Draw these; *said* is the same in words."""
        self._bins, self._limit = tuple(bins), limit
        self.setAccessibleName(said)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._bins:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = self._theme.font("small")
        painter.setFont(font)
        low, high = self._bins[0][0], self._bins[-1][1]
        most = max(count for _, _, count in self._bins) or 1
        area = QRectF(0, 4, self.width(), self.height() - 24)
        span = max(1, high - low)
        painter.setPen(Qt.PenStyle.NoPen)
        for lower, upper, count in self._bins:
            x = area.width() * (lower - low) / span
            wide = area.width() * (upper - lower) / span
            tall = max(1.5 if count else 0.0, area.height() * count / most)
            over = self._limit is not None and lower >= self._limit
            painter.setBrush(self._theme.color("danger" if over else "accent"))
            bar = QRectF(x + 1, area.bottom() - tall, max(1.0, wide - 2), tall)
            painter.drawRoundedRect(bar, 2, 2)
        painter.setPen(self._theme.color("border"))
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        painter.setPen(self._theme.color("muted"))
        foot = QRectF(0, area.bottom() + 3, self.width(), 17)
        painter.drawText(foot, Qt.AlignmentFlag.AlignLeft, words.count(low))
        painter.drawText(
            foot, Qt.AlignmentFlag.AlignRight, self.tr("{n} tokens").format(n=words.count(high))
        )


class LabelBars(QWidget):
    """Lying bars with their names: how often each label occurs."""

    _ROW = 22
    _MOST = 8

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._labels: tuple[tuple[str, int], ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def show_labels(self, labels: Sequence[tuple[str, int]]) -> None:
        """Draw the most frequent ones."""
        self._labels = tuple(labels[: self._MOST])
        self.setFixedHeight(self._ROW * max(1, len(self._labels)))
        self.setAccessibleName(", ".join(f"{name}: {count}" for name, count in self._labels))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, self._ROW * max(1, len(self._labels)))

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._labels:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = self._theme.font("small")
        painter.setFont(font)
        metrics = QFontMetricsF(font)
        most = max(count for _, count in self._labels) or 1
        names = min(
            self.width() * 0.35,
            max(metrics.horizontalAdvance(name) for name, _ in self._labels) + 10,
        )
        room = self.width() - names - 48
        for row, (name, count) in enumerate(self._labels):
            y = row * self._ROW
            painter.setPen(self._theme.color("text"))
            text = metrics.elidedText(name, Qt.TextElideMode.ElideRight, names - 8)
            painter.drawText(QRectF(0, y, names, self._ROW), Qt.AlignmentFlag.AlignVCenter, text)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.color("accent"))
            painter.drawRoundedRect(
                QRectF(names, y + 6, max(2.0, room * count / most), self._ROW - 12), 3, 3
            )
            painter.setPen(self._theme.color("muted"))
            painter.drawText(
                QRectF(self.width() - 44, y, 44, self._ROW),
                Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight,
                words.count(count),
            )
