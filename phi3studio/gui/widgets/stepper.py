"""The row of numbered steps that wizard and run share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QSizePolicy, QWidget

from phi3studio.gui.theme import Theme

StepState = Literal["todo", "active", "done", "touched", "failed"]


@dataclass(frozen=True)
class Step:
    """One step. ``touched``: done, but a later change made it worth another look."""

    title: str
    state: StepState = "todo"
    reachable: bool = False


_SHORT = QSize(90, 32)


class _StepButton(QAbstractButton):
    _DISC = 24

    def __init__(self, theme: Theme, number: int) -> None:
        super().__init__()
        self._theme = theme
        self._number = number
        self._step = Step("")
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def show_step(self, step: Step, clickable: bool) -> None:
        self._step = step
        self.setText(step.title)
        words = {
            "todo": self.tr("not yet"),
            "active": self.tr("current"),
            "done": self.tr("done"),
            "touched": self.tr("check again: a later change affects it"),
            "failed": self.tr("failed"),
        }
        self.setAccessibleName(f"{self._number}. {step.title}: {words[step.state]}")
        self.setToolTip(words["touched"] if step.state == "touched" else "")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus if clickable else Qt.FocusPolicy.NoFocus)
        self.setEnabled(step.reachable or not clickable)
        self.setCursor(
            Qt.CursorShape.PointingHandCursor
            if clickable and step.reachable
            else Qt.CursorShape.ArrowCursor
        )
        self.updateGeometry()
        self.update()

    def _text_font(self) -> QFont:
        active = self._step.state == "active"
        return self._theme.font("base", QFont.Weight.DemiBold if active else QFont.Weight.Medium)

    def sizeHint(self) -> QSize:
        # Always as wide as in bold, so that nothing moves when the step changes.
        metrics = QFontMetricsF(self._theme.font("base", QFont.Weight.DemiBold))
        width = self._DISC + 7 + metrics.horizontalAdvance(self._step.title) + 8
        return QSize(round(width), self._DISC + 8)

    def minimumSizeHint(self) -> QSize:
        # A narrow window cuts long titles off, but not the one of the present step.
        whole = self.sizeHint()
        return whole if self._step.state == "active" else whole.boundedTo(_SHORT)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        disc = QRectF(3, (self.height() - self._DISC) / 2, self._DISC, self._DISC)
        state = self._step.state
        ground, ink, edge = {
            "todo": ("surface", "muted", "border"),
            "active": ("accent", "on_accent", "accent"),
            "done": ("accent", "on_accent", "accent"),
            "touched": ("warning_soft", "warning_text", "warning"),
            "failed": ("danger_soft", "danger_text", "danger"),
        }[state]
        painter.setBrush(self._theme.color(ground))
        painter.setPen(QPen(self._theme.color(edge), 1.4))
        painter.drawEllipse(disc.adjusted(0.7, 0.7, -0.7, -0.7))
        mark = {"done": "check", "touched": "warning", "failed": "close"}.get(state)
        if mark:
            pixmap = self._theme.pixmap(mark, ink, 14, 3)
            painter.drawPixmap(
                QPointF(disc.x() + 5, disc.y() + (4 if mark == "warning" else 5)), pixmap
            )
        else:
            painter.setPen(self._theme.color(ink))
            painter.setFont(self._theme.font("base", QFont.Weight.DemiBold))
            painter.drawText(disc, Qt.AlignmentFlag.AlignCenter, str(self._number))
        painter.setFont(self._text_font())
        painter.setPen(self._theme.color("muted" if state == "todo" else "text"))
        text = QRectF(disc.right() + 7, 0, self.width() - disc.right() - 7, self.height())
        title = painter.fontMetrics().elidedText(
            self._step.title, Qt.TextElideMode.ElideRight, math.ceil(text.width())
        )
        painter.drawText(text, Qt.AlignmentFlag.AlignVCenter, title)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self._theme.color("accent"), 2))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 7, 7)


class _Link(QWidget):
    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.setFixedHeight(32)
        self.setMinimumWidth(8)
        self.setMaximumWidth(36)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(8, 32)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(QPen(self._theme.color("border"), 2))
        middle = self.height() / 2
        painter.drawLine(QPointF(0, middle), QPointF(self.width(), middle))


class Stepper(QWidget):
    """Shows steps; with *clickable* the reachable ones can be chosen."""

    step_chosen = Signal(int)

    def __init__(self, theme: Theme, *, clickable: bool = False) -> None:
        super().__init__()
        self._theme = theme
        self._clickable = clickable
        self._buttons: list[_StepButton] = []
        self._steps: tuple[Step, ...] = ()
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(8)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    @property
    def steps(self) -> tuple[Step, ...]:
        """What is shown."""
        return self._steps

    def show_steps(self, steps: Sequence[Step]) -> None:
        """Draw these steps; cheap when nothing changed."""
        if tuple(steps) == self._steps:
            return
        self._steps = tuple(steps)
        if len(self._buttons) != len(steps):
            self._build(len(steps))
        for button, step in zip(self._buttons, steps, strict=True):
            button.show_step(step, self._clickable)

    def _build(self, count: int) -> None:
        while (item := self._layout.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        self._buttons = []
        for index in range(count):
            if index:
                self._layout.addWidget(_Link(self._theme), 1)
            button = _StepButton(self._theme, index + 1)
            button.clicked.connect(lambda _=False, i=index: self.step_chosen.emit(i))
            self._buttons.append(button)
            self._layout.addWidget(button)
        self._layout.addStretch(1)
