"""The page Model: the catalogue and local folders, against what this machine has."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QVBoxLayout,
    QWidget,
)

from phi3studio.domain.errors import UserFacingError
from phi3studio.domain.estimation.estimate import is_large
from phi3studio.gui.base_model_list import BaseModel, all_models, folder_model
from phi3studio.gui.context import Context
from phi3studio.gui.downloads import Downloader
from phi3studio.gui.pages.wizard.adapter_line import AdapterLine
from phi3studio.gui.pages.wizard.session import WizardSession
from phi3studio.gui.tasks import Latest, in_thread
from phi3studio.gui.texts import words
from phi3studio.gui.texts.fit_words import fit_words, need_words
from phi3studio.gui.texts.messages import explain_error
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import Button, Callout, Card, Icon, clear, label, row, set_role
from phi3studio.gui.widgets.dialogs.file_dialogs import choose_folder
from phi3studio.gui.widgets.download_bar import DownloadButtons, DownloadProgress
from phi3studio.gui.widgets.in_turns import InTurns
from phi3studio.gui.widgets.search import SearchField
from phi3studio.gui.widgets.states import ErrorState
from phi3studio.wizard.flow import MachineFacts, with_model
from phi3studio.wizard.machine_fit import fit


class ChoiceCard(Card):
    """A card that is one of several choices: by mouse, Space or Enter."""

    chosen = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setProperty("choice", True)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(
            event.position().toPoint()
        ):
            self.chosen.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in {Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self.chosen.emit()
            return
        super().keyPressEvent(event)


class _ModelCard(ChoiceCard):
    """One base model: what it is, where it is, whether it fits; downloaded from here."""

    def __init__(
        self, theme: Theme, model: BaseModel, machine: MachineFacts | None, downloader: Downloader
    ) -> None:
        super().__init__()
        self.model = model
        line = QHBoxLayout()
        line.setSpacing(12)
        self._mark = Icon(theme, "models", "muted", 22)
        line.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignTop)
        text = QVBoxLayout()
        text.setSpacing(3)
        text.addWidget(label(model.title, "cardTitle"))
        facts = []
        if model.parameters:
            facts.append(words.parameters(model.parameters))
        if model.context:
            facts.append(self.tr("{n} tokens of context").format(n=words.count(model.context)))
        if model.licence:
            facts.append(self.tr("licence {name}").format(name=model.licence))
        text.addWidget(label(" · ".join(facts) or model.source, "muted", wrap=True))
        if model.parameters:
            text.addWidget(label(words.good_for(model.parameters), "small", wrap=True))
        self._place = label(self._availability(model), "small", wrap=True)
        text.addWidget(self._place)
        text.addWidget(DownloadProgress(model, downloader))
        line.addLayout(text, 1)
        verdict = QVBoxLayout()
        verdict.setSpacing(3)
        self._said, self._why = label(""), label("", "small")
        self._why.setAlignment(Qt.AlignmentFlag.AlignRight)
        for part in (self._said, self._why):
            verdict.addWidget(part, 0, Qt.AlignmentFlag.AlignRight)
        self.fetching = DownloadButtons(theme, model, downloader)
        verdict.addWidget(self.fetching, 0, Qt.AlignmentFlag.AlignRight)
        verdict.addStretch(1)
        line.addLayout(verdict)
        self.body.addLayout(line)
        self._named = f"{model.title}. {' '.join(facts)}."
        self.show_fit(machine)

    def show_fit(self, machine: MachineFacts | None) -> None:
        """Say whether the model fits this computer."""
        said = why = ""
        if machine is not None and self.model.size is not None:
            found = fit(self.model.size, machine.free_memory)
            said, role = fit_words(found.level)
            set_role(self._said, role)
            why = need_words(found)
        self._said.setText(said)
        self._why.setText(why)
        self._why.setToolTip(self._memory_of_merge(self.model))
        self.setAccessibleName(f"{self._named} {said} {why}")

    def set_chosen(self, chosen: bool) -> None:
        super().set_chosen(chosen)
        self._mark.show_icon("check" if chosen else "models", "accent_text" if chosen else "muted")

    def _memory_of_merge(self, model: BaseModel) -> str:
        """Why a model may need more memory than a larger one."""
        if model.size is None:
            return ""
        if is_large(model.size):
            return self.tr(
                "Models of a billion parameters and more are merged and quantised layer by layer."
            )
        return self.tr(
            "Models below a billion parameters are merged whole and in full precision, which can "
            "take more memory than a larger one layer by layer."
        )

    def _availability(self, model: BaseModel) -> str:
        if model.problem is not None:
            said = explain_error(model.problem)
            return said.message
        if model.installed:
            return self.tr("on this computer")
        if model.download_first:
            parts = [self.tr("not on this computer")]
            if model.gated:
                parts.append(
                    self.tr("its owner asks to accept the licence first: sign in under Settings")
                )
            return ", ".join(parts)
        if not model.download_bytes:
            return self.tr("comes with the program")
        return self.tr("not on this computer yet: a run downloads it, {size} from {host}").format(
            size=words.size(model.download_bytes), host=model.host
        )


class ModelPage(QWidget):
    """Choose the base model."""

    def __init__(self, context: Context, session: WizardSession, downloader: Downloader) -> None:
        super().__init__()
        self._context = context
        self._session = session
        self._list_question = Latest(context.tasks, self)
        self._cards: list[_ModelCard] = []
        self._turns = InTurns(self)
        self._catalogue: list[BaseModel] = []
        self._downloader = downloader
        downloader.moved.connect(self._clear_trouble)
        downloader.ended.connect(self._on_downloaded)
        downloader.failed.connect(self._on_not_downloaded)
        self._folder: BaseModel | None = None
        theme = context.theme
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(14)
        self.search = SearchField(theme, self.tr("Search models"), 280)
        self.search.textChanged.connect(self._filter)
        folder = Button(theme, self.tr("Use a model folder…"), icon="folder")
        folder.clicked.connect(self._choose_folder)
        self.adapter = AdapterLine(context, session)
        layout.addLayout(row(self.search, 1, self.adapter.button, folder))
        layout.addWidget(self.adapter)
        self._trouble = QVBoxLayout()
        layout.addLayout(self._trouble)
        self._notes = QVBoxLayout()
        layout.addLayout(self._notes)
        self._list = QVBoxLayout()
        self._list.setSpacing(10)
        layout.addLayout(self._list)
        self._nothing = label(self.tr("No model matches the search."), "muted")
        self._nothing.hide()
        layout.addWidget(self._nothing)
        layout.addStretch(1)
        session.changed.connect(self._draw)
        session.machine_seen.connect(self._judge)
        self._look()

    def _look(self) -> None:
        self._list_question.ask(
            lambda: in_thread(all_models, self._context.home), self._listed, self._on_not_downloaded
        )

    def _clear_trouble(self) -> None:
        if self._trouble.count():
            clear(self._trouble)

    def _on_downloaded(self) -> None:
        self._session.ask_model()
        self._look()

    def _on_not_downloaded(self, error: UserFacingError) -> None:
        clear(self._trouble)
        self._trouble.addWidget(ErrorState(self._context.theme, error))

    def use_folder(self, folder: str) -> None:
        """Take a folder in Hugging Face format."""

        def known(model: BaseModel) -> None:
            self._folder = model
            self._build()
            self._session.take(with_model(self._session.draft, model.source))

        self._context.tasks.run(asyncio.to_thread(folder_model, Path(folder)), known)

    def _choose_folder(self) -> None:
        choose_folder(self, self.tr("Choose a model folder"), self.use_folder)

    def _listed(self, models: list[BaseModel]) -> None:
        self._catalogue = models
        self._build()

    def _build(self) -> None:
        base = self._session.base
        if (
            self._folder is None
            and base is not None
            and self._session.draft.model
            and all(base.source != m.source for m in self._catalogue)
        ):
            self._folder = base
        clear(self._list)
        self._cards = []
        self._draw()
        self._turns.begin(self._build_cards())

    def _build_cards(self) -> Iterator[object]:
        for model in ([self._folder] if self._folder else []) + self._catalogue:
            machine = self._session.facts.machine
            card = _ModelCard(self._context.theme, model, machine, self._downloader)
            card.chosen.connect(partial(self._choose, model.source))
            card.fetching.begin.clicked.connect(partial(self._choose, model.source))
            card.set_chosen(model.source == self._session.draft.model)
            self._cards.append(card)
            self._list.addWidget(card)
            self._filter()
            yield card

    def _judge(self) -> None:
        for card in self._cards:
            card.show_fit(self._session.facts.machine)

    def _choose(self, source: str) -> None:
        self._session.take(with_model(self._session.draft, source))

    def _filter(self) -> None:
        text = self.search.text().casefold().split()
        seen = False
        for card in self._cards:
            about = f"{card.model.title} {card.model.source} {card.model.licence}".casefold()
            fits = all(word in about for word in text)
            card.setVisible(fits)
            seen = seen or fits
        self._nothing.setVisible(bool(text) and not seen)

    def _draw(self) -> None:
        for card in self._cards:
            card.set_chosen(card.model.source == self._session.draft.model)
        clear(self._notes)
        for problem in self._session.problems("model"):
            said = explain_error(problem.says)
            note = Callout(self._context.theme, problem.level, said.message, said.hint)
            if problem.code == "draft.model_missing":
                cloud = Button(self._context.theme, self.tr("Train in Azure ML"), kind="link")
                cloud.setToolTip(self.tr("The job downloads the model itself."))
                cloud.clicked.connect(self._session.use_azure)
                note.buttons.addWidget(cloud)
            self._notes.addWidget(note)
