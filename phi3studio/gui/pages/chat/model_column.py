"""One model's side of the chat."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget
from shiboken6 import isValid

from phi3studio.domain.errors import UserFacingError
from phi3studio.domain.ratings.rating import Question, messages_of
from phi3studio.domain.template import parse_template
from phi3studio.gui.context import Context
from phi3studio.gui.pages.chat.adapter_choice import AdapterChoice
from phi3studio.gui.pages.chat.sampling_panel import ChatSettings
from phi3studio.gui.pages.chat.turn_view import TurnView
from phi3studio.gui.texts import words
from phi3studio.gui.widgets.basic import Button, Card, clear
from phi3studio.gui.widgets.states import ErrorState, Skeleton
from phi3studio.runs.shown.transcript import Ask, Transcript, Turn
from phi3studio.services.chat_client import Answer, Chat, LoadedModel

# The text is drawn at most this often: a fast model writes more tokens than one can read.
_DRAW_MS = 70
_HELD_CODES = frozenset({"chat.labels", "chat.schema", "chat.constraint"})


class ModelColumn(Card):
    """Loads one model, asks it, shows the turns. Survives the end of the chat process."""

    loaded = Signal()
    busy_changed = Signal()
    removed = Signal()
    edit_wanted = Signal(int, object)
    """Carries the turn's place and its question."""
    changed = Signal()
    """What is to be kept of the conversation is other than before."""
    not_attached = Signal(object)
    not_held = Signal(object)
    """The engine could not keep to the labels or the schema, and why."""
    shown = Signal()
    """Other answers are shown than before."""
    rated = Signal(int, object)
    """Carries the turn's place and the verdict on its answer."""

    def __init__(
        self, context: Context, engine: Chat, folder: Path, title: str, detail: str
    ) -> None:
        super().__init__(title)
        self._context = context
        self._engine = engine
        self.folder = folder
        self.model: LoadedModel | None = None
        self.transcript = Transcript(title)
        self._stream: Answer | None = None
        self._task: asyncio.Task[None] | None = None
        self._conversation = uuid.uuid4().hex
        self.views: list[TurnView] = []
        self._settings = ChatSettings()
        self._named = detail
        self.untuned = False
        self.borrowed: str | None = None
        """The template of the tuned model next to it, by which a base model is asked."""
        self.detail.setText(detail)
        self.adapters = AdapterChoice(context.theme)
        close = Button(context.theme, self.tr("Remove this model"), kind="icon", icon="close")
        close.clicked.connect(self.removed)
        self.header.addWidget(close)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._area.viewport().setAutoFillBackground(False)
        self._area.installEventFilter(self)
        holder = QWidget()
        self._turns = QVBoxLayout(holder)
        self._turns.setContentsMargins(0, 0, 6, 0)
        self._turns.setSpacing(4)
        self._head = QVBoxLayout()
        self._turns.addLayout(self._head)
        self._turns.addStretch(1)
        self._area.setWidget(holder)
        # The scroll area makes its widget paint the window's ground; the card should show through.
        holder.setAutoFillBackground(False)
        self.body.addWidget(self.adapters)
        self.body.addWidget(self._area, 1)
        self._draw_timer = QTimer(self)
        self._draw_timer.setSingleShot(True)
        self._draw_timer.setInterval(_DRAW_MS)
        self._draw_timer.timeout.connect(self._draw_last)
        bar = self._area.verticalScrollBar()
        self._follow_end = True
        bar.valueChanged.connect(self._scrolled)
        bar.rangeChanged.connect(self._keep_at_end)
        self.load()

    @property
    def busy(self) -> bool:
        """Whether an answer is on its way."""
        return self._task is not None

    def load(self) -> None:
        """Load the model; an error offers to try again."""
        clear(self._head)
        self._head.addWidget(Skeleton(self._context.theme, 2))
        self.detail.setText(self.tr("loading…"))
        self._context.tasks.run(
            self._engine.load(self.folder), self._on_loaded, self._on_not_loaded
        )

    def ask(self, ask: Ask, settings: ChatSettings, depth: int | None = None) -> None:
        """Put a question, as the turn *depth* where one is named: what was there and after it
        becomes another branch. Does nothing while an answer is on its way."""
        if self.busy:
            return
        self._settings = settings
        kept = self.transcript.turns
        self.transcript = replace(
            self.transcript.cut(min(depth if depth is not None else len(kept), len(kept))),
            system=settings.system,
        )
        self._show_turns()
        view = self._add_view(Turn(ask, adapter=self.adapters.name))
        self._follow_end = True
        self._task = self._context.tasks.run(self._answer(view), None, partial(self._refuse, view))
        self.busy_changed.emit()

    def take(self, transcript: Transcript) -> None:
        """Show another conversation, to go on with it."""
        self.stop()
        self.transcript = replace(transcript, model=self.transcript.model)
        self._conversation = uuid.uuid4().hex
        self._show_turns()

    def _show_turns(self) -> None:
        """Draw the turns of the transcript; what is drawn already stays."""
        turns = self.transcript.turns
        same = 0
        for view, turn in zip(self.views, turns, strict=False):
            if view.turn != turn:
                break
            same += 1
        for view in self.views[same:]:
            view.hide()
            view.deleteLater()
        del self.views[same:]
        for turn in turns[same:]:
            self._add_view(turn)
        self._show_branches()

    def _show_branches(self) -> None:
        path = self.transcript.path
        for depth, view in enumerate(self.views):
            view.set_last(depth == len(self.views) - 1)
            if depth < len(path):
                others = self.transcript.branches(depth)
                view.show_branches(others.index(path[depth]), len(others))
        self.shown.emit()

    def _add_view(self, turn: Turn) -> TurnView:
        depth = len(self.views)
        view = TurnView(self._context.theme, turn)
        view.regenerate_wanted.connect(self.regenerate)
        view.edit_wanted.connect(lambda: self.edit_wanted.emit(depth, view.turn.ask))
        view.branch_wanted.connect(partial(self._switch, depth))
        view.rated.connect(partial(self.rated.emit, depth))
        self.views.append(view)
        self._turns.insertWidget(self._turns.count() - 1, view)
        self._show_branches()
        view.fit(self._room)
        return view

    def _switch(self, depth: int, step: int) -> None:
        if not self.busy:
            self.transcript = self.transcript.switched(depth, step)
            self._follow_end = False
            self._show_turns()
            self.changed.emit()

    def stop(self) -> None:
        """End the answer where it is."""
        if self._stream is not None:
            self._stream.stop()
            view = self.views[-1]
            view.turn = replace(view.turn, stopped_by_user=True)
        if self._task is not None:
            self._task.cancel()

    def regenerate(self) -> None:
        """Ask the last question again."""
        if not self.busy and self.views:
            depth = len(self.views) - 1
            self.ask(self.views[depth].turn.ask, self._settings, depth)

    def let_go(self) -> None:
        """End what is going on and free the model."""
        self.stop()
        self._context.tasks.run(self._engine.unload(self.folder), None, lambda _: None)

    def attach(self, adapter: Path, wanted: str) -> None:
        """Put the adapter in a folder next to the model's others, and let it answer."""
        name = self.adapters.free_name(wanted)
        self.adapters.add.setEnabled(False)

        def done(names: tuple[str, ...]) -> None:
            self.adapters.add.setEnabled(True)
            self.adapters.show_names(names, name)
            self.adapters.choose(name)

        def failed(error: UserFacingError) -> None:
            self.adapters.add.setEnabled(True)
            self.not_attached.emit(error)

        self._context.tasks.run(self._engine.attach(self.folder, adapter, name), done, failed)

    async def _answer(self, view: TurnView) -> None:
        settings, ask = self._settings, view.turn.ask
        try:
            self._stream = self._begin(ask, settings)
            async for piece in self._stream:
                view.turn = replace(view.turn, answer=view.turn.answer + piece)
                if not self._draw_timer.isActive():
                    self._draw_timer.start()
            view.turn = replace(view.turn, figures=self._stream.figures)
        finally:
            self._stream = None
            self._task = None
            self._draw_timer.stop()
            view.show_turn(view.turn, busy=False)
            if view.turn.answer or view.turn.figures:
                self.transcript = self.transcript.added(view.turn)
                self._show_branches()
                self.changed.emit()
            self.busy_changed.emit()

    def _begin(self, ask: Ask, settings: ChatSettings) -> Answer:
        return self.answer_to(self.transcript, ask, settings, self._conversation)

    def answer_to(
        self, before: Transcript, ask: Ask, settings: ChatSettings, conversation: str = ""
    ) -> Answer:
        """Begin the answer to *ask* after what was said *before*: by the training's template, as a
        conversation, or as bare text."""
        held = settings.held
        options: dict[str, Any] = {
            "sampling": settings.sampling,
            "max_tokens": settings.max_tokens,
        }
        if held.labels is not None:
            options["labels"] = held.labels
        if held.schema is not None:
            options["schema"] = held.schema
        if self.adapters.chosen is not None:
            options["adapter"] = self.adapters.chosen
        values = self._values(ask)
        if self.borrowed and ask.values:
            prompt = parse_template(self.borrowed, "prompt").render(dict(ask.values))
            return self._engine.answer(self.folder, prompt=prompt, **options)
        if values:
            return self._engine.answer(self.folder, values=values, **options)
        if conversation:
            options["conversation"] = conversation
        return self._engine.answer(self.folder, messages=before.messages(ask), **options)

    @property
    def holds_conversations(self) -> bool:
        """Whether it is asked by messages, not by a template."""
        return self.borrowed is None and (self.model is None or self.model.is_conversation)

    def question(self, before: Transcript, ask: Ask) -> Question:
        """What :meth:`answer_to` asks; the prompt of a conversation is not rendered yet."""
        template = self.borrowed if self.borrowed and ask.values else None
        values = dict(ask.values)
        if template is None and (own := self._values(ask)) and self.model is not None:
            values, template = dict(own), (self.model.template or {}).get("prompt")
        if template is not None:
            return Question(parse_template(template, "prompt").render(values))
        return Question("", messages_of(before.messages(ask)))

    def question_at(self, depth: int) -> Question:
        """What the turn *depth* of those that are shown answers."""
        return self.question(self.transcript.cut(depth), self.views[depth].turn.ask)

    def _refuse(self, view: TurnView, error: UserFacingError) -> None:
        view.show_error(error)
        if error.code in _HELD_CODES:
            self.not_held.emit(error)

    def _values(self, ask: Ask) -> Mapping[str, str]:
        """The columns of the model's template; empty for a model that holds conversations.

        Next to a model of another kind the question is free text: it fills a single column.
        """
        if self.model is None or self.model.is_conversation:
            return {}
        if ask.values:
            return ask.values
        return {self.model.columns[0]: ask.text} if len(self.model.columns) == 1 else {}

    def _draw_last(self) -> None:
        if self.views and self.isVisible():
            self.views[-1].show_turn(self.views[-1].turn, busy=self.busy)

    def _on_loaded(self, model: LoadedModel) -> None:
        if not isValid(self):
            return  # it was removed meanwhile
        self.model = model
        self.adapters.show_names(model.adapters, model.adapter)
        clear(self._head)
        parts = [self._named, words.size(model.bytes)]
        self.detail.setText(" · ".join(part for part in parts if part))
        self.loaded.emit()

    def _on_not_loaded(self, error: UserFacingError) -> None:
        if not isValid(self):
            return
        clear(self._head)
        self.detail.setText(self._named)
        state = ErrorState(self._context.theme, error)
        again = Button(self._context.theme, self.tr("Try again"), kind="link")
        again.clicked.connect(self.load)
        state.callout.buttons.addWidget(again)
        self._head.addWidget(state)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and watched is self._area:
            for view in self.views:
                view.fit(self._room)
        return False

    @property
    def _room(self) -> int:
        """Width of a turn, in pixels."""
        bar = self._area.verticalScrollBar().sizeHint().width()
        inside = self._turns.contentsMargins()
        return self._area.width() - inside.left() - inside.right() - bar

    def _scrolled(self, value: int) -> None:
        self._follow_end = value >= self._area.verticalScrollBar().maximum() - 8

    def _keep_at_end(self, low: int, high: int) -> None:
        if self._follow_end:
            self._area.verticalScrollBar().setValue(high)
