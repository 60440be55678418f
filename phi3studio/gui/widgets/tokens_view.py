"""Tokens as the model sees them, coloured by what is learned of each."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from phi3studio.domain.datasets.source_report import Token, TokenKind
from phi3studio.gui.theme import Theme

COLORS: dict[TokenKind, tuple[str, str]] = {
    "masked": ("masked_ground", "masked_text"),
    "trained": ("learned_ground", "learned_text"),
    "stop": ("good_soft", "good_text"),
    "cut_off": ("danger_soft", "danger_text"),
}
# Beyond this a row is a wall of text; the rest is counted instead of drawn.
MOST = 700


def shown_text(text: str) -> str:
    """A token's text with its white space made visible."""
    if not text:
        return "·"
    visible = text.replace("\r", "␍").replace("\n", "↵").replace("\t", "⇥")
    if visible.startswith(" "):
        visible = "·" + visible[1:]
    return visible.replace(" ", "\u00a0")


class TokensView(QWidget):
    """Draws one row's tokens, wrapping; grows with its text.

    Besides the colour each kind has a mark of its own: learned tokens are underlined, the stop
    token has a frame, what is cut off is struck through.
    """

    _LINE = 25
    _GAP = 5

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._tokens: tuple[Token, ...] = ()
        self._boxes: list[tuple[QRectF, str, TokenKind]] = []
        self._laid_out_for = -1
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setMinimumWidth(120)
        theme.changed.connect(self._again)

    @property
    def tokens(self) -> tuple[Token, ...]:
        """What is drawn."""
        return self._tokens

    def show_tokens(self, tokens: Sequence[Token], words: str) -> None:
        """Draw these; *words* say the same to those who do not see them."""
        self._tokens = tuple(tokens)
        self.setAccessibleName(words)
        self._again()

    def heightForWidth(self, width: int) -> int:
        return round(self._lay_out(width)[1])

    def sizeHint(self) -> QSize:
        width = self.width() if self.width() > 50 else 400
        return QSize(width, self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self._LINE)

    def resizeEvent(self, event: QResizeEvent) -> None:
        if event.size().width() != event.oldSize().width():
            self.updateGeometry()
        super().resizeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        boxes, _ = self._lay_out(self.width())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self._theme.mono())
        seen = QRectF(event.rect())
        for box, text, kind in boxes:
            if not box.intersects(seen):
                continue
            ground, ink = COLORS[kind]
            painter.setBrush(self._theme.color(ground))
            framed = kind == "stop"
            painter.setPen(QPen(self._theme.color(ink), 1) if framed else Qt.PenStyle.NoPen)
            painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5) if framed else box, 3, 3)
            pen = QPen(self._theme.color(ink), 1)
            painter.setPen(pen)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
            if kind == "trained":
                y = box.bottom() - 1.5
                painter.drawLine(QPointF(box.x() + 3, y), QPointF(box.right() - 3, y))
            elif kind == "cut_off":
                y = box.center().y() + 0.5
                painter.drawLine(QPointF(box.x() + 2, y), QPointF(box.right() - 2, y))

    def _again(self) -> None:
        self._laid_out_for = -1
        self.updateGeometry()
        self.update()

    def _lay_out(self, width: int) -> tuple[list[tuple[QRectF, str, TokenKind]], float]:
        if width != self._laid_out_for:
            metrics = QFontMetricsF(self._theme.mono())
            boxes: list[tuple[QRectF, str, TokenKind]] = []
            x, y = 0.0, 0.0
            for token in self._tokens[:MOST]:
                text = shown_text(token.text)
                wide = metrics.horizontalAdvance(text) + 8
                if x and x + wide > width:
                    x, y = 0.0, y + self._LINE
                if wide > width:
                    text = metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, width - 8)
                    wide = float(width)
                boxes.append((QRectF(x, y + 2, wide, self._LINE - 6), text, token.kind))
                x += wide + self._GAP
                # A line break in the text starts a new line of tokens, as one reads it.
                if token.text.endswith("\n"):
                    x, y = 0.0, y + self._LINE
            self._boxes = boxes
            self._laid_out_for = width
        bottom = self._boxes[-1][0].bottom() + 2 if self._boxes else float(self._LINE)
        return self._boxes, bottom


class Legend(QWidget):
    """The four kinds of tokens with their words."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._words: tuple[tuple[TokenKind, str], ...] = (
            ("masked", self.tr("shown (masked)")),
            ("trained", self.tr("learned")),
            ("stop", self.tr("stop")),
            ("cut_off", self.tr("truncated")),
        )
        self.setFixedHeight(22)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(", ".join(text for _, text in self._words))
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        metrics = QFontMetricsF(self._theme.font("small"))
        wide = sum(metrics.horizontalAdvance(text) + 18 for _, text in self._words)
        return QSize(round(wide), 22)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = self._theme.font("small")
        metrics = QFontMetricsF(font)
        x = 0.0
        for kind, text in self._words:
            ground, ink = COLORS[kind]
            wide = metrics.horizontalAdvance(text) + 10
            box = QRectF(x, 2, wide, 18)
            painter.setPen(Qt.PenStyle.NoPen)
            if kind == "stop":
                painter.setPen(QPen(self._theme.color(ink), 1))
            painter.setBrush(self._theme.color(ground))
            painter.drawRoundedRect(box, 3, 3)
            font.setStrikeOut(kind == "cut_off")
            font.setUnderline(kind == "trained")
            painter.setFont(font)
            painter.setPen(self._theme.color(ink))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
            x += wide + 8
