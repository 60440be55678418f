"""Compare blind: two answers without names, and which of them is better."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import SystemRandom

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from phi3studio.domain.errors import UserFacingError
from phi3studio.domain.ratings.blind import BlindPair, BlindScore, Pick, Side
from phi3studio.gui.context import Context
from phi3studio.gui.pages.chat.model_column import ModelColumn
from phi3studio.gui.pages.chat.rating.rating_desk import RatingDesk
from phi3studio.gui.pages.chat.sampling_panel import ChatSettings
from phi3studio.gui.texts import words
from phi3studio.gui.widgets.basic import (
    Button,
    Callout,
    Card,
    announce,
    clear,
    label,
    row,
    set_role,
)
from phi3studio.gui.widgets.states import ErrorState
from phi3studio.runs.shown.transcript import Ask, Transcript

_KEYS: dict[int, Pick] = {
    Qt.Key.Key_1: "1",
    Qt.Key.Key_2: "2",
    Qt.Key.Key_0: "tie",
    Qt.Key.Key_B: "bad",
}
# Two answers of one model have to differ.
_TEMPERATURE = 0.8


@dataclass(frozen=True)
class _Player:
    """One of the two: a model, and for one that answers twice its seed."""

    column: ModelColumn
    seed: int | None


class _AnswerCard(Card):
    def __init__(self, title: str) -> None:
        super().__init__(title)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.viewport().setAutoFillBackground(False)
        holder = QWidget()
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 6, 0)
        self._text = label("", wrap=True)
        self._text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._text.setAccessibleName(title)
        column.addWidget(self._text)
        column.addStretch(1)
        area.setWidget(holder)
        holder.setAutoFillBackground(False)
        self.body.addWidget(area, 1)

    def show_text(self, text: str, role: str = "") -> None:
        self._text.setText(text)
        set_role(self._text, role)


class BlindView(QWidget):
    """Asks two models, or one twice, shows both answers once both are there (how fast they come
    would tell which is which), and keeps what is chosen.

    Whoever has the view shows it while it is ``active``. ``ended`` carries a widget with the
    result, or ``None`` where nothing was compared;
    ``state_changed``: a question may be asked, or no longer; ``chosen``: on to the next one.
    """

    ended = Signal(object)
    state_changed = Signal()
    chosen = Signal()

    def __init__(self, context: Context, desk: RatingDesk) -> None:
        super().__init__()
        self._context = context
        self._desk = desk
        self._random = SystemRandom()
        self._players: tuple[_Player, _Player] | None = None
        self._pair: BlindPair | None = None
        self._task: asyncio.Task[BlindPair] | None = None
        self.score = BlindScore()
        theme = context.theme
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        self._notes = QVBoxLayout()
        layout.addLayout(self._notes)
        self._question = QLabel()
        self._question.setWordWrap(True)
        self._question.setTextFormat(Qt.TextFormat.PlainText)
        layout.addWidget(self._question)
        cards = QHBoxLayout()
        cards.setSpacing(14)
        self._cards = (
            _AnswerCard(self.tr("Answer {n}").format(n=1)),
            _AnswerCard(self.tr("Answer {n}").format(n=2)),
        )
        for card in self._cards:
            cards.addWidget(card, 1)
        layout.addLayout(cards, 1)
        self.buttons: dict[Pick, Button] = {}
        picks: tuple[tuple[Pick, str, str], ...] = (
            ("1", self.tr("1 is better"), "1"),
            ("2", self.tr("2 is better"), "2"),
            ("tie", self.tr("Tie"), "0"),
            ("bad", self.tr("Both bad"), "B"),
        )
        for pick, text, key in picks:
            button = Button(theme, text)
            button.setToolTip(self.tr("Key {key}").format(key=key))
            button.setAccessibleDescription(self.tr("Key {key}").format(key=key))
            button.clicked.connect(lambda _=False, p=pick: self.pick(p))
            self.buttons[pick] = button
        self._said = label("", "muted", wrap=True)
        self.finish = Button(theme, self.tr("Finish"), kind="primary")
        self.finish.clicked.connect(self.end)
        layout.addLayout(row(1, *self.buttons.values(), 1, spacing=10))
        line = row(self._said, self.finish)
        line.setStretch(0, 1)
        layout.addLayout(line)
        self.hide()

    @property
    def active(self) -> bool:
        """Whether a comparison is under way."""
        return self._players is not None

    @property
    def ready(self) -> bool:
        """Whether the next question may be asked."""
        return self.active and self._task is None and self._pair is None

    @property
    def busy(self) -> bool:
        """Whether answers are on their way."""
        return self._task is not None

    def begin(self, columns: Sequence[ModelColumn]) -> None:
        """Compare the first two models, or the only one with itself."""
        seeds = [self._random.randrange(2**31) for _ in range(2)]
        if len(columns) > 1:
            self._players = _Player(columns[0], None), _Player(columns[1], None)
        else:
            self._players = _Player(columns[0], seeds[0]), _Player(columns[0], seeds[1])
        self.score = BlindScore()
        self._pair = None
        clear(self._notes)
        self._question.setText("")
        self._draw()

    def ask(self, ask: Ask, settings: ChatSettings) -> None:
        """Put a question to both, without what was said before."""
        if not self.ready:
            return
        clear(self._notes)
        self._question.setText(ask.shown)
        self._task = self._context.tasks.run(self._answers(ask, settings), self._show, self._fail)
        self._draw()

    def stop(self) -> None:
        """Wait for no answers any more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            self._draw()

    def pick(self, pick: Pick) -> None:
        """Say which answer is better; does nothing while there is nothing to choose."""
        pair = self._pair
        if pair is None:
            return
        self._pair = None
        choice = pair.choice(pick)
        self.score = self.score.counted(choice)
        self._desk.keep(pair.ratings(choice, time.time()))
        self._draw()
        self.chosen.emit()

    def end(self) -> None:
        """Show who was who, and the score."""
        self.stop()
        players, self._players = self._players, None
        self._pair = None
        if players is None:
            return
        self.hide()
        self.ended.emit(self._result(players) if self.score.total else None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        pick = _KEYS.get(event.key())
        if pick is not None and self._pair is not None and not event.modifiers():
            self.pick(pick)
            return
        super().keyPressEvent(event)

    def _result(self, players: tuple[_Player, _Player]) -> Callout:
        score, names = self.score, [player.column.title.text() for player in players]
        if players[0].seed is not None:
            # Two answers of one model: neither seed has won anything.
            text = self.tr(
                "{name}: {n} compared, one answer better in {decided}, ties {ties}, both bad {bad}."
            )
            said = text.format(
                name=names[0],
                n=score.total,
                decided=score.decided,
                ties=score.ties,
                bad=score.bad,
            )
            hint = self.tr("They are kept under Ratings, to train on.") if score.decided else ""
            return Callout(self._context.theme, "info", said, hint)
        counts = self.tr("{first}: {won}. {second}: {lost}. Ties: {ties}. Both bad: {bad}.").format(
            first=names[0],
            won=score.first,
            second=names[1],
            lost=score.second,
            ties=score.ties,
            bad=score.bad,
        )
        if not score.decided:
            return Callout(self._context.theme, "info", counts)
        low, high = score.interval
        share = self.tr("{name} was better in {share} (95 % interval: {low} to {high}).").format(
            name=names[0],
            share=words.percent(score.share),
            low=words.percent(low),
            high=words.percent(high),
        )
        if score.winner is None:
            share += " " + self.tr("That does not say yet which is better.")
        return Callout(self._context.theme, "good" if score.winner else "info", counts, share)

    async def _answers(self, ask: Ask, settings: ChatSettings) -> BlindPair:
        assert self._players is not None
        sides = []
        for player in self._players:
            sampling = settings.sampling
            if player.seed is not None:
                warm = sampling.temperature or _TEMPERATURE
                sampling = replace(sampling, temperature=warm, seed=player.seed)
            fresh = Transcript("", system=settings.system)
            answer = player.column.answer_to(fresh, ask, replace(settings, sampling=sampling))
            text = "".join([piece async for piece in answer])
            sides.append(Side(self._desk.shelf.name_of(player.column.folder), text))
        first, second = (player.column for player in self._players)
        asked = second if second.holds_conversations else first
        question = asked.question(Transcript("", system=settings.system), ask)
        return BlindPair(question, sides[0], sides[1]).shuffled(self._random)

    def _show(self, pair: BlindPair) -> None:
        self._task = None
        if pair.equal:
            self.score = self.score.counted("tie")
            said = self.tr("Both gave the same answer: a tie.")
            self._notes.addWidget(Callout(self._context.theme, "info", said))
        else:
            self._pair = pair
        for card, text in zip(self._cards, pair.shown, strict=True):
            card.show_text(text.strip() or "∅")
        self._draw()
        if self._pair is not None:
            self.buttons["1"].setFocus()
            announce(self, self.tr("Both answers are there."))
        else:
            self.chosen.emit()

    def _fail(self, error: UserFacingError) -> None:
        self._task = None
        self._notes.addWidget(ErrorState(self._context.theme, error))
        self._draw()

    def _draw(self) -> None:
        if self._task is not None:
            for card in self._cards:
                card.show_text(self.tr("answering…"), "muted")
        elif self._pair is None and not self._question.text():
            for card in self._cards:
                card.show_text(self.tr("Ask something below."), "muted")
        self._question.setVisible(bool(self._question.text()))
        for button in self.buttons.values():
            button.setEnabled(self._pair is not None)
        score = self.score
        won = sorted((score.first, score.second), reverse=True)
        # Not which model has which: that would tell the next answers apart.
        self._said.setText(
            self.tr("{n} compared: {won} to {lost}, ties {ties}, both bad {bad}").format(
                n=score.total, won=won[0], lost=won[1], ties=score.ties, bad=score.bad
            )
            if score.total
            else self.tr("Which answer is better? Keys: 1, 2, 0 for a tie, B for both bad.")
        )
        self.state_changed.emit()
