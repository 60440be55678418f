"""Models: what is on this computer, and how much room it takes."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout

from phi3studio.domain.errors import RunError, UserFacingError
from phi3studio.gui import words
from phi3studio.gui.context import Context
from phi3studio.gui.home.entries import read_entry
from phi3studio.gui.widgets.ask import Question
from phi3studio.gui.widgets.basic import Button, Card, Icon, clear, label
from phi3studio.gui.widgets.page import Page
from phi3studio.gui.widgets.states import EmptyState, ErrorState, Skeleton
from phi3studio.gui.wizard.bases import BaseModel, catalogue_models
from phi3studio.runs.files import folder_bytes
from phi3studio.runs.store import RunFolder


@dataclass(frozen=True)
class _Found:
    bases: list[tuple[BaseModel, Path, int]]
    tuned: list[tuple[RunFolder, str, str, int]]


class ModelsPage(Page):
    """Base models and the models of finished runs."""

    wizard_wanted = Signal(str)
    chat_wanted = Signal(object)

    def __init__(self, context: Context) -> None:
        super().__init__(self.tr("Models"))
        self._context = context
        use = Button(context.theme, self.tr("Fine-tune a model folder…"), icon="folder")
        use.clicked.connect(self._choose_folder)
        self.buttons.addWidget(use)
        self._trouble = QVBoxLayout()
        self.content.addLayout(self._trouble)
        self._list = QVBoxLayout()
        self._list.setSpacing(14)
        self.content.addLayout(self._list)
        self.content.addStretch(1)
        self._list.addWidget(Skeleton(context.theme, 4))

    def entered(self) -> None:
        self._context.tasks.run(asyncio.to_thread(self._look), self._draw, self._fail)

    def _look(self) -> _Found:
        models = self._context.home.models
        bases = []
        for model in catalogue_models(self._context.home):
            folder = models / model.source
            bases.append((model, folder, folder_bytes(folder) if folder.is_dir() else 0))
        tuned = []
        for run in self._context.store.all():
            if run.model.is_dir():
                entry = read_entry(run)
                target = entry.recipe.target if entry.recipe else None
                kind = f"{target.quantisation} · {target.provider.upper()}" if target else ""
                tuned.append((run, entry.title, kind, folder_bytes(run.model)))
        return _Found(bases, tuned)

    def _draw(self, found: _Found) -> None:
        clear(self._list)
        theme = self._context.theme
        self.set_subtitle(
            self.tr("{size} on this computer").format(
                size=words.size(sum(b[2] for b in found.bases) + sum(t[3] for t in found.tuned))
            )
        )
        self._list.addWidget(label(self.tr("Base models"), "cardTitle"))
        for model, folder, size in found.bases:
            self._list.addWidget(self._base(model, folder, size))
        self._list.addWidget(label(self.tr("Your tuned models"), "cardTitle"))
        for run, title, kind, size in found.tuned:
            self._list.addWidget(self._tuned(run, title, kind, size))
        if not found.tuned:
            self._list.addWidget(
                EmptyState(
                    theme,
                    "models",
                    self.tr("No tuned model yet"),
                    self.tr("Each finished run leaves its model here, ready for a chat."),
                )
            )

    def _base(self, model: BaseModel, folder: Path, size: int) -> Card:
        facts = [words.parameters(model.parameters)] if model.parameters else []
        if model.licence:
            facts.append(self.tr("licence {name}").format(name=model.licence))
        if size:
            facts.append(words.size(size))
        else:
            facts.append(
                self.tr("not on this computer yet: fetched when a run needs it ({size})").format(
                    size=words.size(model.download_bytes)
                )
            )
        card, line = self._card("models", model.title, " · ".join(facts))
        use = Button(self._context.theme, self.tr("Fine-tune"))
        use.clicked.connect(lambda: self.wizard_wanted.emit(model.source))
        line.addWidget(use)
        if size:
            self._add_folder_buttons(line, folder, model.title)
        return card

    def _tuned(self, run: RunFolder, title: str, kind: str, size: int) -> Card:
        card, line = self._card("chip", title, " · ".join((kind, words.size(size), run.name)))
        chat = Button(self._context.theme, self.tr("Chat"), icon="chat")
        chat.clicked.connect(lambda: self.chat_wanted.emit(run))
        line.addWidget(chat)
        self._add_folder_buttons(line, run.model, title)
        return card

    def _card(self, icon: str, title: str, detail: str) -> tuple[Card, QHBoxLayout]:
        card = Card()
        line = QHBoxLayout()
        line.setSpacing(10)
        line.addWidget(Icon(self._context.theme, icon, "accent_text", 20))
        text = QVBoxLayout()
        text.setSpacing(2)
        text.addWidget(label(title, "strong"))
        text.addWidget(label(detail, "muted", wrap=True))
        line.addLayout(text, 1)
        card.body.addLayout(line)
        return card, line

    def _add_folder_buttons(self, line: QHBoxLayout, folder: Path, title: str) -> None:
        theme = self._context.theme
        opened = Button(theme, self.tr("Open folder"), kind="icon", icon="folder")
        opened.clicked.connect(lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))))
        delete = Button(
            theme, self.tr("Delete {name}").format(name=title), kind="icon", icon="trash"
        )
        delete.clicked.connect(lambda: self._ask_delete(folder, title))
        line.addWidget(opened)
        line.addWidget(delete)

    def _ask_delete(self, folder: Path, title: str) -> None:
        question = Question(
            self,
            self._context.theme,
            self.tr("Delete the model “{name}”?").format(name=title),
            self.tr(
                "The folder {path} is removed for good. Figures and adapter of its run stay."
            ).format(path=folder),
        )
        question.add(self.tr("Delete"), lambda: self._delete(folder), kind="danger")
        question.open()

    def _delete(self, folder: Path) -> None:
        self._context.tasks.run(
            asyncio.to_thread(_remove, folder), lambda _: self.entered(), self._fail
        )

    def _choose_folder(self) -> None:
        dialog = QFileDialog(self, self.tr("Choose a model folder"))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.wizard_wanted)
        dialog.open()

    def _fail(self, error: UserFacingError) -> None:
        clear(self._trouble)
        self._trouble.addWidget(ErrorState(self._context.theme, error))


def _remove(folder: Path) -> None:
    # Renamed first, so that half a model is never taken for a whole one.
    doomed = folder.with_name(f".deleted-{folder.name}")
    try:
        folder.rename(doomed)
        shutil.rmtree(doomed)
    except OSError as exc:
        raise RunError(
            "disk.not_writable",
            f"{folder} could not be deleted: {exc.strerror or exc}.",
            "Close the programs that use it and try again.",
        ) from exc
