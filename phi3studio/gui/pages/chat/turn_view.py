"""One question and its answer."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from phi3studio.domain.errors import UserFacingError
from phi3studio.gui.pages.chat.thumbs import Thumbs
from phi3studio.gui.texts import words
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import Button, clear, label, set_role
from phi3studio.gui.widgets.states import ErrorState
from phi3studio.runs.shown.transcript import Figures, Turn


class TurnView(QWidget):
    """Draws a turn: it can be copied and its question edited, the last one made again, and where
    there are several branches one goes from one to the next."""

    regenerate_wanted = Signal()
    edit_wanted = Signal()
    branch_wanted = Signal(int)
    """Carries how many branches further."""
    rated = Signal(object)
    """Carries the verdict on the answer, ``None`` where it is taken back."""

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
        self.thumbs = Thumbs(theme)
        self.thumbs.rated.connect(self.rated)
        measured = QHBoxLayout()
        measured.addWidget(self._figures, 1)
        measured.addWidget(self.thumbs, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(measured)
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
        self._again = again
        self._named = (copy, again, edit)
        self._full: dict[Button, int] = {}
        self._room = 0
        back = Button(theme, self.tr("Earlier version"), kind="icon", icon="left")
        back.clicked.connect(lambda: self.branch_wanted.emit(-1))
        on = Button(theme, self.tr("Later version"), kind="icon", icon="right")
        on.clicked.connect(lambda: self.branch_wanted.emit(1))
        self._place = label("", "small")
        self._branches = QWidget()
        branches = QHBoxLayout(self._branches)
        branches.setContentsMargins(0, 0, 8, 0)
        branches.setSpacing(4)
        for widget in (back, self._place, on):
            branches.addWidget(widget)
        self._branches.hide()
        tools.addWidget(self._branches)
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
        set_role(self._answer, "muted" if waiting else "")
        self._tools.setVisible(not busy)
        # Of an answer that was broken off nobody knows how it would have gone on.
        self.thumbs.setVisible(turn.figures is not None and not turn.stopped_by_user)
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
        """Only the last answer can be made again."""
        if self._again.isHidden() == last:
            self._again.setVisible(last)
            self.fit(self._room)

    def fit(self, width: int) -> None:
        """Name the tools by words where these have room in *width* pixels, else by signs alone."""
        self._room = width
        if not width:
            return
        self._full = self._full or {tool: tool.sizeHint().width() for tool in self._named}
        needed = sum(wide for tool, wide in self._full.items() if not tool.isHidden())
        if not self._branches.isHidden():
            needed += self._branches.sizeHint().width()
        for tool in self._named:
            said = tool.accessibleName() if needed <= width else ""
            if tool.text() != said:
                tool.setText(said)
                tool.setToolTip("" if said else tool.accessibleName())

    def show_branches(self, place: int, count: int) -> None:
        """Show which of how many versions of this turn it is; nothing where there is one."""
        self._place.setText(self.tr("{place} of {count}").format(place=place + 1, count=count))
        if self._branches.isHidden() == (count > 1):
            self._branches.setVisible(count > 1)
            self.fit(self._room)

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
