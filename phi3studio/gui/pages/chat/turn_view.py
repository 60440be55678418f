"""One question and its answer."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from phi3studio.domain.errors import UserFacingError
from phi3studio.gui.pages.chat.transcript import Turn
from phi3studio.gui.texts import words
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import Button, clear, label
from phi3studio.gui.widgets.states import ErrorState
from phi3studio.services.chat_client import Figures


class TurnView(QWidget):
    """Draws a turn; the last one offers to regenerate, edit and copy."""

    regenerate_wanted = Signal()
    edit_wanted = Signal()

    def __init__(self, theme: Theme, turn: Turn) -> None:
        super().__init__()
        self._theme = theme
        self.turn = turn
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 8)
        layout.setSpacing(6)
        bubble = QFrame()
        bubble.setProperty("bubble", True)
        inner = QVBoxLayout(bubble)
        inner.setContentsMargins(14, 9, 14, 9)
        question = label(turn.ask.shown, wrap=True)
        question.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        inner.addWidget(question)
        line = QHBoxLayout()
        line.addStretch(1)
        line.addWidget(bubble, 6)
        layout.addLayout(line)
        self._answer = label("", wrap=True)
        self._answer.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        layout.addWidget(self._answer)
        self._figures = label("", "small", wrap=True)
        layout.addWidget(self._figures)
        self._trouble = QVBoxLayout()
        layout.addLayout(self._trouble)
        self._tools = QWidget()
        tools = QHBoxLayout(self._tools)
        tools.setContentsMargins(0, 0, 0, 0)
        tools.setSpacing(2)
        copy = Button(theme, self.tr("Copy"), kind="link", icon="copy")
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.turn.answer))
        again = Button(theme, self.tr("Regenerate"), kind="link", icon="refresh")
        again.clicked.connect(self.regenerate_wanted)
        edit = Button(theme, self.tr("Edit"), kind="link", icon="edit")
        edit.clicked.connect(self.edit_wanted)
        self._last_only = (again, edit)
        for button in (copy, again, edit):
            tools.addWidget(button)
        tools.addStretch(1)
        layout.addWidget(self._tools)
        self.show_turn(turn, busy=not turn.answer)

    def show_turn(self, turn: Turn, *, busy: bool) -> None:
        """Draw what is there; *busy* while more is to come."""
        self.turn = turn
        waiting = busy and not turn.answer
        self._answer.setText(self.tr("thinking…") if waiting else turn.answer.strip() or "∅")
        self._answer.setProperty("role", "muted" if waiting else "")
        self._answer.style().unpolish(self._answer)
        self._answer.style().polish(self._answer)
        self._tools.setVisible(not busy)
        if turn.figures is not None:
            self._figures.setText(self._said(turn.figures))
        elif turn.stopped_by_user:
            self._figures.setText(self.tr("stopped"))
        else:
            self._figures.setText("")
        self._figures.setVisible(bool(self._figures.text()))

    def show_error(self, error: UserFacingError) -> None:
        """Say why there is no answer."""
        clear(self._trouble)
        self._trouble.addWidget(ErrorState(self._theme, error))
        self._answer.setVisible(bool(self.turn.answer))
        self._tools.show()

    def set_last(self, last: bool) -> None:
        """Only the last turn can be regenerated or edited."""
        for button in self._last_only:
            button.setVisible(last)

    def _said(self, figures: Figures) -> str:
        ending = {
            "stop": self.tr("stopped on its own"),
            "length": self.tr("reached the length limit"),
            "cancelled": self.tr("stopped"),
        }[figures.reason]
        return " · ".join(
            (
                *((self.turn.adapter,) if self.turn.adapter else ()),
                self.tr("%Ln token(s)", None, figures.tokens),
                self.tr("{time} to the first token").format(
                    time=words.duration(figures.first_token_s)
                ),
                self.tr("{speed} tokens / s").format(speed=words.number(figures.tokens_per_s)),
                ending,
            )
        )
