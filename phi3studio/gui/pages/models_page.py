"""Models: what is on this computer, and how much room it takes."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from weakref import WeakKeyDictionary

import psutil
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from phi3studio.app.files import folder_bytes
from phi3studio.domain.errors import RunError, UserFacingError
from phi3studio.gui.base_model_list import BaseModel, all_models
from phi3studio.gui.context import Context
from phi3studio.gui.downloads import Downloader
from phi3studio.gui.pages.card_column import CardColumn, CardPlan
from phi3studio.gui.pages.home.run_entries import read_entry
from phi3studio.gui.tasks import Latest, in_thread
from phi3studio.gui.texts import words
from phi3studio.gui.texts.fit_words import fit_words
from phi3studio.gui.widgets.ask import Question
from phi3studio.gui.widgets.basic import Button, Card, Icon, clear, label
from phi3studio.gui.widgets.dialogs.file_dialogs import choose_folder
from phi3studio.gui.widgets.dialogs.open_place import open_path
from phi3studio.gui.widgets.download_bar import DownloadButtons, DownloadProgress
from phi3studio.gui.widgets.in_turns import InTurns
from phi3studio.gui.widgets.page_frame import Page
from phi3studio.gui.widgets.search import SearchField
from phi3studio.gui.widgets.states import EmptyState, ErrorState, Skeleton
from phi3studio.models.model_store import ModelStore, check_model_folder
from phi3studio.runs.store import RunFolder
from phi3studio.wizard.machine_fit import FitLevel, fit

_Exported = tuple[RunFolder, str, str, int]
"""A run, its title, the kind of its model, and bytes."""


@dataclass(frozen=True)
class _Found:
    bases: list[tuple[BaseModel, int, FitLevel | None]]
    tuned: list[_Exported]
    exported_bases: list[_Exported]


class ModelsPage(Page):
    """Base models and the models of finished runs."""

    wizard_wanted = Signal(str)
    chat_wanted = Signal(object)

    def __init__(self, context: Context, downloader: Downloader) -> None:
        super().__init__(self.tr("Models"))
        self._context = context
        self._store = ModelStore(context.home)
        self._downloader = downloader
        self._list_question = Latest(context.tasks, self)
        self._turns = InTurns(self)
        downloader.moved.connect(self._clear_trouble)
        downloader.ended.connect(self.entered)
        downloader.failed.connect(self._fail)
        self._search = SearchField(context.theme, self.tr("Search models"), 190)
        self._search.textChanged.connect(self._filter)
        self.buttons.addWidget(self._search)
        self._texts: WeakKeyDictionary[Card, str] = WeakKeyDictionary()
        self._nothing = label(self.tr("No model fits the search."), "muted")
        use = Button(context.theme, self.tr("Fine-tune a model folder…"), icon="folder")
        use.clicked.connect(self._choose_folder)
        self.buttons.addWidget(use)
        add = Button(context.theme, self.tr("Add a folder…"), icon="plus")
        add.clicked.connect(self._choose_added)
        self.buttons.addWidget(add)
        self._trouble = QVBoxLayout()
        self.content.addLayout(self._trouble)
        self._skeleton = Skeleton(context.theme, 4)
        self.content.addWidget(self._skeleton)
        self._lists = QWidget()
        self._tuned_cards, self._base_cards = CardColumn(14), CardColumn(14)
        lists = QVBoxLayout(self._lists)
        lists.setContentsMargins(0, 0, 0, 0)
        lists.setSpacing(14)
        lists.addWidget(label(self.tr("Your tuned models"), "cardTitle"))
        lists.addLayout(self._tuned_cards)
        lists.addWidget(label(self.tr("Base models"), "cardTitle"))
        lists.addLayout(self._base_cards)
        self._lists.hide()
        self.content.addWidget(self._lists)
        self.content.addWidget(self._nothing)
        self._nothing.hide()
        self.content.addStretch(1)

    def entered(self) -> None:
        self._list_question.ask(lambda: in_thread(self._look), self._draw, self._fail)

    def _look(self) -> _Found:
        free = psutil.virtual_memory().available
        bases = [
            (
                model,
                folder_bytes(model.folder) if model.folder is not None else 0,
                fit(model.size, free).level if model.size is not None else None,
            )
            for model in all_models(self._context.home)
        ]
        tuned: list[_Exported] = []
        exported_bases: list[_Exported] = []
        for run in self._context.store.all():
            if run.model.is_dir():
                entry = read_entry(run)
                target = entry.recipe.target if entry.recipe else None
                kind = f"{target.quantisation} · {target.provider.upper()}" if target else ""
                recipe = entry.recipe
                group = tuned
                if recipe is not None and "train" not in recipe.steps and not recipe.model.adapter:
                    kind = self.tr("untuned base") + f" · {kind}"
                    group = exported_bases
                group.append((run, entry.title, kind, folder_bytes(run.model)))
        return _Found(bases, tuned, exported_bases)

    def _draw(self, found: _Found) -> None:
        self._skeleton.hide()
        self._lists.show()
        self.set_subtitle(
            self.tr("{size} on this computer").format(
                size=words.size(
                    sum(base[1] for base in found.bases)
                    + sum(made[3] for made in (*found.tuned, *found.exported_bases))
                )
            )
        )
        self._turns.begin(self._build(found))

    def _build(self, found: _Found) -> Iterator[object]:
        tuned, exported = (
            [CardPlan(entry[0].name, entry, partial(self._tuned, *entry)) for entry in group]
            for group in (found.tuned, found.exported_bases)
        )
        yield from self._tuned_cards.follow(tuned or [CardPlan("", None, self._no_tuned)])
        bases = sorted(found.bases, key=lambda pair: not pair[0].installed)
        plans = [CardPlan(pair[0].source, pair, partial(self._base, *pair)) for pair in bases]
        for card in self._base_cards.follow([*exported, *plans]):
            self._filter()
            yield card

    def _no_tuned(self) -> EmptyState:
        return EmptyState(
            self._context.theme,
            "models",
            self.tr("No tuned model yet"),
            self.tr("Each finished run leaves its model here, ready for a chat."),
        )

    def _filter(self) -> None:
        """Show only the models that fit the search."""
        wanted = self._search.text().casefold().split()
        any_shown = False
        for card, text in self.found:
            fits = all(word in text for word in wanted)
            card.setVisible(fits)
            any_shown = any_shown or fits
        self._nothing.setVisible(not any_shown)

    @property
    def found(self) -> list[tuple[Card, str]]:
        """The cards of the models with what the search looks at, one's own first."""
        cards = [*self._tuned_cards.cards, *self._base_cards.cards]
        return [(card, self._texts[card]) for card in cards if isinstance(card, Card)]

    def _base(self, model: BaseModel, size: int, level: FitLevel | None) -> Card:
        facts = [words.parameters(model.parameters)] if model.parameters else []
        if model.licence:
            facts.append(self.tr("licence {name}").format(name=model.licence))
        if model.installed:
            facts.append(words.size(size))
        elif model.download_first:
            facts.append(self.tr("not on this computer"))
        elif model.download_bytes:
            facts.append(self.tr("not on this computer yet: a run downloads it"))
        else:
            facts.append(self.tr("comes with the program"))
        card, line = self._card(
            "models",
            model.title,
            " · ".join(facts),
            words.good_for(model.parameters) if model.parameters else "",
        )
        theme = self._context.theme
        if level is not None:
            line.addWidget(label(*fit_words(level)))
        if not model.installed and model.download_bytes:
            line.addWidget(DownloadButtons(theme, model, self._downloader))
            card.body.addWidget(DownloadProgress(model, self._downloader))
        if model.installed or not model.download_first:
            use = Button(theme, self.tr("Fine-tune"))
            use.clicked.connect(partial(self.wizard_wanted.emit, model.source))
            line.addWidget(use)
        if model.folder is not None:
            said = (
                self.tr("Remove {name} from the list")
                if model.place == "folder"
                else self.tr("Delete {name}")
            ).format(name=model.title)
            self._add_folder_buttons(line, model.folder, said, partial(self._ask_remove, model))
        return card

    def _clear_trouble(self) -> None:
        if self._trouble.count():
            clear(self._trouble)

    def _choose_added(self) -> None:
        choose_folder(
            self, self.tr("Choose a model folder"), lambda path: self.add_folder(Path(path))
        )

    def add_folder(self, folder: Path) -> None:
        """Remember a folder of the user's under its name; the files stay where they are."""

        def add() -> None:
            check_model_folder(folder)
            self._store.add_folder(folder.name, folder)

        clear(self._trouble)
        self._context.tasks.run(asyncio.to_thread(add), lambda _: self.entered(), self._fail)

    def take_dropped(self, paths: list[str]) -> bool:
        folder = Path(paths[0])
        if not folder.is_dir():
            return False
        self.add_folder(folder)
        return True

    def _ask_remove(self, model: BaseModel) -> None:
        theirs = model.place == "folder"
        question = Question(
            self,
            self._context.theme,
            self.tr("Remove “{name}” from the list?").format(name=model.title)
            if theirs
            else self.tr("Delete the model “{name}”?").format(name=model.title),
            self.tr("The folder {path} itself is not touched.").format(path=model.folder)
            if theirs
            else self.tr(
                "The folder {path} is deleted for good; it can be downloaded again."
            ).format(path=model.folder),
        )
        question.add(
            self.tr("Remove") if theirs else self.tr("Delete"),
            lambda: self._context.tasks.run(
                asyncio.to_thread(self._store.remove, model.source),
                lambda _: self.entered(),
                self._fail,
            ),
            kind="danger",
        )
        question.open()

    def _tuned(self, run: RunFolder, title: str, kind: str, size: int) -> Card:
        card, line = self._card("chip", title, " · ".join((kind, words.size(size), run.name)))
        chat = Button(self._context.theme, self.tr("Chat"), icon="chat")
        chat.clicked.connect(lambda: self.chat_wanted.emit(run))
        line.addWidget(chat)
        said = self.tr("Delete {name}").format(name=title)
        self._add_folder_buttons(line, run.model, said, partial(self._ask_delete, run.model, title))
        return card

    def _card(
        self, icon: str, title: str, detail: str, good_for: str = ""
    ) -> tuple[Card, QHBoxLayout]:
        card = Card()
        line = QHBoxLayout()
        line.setSpacing(10)
        line.addWidget(Icon(self._context.theme, icon, "accent_text", 20))
        text = QVBoxLayout()
        text.setSpacing(2)
        text.addWidget(label(title, "strong", wrap=True))
        text.addWidget(label(detail, "muted", wrap=True))
        if good_for:
            text.addWidget(label(good_for, "small", wrap=True))
        line.addLayout(text, 1)
        card.body.addLayout(line)
        self._texts[card] = f"{title} {detail} {good_for}".casefold()
        return card, line

    def _add_folder_buttons(
        self, line: QHBoxLayout, folder: Path, said: str, remove: Callable[[], None]
    ) -> None:
        theme = self._context.theme
        opened = Button(theme, self.tr("Open folder"), kind="icon", icon="folder")
        opened.clicked.connect(lambda: open_path(self, theme, folder))
        delete = Button(theme, said, kind="icon", icon="trash")
        delete.clicked.connect(remove)
        line.addWidget(opened)
        line.addWidget(delete)

    def _ask_delete(self, folder: Path, title: str) -> None:
        question = Question(
            self,
            self._context.theme,
            self.tr("Delete the model “{name}”?").format(name=title),
            self.tr(
                "The folder {path} is deleted for good. Figures and adapter of its run stay."
            ).format(path=folder),
        )
        question.add(self.tr("Delete"), lambda: self._delete(folder), kind="danger")
        question.open()

    def _delete(self, folder: Path) -> None:
        self._context.tasks.run(
            asyncio.to_thread(_remove, folder), lambda _: self.entered(), self._fail
        )

    def _choose_folder(self) -> None:
        choose_folder(self, self.tr("Choose a model folder"), self.wizard_wanted.emit)

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
            "disk.not_writable", variant="delete", path=folder, reason=exc.strerror or exc
        ) from exc
