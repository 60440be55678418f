"""The chat: one prompt to one or several models side by side."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from phi3studio.domain.errors import UserFacingError
from phi3studio.gui.context import Context
from phi3studio.gui.pages.chat.adapter_menu import AdapterMenu, fitting
from phi3studio.gui.pages.chat.chat_list import ChatList
from phi3studio.gui.pages.chat.example_bar import ExampleBar
from phi3studio.gui.pages.chat.model_column import ModelColumn
from phi3studio.gui.pages.chat.model_menu import ModelMenu
from phi3studio.gui.pages.chat.prompt import PromptBar
from phi3studio.gui.pages.chat.rating.rating_tools import RatingTools
from phi3studio.gui.pages.chat.sampling_panel import SamplingPanel
from phi3studio.gui.pages.chat.save_button import SaveButton
from phi3studio.gui.pages.chat.untuned_base import Base, BaseColumn, Begin
from phi3studio.gui.pages.home.run_entries import RunEntry
from phi3studio.gui.pages.home.runs_model import RunsModel
from phi3studio.gui.widgets.basic import Button, clear
from phi3studio.gui.widgets.page_frame import Page
from phi3studio.gui.widgets.states import EmptyState, ErrorState
from phi3studio.runs.shown.chats import ChatShelf, KeptChat, new_name
from phi3studio.runs.shown.example_questions import example_questions
from phi3studio.runs.shown.run_labels import run_labels
from phi3studio.runs.shown.transcript import Ask, Transcript
from phi3studio.runs.store import RunFolder
from phi3studio.services.chat_client import Chat

_MOST = 3
_LEAST_COLUMN = 300
_ROOMY, _NARROW = 1000, 760
"""Width of the page from which all buttons have words, or all but two, in any language."""


class ChatPage(Page):
    """Wires prompt, settings and model columns."""

    def __init__(self, context: Context, engine: Chat, runs: RunsModel, begin: Begin) -> None:
        super().__init__(self.tr("Chat"), scroll=False)
        self._context = context
        self._engine = engine
        self._runs = runs
        self._columns: list[ModelColumn] = []
        self._run_of: dict[ModelColumn, RunFolder] = {}
        self._labels: dict[RunFolder, tuple[str, ...]] = {}
        self._begin = begin
        self._waiting: BaseColumn | None = None
        self._shelf = ChatShelf(context.store)
        self._chat = new_name()
        self._saving = asyncio.Lock()
        self._depth: int | None = None
        theme = context.theme
        self._new = Button(theme, self.tr("New chat"), icon="chat")
        self._new.clicked.connect(self.begin_anew)
        self._list_button = Button(theme, self.tr("Chats"), kind="icon", icon="clock")
        self._list_button.setCheckable(True)
        self._list_button.setChecked(True)
        self._add = Button(theme, self.tr("Add model"), icon="plus")
        self.models = ModelMenu(self, runs, self._here, self._bases)
        self.models.run_chosen.connect(self.add_run)
        self.models.base_chosen.connect(self.add_base)
        self.models.folder_chosen.connect(lambda folder: self.add_model(folder, folder.name))
        self._add.setMenu(self.models)
        self._settings_button = Button(theme, self.tr("Settings"), icon="settings")
        self._settings_button.setCheckable(True)
        self.save = SaveButton(theme, lambda: [column.transcript for column in self._columns])
        self.save.ended.connect(self._show_note)
        self.rating = RatingTools(context, engine, self, self._title_of)
        self.rating.noted.connect(self._show_note)
        self.rating.failed.connect(self._show_trouble)
        self.rating.compare.clicked.connect(self._compare_blind)
        self.rating.view.ended.connect(self._tell_who_was_who)
        self.rating.view.state_changed.connect(self._draw)
        for button in (
            self._list_button,
            self._new,
            self._add,
            self._settings_button,
            self.rating.compare,
            self.rating.list,
            self.save,
        ):
            self.buttons.addWidget(button)
        self._notes = QVBoxLayout()
        self.content.addLayout(self._notes)
        self._middle = QHBoxLayout()
        self._middle.setSpacing(14)
        self.list = ChatList(context, self._shelf)
        self.list.opened.connect(self.reopen)
        self.list.deleted.connect(self._on_deleted)
        self.list.failed.connect(self._show_trouble)
        self._list_button.toggled.connect(self._fit_list)
        self._middle.addWidget(self.list)
        self._sides = QHBoxLayout()
        self._sides.setSpacing(14)
        self._middle.addLayout(self._sides, 1)
        self._sides.addWidget(self.rating.view, 1)
        self._panel = SamplingPanel(theme)
        self._panel.answer.changed.connect(self._draw)
        self._panel.changed.connect(self._draw)
        self._panel_area = QScrollArea()
        self._panel_area.setWidgetResizable(True)
        self._panel_area.setFixedWidth(310)
        self._panel_area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._panel_area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._panel_area.setWidget(self._panel)
        self._panel_area.hide()
        self._settings_button.toggled.connect(self._panel_area.setVisible)
        self._settings_button.toggled.connect(self._fit_settings)
        self._middle.addWidget(self._panel_area)
        self.content.addLayout(self._middle, 1)
        self._empty = EmptyState(
            theme,
            "chat",
            self.tr("Talk to a model"),
            self.tr("Choose one of your finished runs, or a folder with an exported model."),
        )
        self._choose = Button(theme, self.tr("Choose a model"), kind="primary", icon="models")
        self._choose.setMenu(self.models)
        self._empty.add_action(self._choose)
        self._sides.addWidget(self._empty, 1)
        self._prompt = PromptBar(theme)
        self._prompt.asked.connect(self.ask)
        self._prompt.stop_wanted.connect(self._stop)
        self._prompt.edit_cancelled.connect(self._cancel_edit)
        self._examples = ExampleBar(theme)
        self._examples.asked.connect(self.ask)
        self.content.addWidget(self._examples)
        self.content.addWidget(self._prompt)
        self.rating.view.chosen.connect(self._prompt.focus)
        self._draw()

    @property
    def settings_panel(self) -> SamplingPanel:
        """The panel next to the models."""
        return self._panel

    @property
    def columns(self) -> list[ModelColumn]:
        """The models that take part."""
        return list(self._columns)

    def begin_anew(self) -> None:
        """A new chat with the same models; what was said so far is kept."""
        self.rating.view.end()
        self._stop()
        self._cancel_edit()
        self._chat = new_name()
        for column in self._columns:
            column.take(Transcript(""))
        self.list.hide_undo()
        self._draw()
        self._prompt.focus()

    def reopen(self, chat: KeptChat) -> None:
        """Go on with a chat that was had before, with the models that took part."""
        if chat.name == self._chat and self._columns:
            self._prompt.focus()
            return
        self.rating.view.end()
        self._stop()
        self._cancel_edit()
        sides = {side.model: side for side in self.list.of_name(chat.name)[:_MOST]}
        for column in [c for c in self._columns if c.folder not in sides]:
            self._remove(column)
        # The removal of the last one has begun a chat of its own.
        self._chat = chat.name
        runs = {entry.run.model: entry.run for entry in self._runs.entries()}
        for model, side in sides.items():
            found = next((c for c in self._columns if c.folder == model), None)
            if found is None and model in runs:
                found = self.add_run(runs[model])
            elif found is None:
                found = self.add_model(model, side.transcript.model)
            if found is not None:
                found.take(side.transcript)
        self._draw()
        self._prompt.focus()

    def _on_deleted(self, chat: KeptChat) -> None:
        if chat.name == self._chat:
            self.begin_anew()

    def _fit_list(self, shown: bool) -> None:
        self.list.setVisible(shown)
        if shown and not self._both_fit():
            self._settings_button.setChecked(False)

    def _fit_settings(self, shown: bool) -> None:
        if shown and not self._both_fit():
            self._list_button.setChecked(False)

    def _both_fit(self) -> bool:
        both = self._list_button.isChecked() and self._settings_button.isChecked()
        taken = (ChatList.WIDTH if self._list_button.isChecked() else 0) + (324 if both else 0)
        sides = len(self._columns) + (self._waiting is not None)
        return self.width() - taken >= _LEAST_COLUMN * max(1, sides)

    def _make_room(self) -> None:
        """Before something is shown that has no room: the window would grow beyond the screen."""
        if not self._both_fit():
            self._list_button.setChecked(False)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._make_room()
        for button, least in (
            (self._settings_button, _ROOMY),
            (self.rating.compare, _ROOMY),
            (self._new, _NARROW),
            (self._add, _NARROW),
            (self.save, _NARROW),
        ):
            said = button.accessibleName() if self.width() >= least else ""
            button.setText(said)
            button.setToolTip("" if said else button.accessibleName())

    def add_run(self, run: RunFolder) -> ModelColumn | None:
        """Talk to the model of a run; ``None`` where it takes part already."""
        if any(column.folder == run.model for column in self._columns):
            return None
        entry = self._runs.entry(run)
        detail = ""
        if entry is not None and entry.recipe is not None:
            target = entry.recipe.target
            detail = f"{target.quantisation} · {target.provider.upper()}"
        column = self.add_model(run.model, entry.title if entry else run.name, detail)
        self._run_of[column] = run
        self._offer_labels(run)
        return column

    def _offer_labels(self, run: RunFolder) -> None:
        """Let the answers be held to the labels that the run was trained on."""

        def known(labels: Sequence[str]) -> None:
            self._labels[run] = tuple(labels)
            self._offer()

        self._context.tasks.run(asyncio.to_thread(run_labels, run), known)

    def _offer(self) -> None:
        """Offer the labels of the tuned models that take part, where they are the same for all."""
        runs = [self._run_of.get(column) for column in self._columns if not column.untuned]
        found = {self._labels.get(run, ()) if run is not None else () for run in runs}
        self._panel.answer.offer(found.pop() if len(found) == 1 else ())

    def add_base(self, base: Base) -> None:
        """Talk to a base model next to the tuned ones; offers to export it if it never was."""
        found = base.find(self._runs.entries())
        if found is not None and not found.live:
            self._add_exported_base(base, found.run)
            return
        self._drop_waiting()
        while len(self._columns) >= _MOST:
            self._remove(self._columns[-1])
        waiting = self._waiting = BaseColumn(self._context, base, self._begin)
        waiting.ready.connect(lambda run: self._add_exported_base(base, run))
        waiting.removed.connect(self._drop_waiting)
        self._make_room()
        self._sides.addWidget(waiting, 1)
        if found is not None:
            waiting.follow(found.run)
        self._draw()

    def _add_exported_base(self, base: Base, run: RunFolder) -> None:
        self._drop_waiting()
        if any(column.folder == run.model for column in self._columns):
            return
        target = base.recipe.target
        title = self.tr("Base: {name}").format(name=base.title)
        kind = f"{target.quantisation} · {target.provider.upper()}"
        column = self.add_model(run.model, title, self.tr("untuned") + f" · {kind}")
        column.untuned = True
        self._run_of[column] = run
        # So that it is found when it is asked for again.
        self._runs.refresh()

    def _drop_waiting(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.let_go()
            self._sides.removeWidget(waiting)
            waiting.hide()
            waiting.deleteLater()
            self._draw()

    def _here(self) -> set[Path]:
        return {column.folder for column in self._columns}

    def _bases(self) -> list[Base]:
        """The base models of the tuned ones that take part, each once."""
        bases: dict[str, Base] = {}
        for column in self._columns:
            run = self._run_of.get(column)
            entry = self._runs.entry(run) if run is not None else None
            if entry is not None and entry.recipe is not None and not column.untuned:
                base = Base.of(entry.recipe)
                bases.setdefault(base.title, base)
        return list(bases.values())

    def add_model(self, folder: Path, title: str, detail: str = "") -> ModelColumn:
        """Talk to the model in *folder*."""
        while len(self._columns) >= _MOST:
            self._remove(self._columns[-1])
        column = ModelColumn(self._context, self._engine, folder, title, detail)
        column.loaded.connect(self._draw)
        column.busy_changed.connect(self._draw)
        column.removed.connect(lambda: self._remove(column))
        column.edit_wanted.connect(self._edit)
        column.changed.connect(lambda: self._keep(column))
        column.not_held.connect(self._panel.answer.refuse)
        column.adapters.add_wanted.connect(lambda: self._offer_adapters(column))
        column.not_attached.connect(self._show_trouble)
        self.rating.follow(column)
        self._columns.append(column)
        self._make_room()
        self._sides.addWidget(column, 1)
        self._draw()
        return column

    def entered(self) -> None:
        self._runs.refresh()
        self.list.look()
        self.rating.desk.look()
        self._prompt.focus()
        if self._waiting is not None:
            self._waiting.wake()

    def left(self) -> None:
        self.list.hide_undo()
        if self._waiting is not None:
            self._waiting.let_go()

    def take_dropped(self, paths: list[str]) -> bool:
        folder = Path(paths[0])
        if not folder.is_dir():
            return False
        self.add_model(folder, folder.name)
        return True

    def show_settings(self, shown: bool) -> None:
        """Open or close the panel."""
        self._settings_button.setChecked(shown)

    def adapters_for(self, column: ModelColumn) -> list[RunEntry]:
        """The runs whose adapter fits the model of *column*, as far as their recipes tell."""
        run = self._run_of.get(column)
        own = self._runs.entry(run) if run is not None else None
        return fitting(own, self._runs.entries()) if own is not None else []

    def _offer_adapters(self, column: ModelColumn) -> None:
        menu = AdapterMenu(column, self.adapters_for(column))
        menu.popup(column.adapters.add.mapToGlobal(column.adapters.add.rect().bottomLeft()))

    def _show_trouble(self, error: UserFacingError) -> None:
        self._show_note(ErrorState(self._context.theme, error))

    def _show_note(self, note: QWidget) -> None:
        clear(self._notes)
        self._notes.addWidget(note)

    def _title_of(self, model: str) -> str:
        """What a model of the ratings is called."""
        entry = self._runs.entry(RunFolder(self._context.home.runs / model))
        return entry.title if entry is not None else Path(model).name

    def _tell_who_was_who(self, result: QWidget | None) -> None:
        if result is not None:
            self._show_note(result)
        self._draw()
        self._prompt.focus()

    def _compare_blind(self, wanted: bool) -> None:
        self._stop()
        self._cancel_edit()
        clear(self._notes)
        if wanted:
            self.rating.view.begin([c for c in self._columns if c.model is not None])
        else:
            self.rating.view.end()
        self._prompt.focus()

    def _remove(self, column: ModelColumn) -> None:
        self.rating.view.end()
        column.let_go()
        self._columns.remove(column)
        self._run_of.pop(column, None)
        self._offer()
        self._sides.removeWidget(column)
        column.hide()
        column.deleteLater()
        if not self._columns:
            self._cancel_edit()
            self._chat = new_name()
        self._draw()

    def ask(self, ask: Ask) -> None:
        """Put a question to every model that is loaded."""
        clear(self._notes)
        depth = self._depth
        self._cancel_edit()
        if self.rating.view.active:
            self.rating.view.ask(ask, self._panel.settings)
            return
        for column in self._columns:
            if column.model is not None:
                column.ask(ask, self._panel.settings, depth)

    def _edit(self, depth: int, ask: Ask) -> None:
        self._depth = depth
        self._prompt.put(ask)
        self._prompt.edit(True)

    def _cancel_edit(self) -> None:
        if self._depth is not None:
            self._depth = None
            self._prompt.put(Ask())
            self._prompt.edit(False)

    def _stop(self) -> None:
        self.rating.view.stop()
        for column in self._columns:
            column.stop()

    def _keep(self, column: ModelColumn) -> None:
        """Keep what was said to the model."""
        name, folder, transcript = self._chat, column.folder, column.transcript

        async def keep() -> None:
            # One after the other: the last to be written is the newest.
            async with self._saving:
                # It may fail without disturbing the chat: saving by hand reports errors.
                with contextlib.suppress(OSError):
                    await asyncio.to_thread(self._shelf.write, name, folder, transcript)

        self._context.tasks.run(keep(), lambda _: self.list.look())

    def _draw(self) -> None:
        self._empty.setVisible(not self._columns and self._waiting is None)
        self._prompt.setVisible(bool(self._columns))
        self._add.setVisible(bool(self._columns))
        self._settings_button.setVisible(bool(self._columns))
        self._add.setEnabled(len(self._columns) < _MOST)
        said = any(column.transcript.turns for column in self._columns)
        self.save.setVisible(said)
        self._new.setVisible(said)
        self.list.show_current(self._chat if said else "", (c.folder for c in self._columns))
        ready = [column for column in self._columns if column.model is not None]
        tuned = [column for column in ready if not column.untuned]
        form = [c.model for c in tuned if c.model is not None and not c.model.is_conversation]
        template = ""
        if form and len(form) == len(tuned) and len({m.columns for m in form}) == 1:
            template = (form[0].template or {}).get("prompt", "")
            self._prompt.show_form(form[0].columns, template)
        else:
            self._prompt.show_form((), "")
        for column in ready:
            # Asked as the tuned model is, or the comparison would say nothing.
            column.borrowed = template if column.untuned and template else None
        self._show_examples(template)
        blind = self.rating.view
        for column in self._columns:
            column.setVisible(not blind.active)
        # After them: all at once, for a moment, they would widen the window.
        blind.setVisible(blind.active)
        self.rating.compare.setVisible(bool(ready))
        self.rating.compare.setChecked(blind.active)
        held = self._panel.answer.held if self._panel.valid else None
        self._prompt.say_held(
            self._panel.answer.said
            if held is not None
            else self.tr("Something under Settings is not right yet.")
        )
        self._prompt.set_state(
            ready=bool(ready) and held is not None and (blind.ready or not blind.active),
            busy=blind.busy or any(column.busy for column in self._columns),
            models=min(2, len(ready)) if blind.active else len(ready),
        )

    def _show_examples(self, template: str) -> None:
        """Offer held-out rows while nothing was asked yet."""
        tuned = [column for column in self._columns if column in self._run_of]
        empty = all(not c.transcript.tree and not c.busy for c in self._columns)
        entry = self._runs.entry(self._run_of[tuned[0]]) if tuned else None
        ready = empty and entry is not None and tuned[0].model is not None
        self._examples.show_examples(
            example_questions(entry.view, template) if ready and entry is not None else ()
        )
