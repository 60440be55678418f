"""The page Model: the catalogue and local folders, against what this machine has."""

from __future__ import annotations

import asyncio
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from phi3studio.domain.fit import Fit, fit
from phi3studio.domain.flow import MachineFacts, with_model
from phi3studio.gui import words
from phi3studio.gui.context import Context
from phi3studio.gui.messages import explain
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import Button, Card, Finding, Icon, clear, label, row
from phi3studio.gui.wizard.bases import BaseModel, catalogue_models, folder_model
from phi3studio.gui.wizard.session import WizardSession


class ChoiceCard(Card):
    """A card that is one of several choices: by mouse, Space or Enter."""

    chosen = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setProperty("choice", True)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.pos()):
            self.chosen.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in {Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self.chosen.emit()
            return
        super().keyPressEvent(event)


class _ModelCard(ChoiceCard):
    def __init__(self, theme: Theme, model: BaseModel, machine: MachineFacts | None) -> None:
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
        text.addWidget(label(self._availability(model), "small", wrap=True))
        line.addLayout(text, 1)
        verdict = QVBoxLayout()
        verdict.setSpacing(3)
        said, why, role = self._fit(model, machine)
        verdict.addWidget(label(said, role), 0, Qt.AlignmentFlag.AlignRight)
        verdict.addWidget(label(why, "small"), 0, Qt.AlignmentFlag.AlignRight)
        verdict.addStretch(1)
        line.addLayout(verdict)
        self.body.addLayout(line)
        self.setAccessibleName(f"{model.title}. {' '.join(facts)}. {said} {why}")

    def set_chosen(self, chosen: bool) -> None:
        super().set_chosen(chosen)
        self._mark.show_icon("check" if chosen else "models", "accent_text" if chosen else "muted")

    def _availability(self, model: BaseModel) -> str:
        if model.missing:
            return model.missing
        if model.installed:
            return self.tr("on this computer")
        if model.download_bytes:
            size = words.size(model.download_bytes)
            said = self.tr("not on this computer yet: fetched when the run begins ({size})")
            return said.format(size=size)
        return self.tr("not on this computer")

    def _fit(self, model: BaseModel, machine: MachineFacts | None) -> tuple[str, str, str]:
        if machine is None or not model.parameters:
            return "", "", "muted"
        found: Fit = fit(model.parameters, machine)
        why = self.tr("needs about {need} of memory, {free} are free").format(
            need=words.size(found.need), free=words.size(found.free)
        )
        match found.level:
            case "fits":
                return "✓ " + self.tr("fits"), why, "good"
            case "tight":
                return "▲ " + self.tr("tight"), why, "warning"
            case _:
                return "✗ " + self.tr("does not fit"), why, "danger"


class ModelPage(QWidget):
    """Choose the base model."""

    def __init__(self, context: Context, session: WizardSession) -> None:
        super().__init__()
        self._context = context
        self._session = session
        self._cards: list[_ModelCard] = []
        self._catalogue: list[BaseModel] = []
        self._folder: BaseModel | None = None
        theme = context.theme
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(14)
        self._search = QLineEdit()
        self._search.setPlaceholderText(self.tr("Search models"))
        self._search.setAccessibleName(self.tr("Search models"))
        self._search.setClearButtonEnabled(True)
        self._search.setFixedWidth(280)
        self._search.textChanged.connect(self._filter)
        folder = Button(theme, self.tr("Use a model folder…"), icon="folder")
        folder.clicked.connect(self._choose_folder)
        layout.addLayout(row(self._search, 1, folder))
        self._notes = QVBoxLayout()
        layout.addLayout(self._notes)
        self._list = QVBoxLayout()
        self._list.setSpacing(10)
        layout.addLayout(self._list)
        self._nothing = label(self.tr("No model fits the search."), "muted")
        self._nothing.hide()
        layout.addWidget(self._nothing)
        layout.addStretch(1)
        session.changed.connect(self._draw)
        session.machine_seen.connect(lambda _: self._build())
        context.tasks.run(asyncio.to_thread(catalogue_models, context.home), self._listed)

    def use_folder(self, folder: str) -> None:
        """Take a folder in Hugging Face format."""

        def known(model: BaseModel) -> None:
            self._folder = model
            self._build()
            self._session.take(with_model(self._session.draft, model.source))

        self._context.tasks.run(asyncio.to_thread(folder_model, Path(folder)), known)

    def _choose_folder(self) -> None:
        dialog = QFileDialog(self, self.tr("Choose a model folder"))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.use_folder)
        dialog.open()

    def _listed(self, models: list[BaseModel]) -> None:
        self._catalogue = models
        self._build()

    def _build(self) -> None:
        base = self._session.base
        if (
            self._folder is None
            and base is not None
            and all(base.source != m.source for m in self._catalogue)
        ):
            self._folder = base
        clear(self._list)
        machine = self._session.facts.machine
        models = ([self._folder] if self._folder else []) + self._catalogue
        self._cards = [_ModelCard(self._context.theme, model, machine) for model in models]
        for card in self._cards:
            card.chosen.connect(
                lambda source=card.model.source: self._session.take(
                    with_model(self._session.draft, source)
                )
            )
            self._list.addWidget(card)
        self._filter()
        self._draw()

    def _filter(self) -> None:
        text = self._search.text().casefold().split()
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
            said = explain(problem.code, problem.message, problem.hint, problem.values)
            self._notes.addWidget(
                Finding(self._context.theme, problem.level, said.message, said.hint)
            )
