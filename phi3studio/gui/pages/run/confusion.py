"""Which label was answered for which: a painted matrix."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from phi3studio.domain.events.measured_events import Confusion
from phi3studio.gui.texts import words
from phi3studio.gui.theme import Theme

_ROW = 28
_HEAD = 24
_NAME = 150.0


class ConfusionMatrix(QWidget):
    """A row for each expected label, a column for each answered one, and one for other answers.

    Every cell says its number; the darker the ground, the larger its share of the row. Right
    answers lie on the diagonal and stand in bold.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._confusion = Confusion(labels=(), counts=())
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def show_confusion(self, confusion: Confusion) -> None:
        """Draw it; the same in words is the accessible name."""
        self._confusion = confusion
        self.setFixedHeight(_HEAD + _ROW * len(confusion.labels))
        said = []
        for name, counts in zip(confusion.labels, confusion.counts, strict=False):
            answered = [
                f"{self._column(index)} {count}" for index, count in enumerate(counts) if count
            ]
            said.append(f"{name}: {', '.join(answered)}")
        self.setAccessibleName(self.tr("Expected and answered labels"))
        self.setAccessibleDescription("; ".join(said))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(300, _HEAD + _ROW * len(self._confusion.labels))

    def _column(self, index: int) -> str:
        names = self._confusion.labels
        return names[index] if index < len(names) else self.tr("other")

    def paintEvent(self, event: QPaintEvent) -> None:
        labels, counts = self._confusion.labels, self._confusion.counts
        if not labels:
            return
        theme = self._theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        plain = theme.font("small")
        bold = theme.font("small", QFont.Weight.DemiBold)
        metrics = QFontMetricsF(plain)
        names = min(_NAME, max(metrics.horizontalAdvance(name) for name in labels) + 12)
        wide = (self.width() - names) / (len(labels) + 1)
        elide = Qt.TextElideMode.ElideRight
        painter.setFont(plain)
        painter.setPen(theme.color("muted"))
        for x in range(len(labels) + 1):
            box = QRectF(names + x * wide, 0, wide, _HEAD)
            text = metrics.elidedText(self._column(x), elide, wide - 6)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
        for y, (name, line) in enumerate(zip(labels, counts, strict=False)):
            top = _HEAD + y * _ROW
            painter.setFont(plain)
            painter.setPen(theme.color("text"))
            painter.drawText(
                QRectF(0, top, names - 8, _ROW),
                Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight,
                metrics.elidedText(name, elide, names - 10),
            )
            total = sum(line) or 1
            for x, count in enumerate(line):
                box = QRectF(names + x * wide + 1, top + 1, wide - 2, _ROW - 2)
                right = x == y
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(self._ground(count / total, right))
                painter.drawRoundedRect(box, 4, 4)
                painter.setFont(bold if right else plain)
                painter.setPen(theme.color("text" if count else "muted"))
                painter.drawText(box, Qt.AlignmentFlag.AlignCenter, words.count(count))

    def _ground(self, share: float, right: bool) -> QColor:
        """From the quiet ground to the soft colour: the text keeps its contrast on all of them."""
        low = self._theme.color("track")
        high = self._theme.color("good_soft" if right else "danger_soft")
        mix = min(1.0, 0.25 + share) if share else 0.0
        parts = (
            round(a + (b - a) * mix)
            for a, b in (
                (low.red(), high.red()),
                (low.green(), high.green()),
                (low.blue(), high.blue()),
            )
        )
        return QColor(*parts)
