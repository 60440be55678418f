"""Builds the pages of the window and ties them together."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from PySide6.QtCore import QCoreApplication, QObject

from phi3studio.domain.errors import UserFacingError
from phi3studio.domain.recipe import Recipe
from phi3studio.gui.context import Context
from phi3studio.gui.downloads import Download, Downloader
from phi3studio.gui.pages.home.home_page import HomePage
from phi3studio.gui.pages.home.runs_model import RunsModel
from phi3studio.gui.pages.wizard.azure.azure_desk import AzureDesk
from phi3studio.gui.tasks import Tasks
from phi3studio.gui.texts.i18n import choose_language, install_language
from phi3studio.gui.widgets.basic import Level
from phi3studio.gui.widgets.page_frame import Page
from phi3studio.runs import launch
from phi3studio.runs.launch import at_start
from phi3studio.runs.store import TRASH_S, RunFolder

if TYPE_CHECKING:
    from phi3studio.gui.pages.wizard.review_page import OliveConfig
    from phi3studio.gui.pages.wizard.wizard_page import WizardPage
    from phi3studio.runs.shown.rating_shelf import Exported
    from phi3studio.services.chat_client import Chat
    from phi3studio.services.inspector_client import Inspector
    from phi3studio.wizard.flow import PageName


Probe = Callable[[], Awaitable[dict[str, Any]]]
"""Asks the probe service what torch and ONNX Runtime find; takes seconds."""


# Between two imports the window's thread is served.
_PAUSE_S = 0.02
_MODULES = {
    "new": ("wizard.wizard_page",),
    "run": ("run.run_page", "run.sharing.elsewhere"),
    "chat": ("chat.chat_page",),
    "compare": ("compare_page",),
    "queue": ("queue_page",),
    "models": ("models_page",),
    "doctor": ("doctor_page",),
    "settings": ("settings.settings_page",),
}


class Navigator(Protocol):
    """What a page needs of the window."""

    @property
    def runs(self) -> RunsModel: ...

    def visit(self, key: str, fill: Callable[[Page], None] | None = None) -> None: ...
    def show_run(self, run: RunFolder) -> None: ...
    def set_health(self, level: Level, words: str) -> None: ...
    def relabel(self) -> None: ...


@dataclass(frozen=True)
class Services:
    """The helper processes' clients."""

    inspector: Inspector
    chat: Chat
    probe: Probe
    fetch: Download
    olive_config: OliveConfig
    azure: AzureDesk = field(default_factory=AzureDesk)


class PageSet:
    """Makes pages on request; imports each one's module only then."""

    def __init__(self, context: Context, services: Services) -> None:
        self._context = context
        self._services = services
        self._downloader: Downloader | None = None
        self._demo_begins = False
        self._imported = {"home"}

    @property
    def tasks(self) -> Tasks:
        """What runs the work of the pages."""
        return self._context.tasks

    @property
    def downloader(self) -> Downloader:
        """The one that all pages download models with."""
        if self._downloader is None:
            from phi3studio.models.model_store import ModelStore

            store = ModelStore(self._context.home)
            tasks = self._context.tasks
            self._downloader = Downloader(self._services.fetch, store.discard, tasks, tasks)
        return self._downloader

    def make_runs(self, parent: QObject) -> RunsModel:
        """The list of runs that all pages share."""
        return RunsModel(self._context.store, self._context.tasks, parent)

    def once_imported(self, key: str, then: Callable[[], None]) -> None:
        """Call *then* when what a page needs is imported. The window answers meanwhile."""
        if key in self._imported:
            then()
            return

        def imported(_: object) -> None:
            self._imported.add(key)
            then()

        self.tasks.run(asyncio.to_thread(_import_page, key), imported)

    def build(self, key: str, window: Navigator) -> Page:
        """A page by its key."""
        return {
            "home": self.home,
            "new": self.wizard,
            "run": self.run,
            "chat": self.chat,
            "compare": self.compare,
            "queue": self.queue,
            "models": self.models,
            "doctor": self.doctor,
            "settings": self.settings,
        }[key](window)

    def home(self, window: Navigator) -> Page:
        """The runs."""
        page = HomePage(self._context, window.runs)
        page.run_chosen.connect(window.show_run)
        page.new_wanted.connect(lambda: window.visit("new"))
        page.chat_wanted.connect(lambda run: self.open_chat(window, run))
        page.repeat_wanted.connect(lambda run: self.repeat(window, run))
        page.demo_wanted.connect(lambda: self.start_demo(window, page))
        page.sample_wanted.connect(lambda file: self.open_files(window, [file]))
        page.compare_wanted.connect(lambda runs: self.open_comparison(window, runs))
        store = self._context.store

        def begin() -> tuple[list[RunFolder], list[RunFolder]]:
            from phi3studio.runs.shown.chats import purge

            purge(store)
            store.empty_trash(TRASH_S)
            return at_start(store)

        self._context.tasks.run(
            asyncio.to_thread(begin),
            lambda found: page.tell_of_interrupted(*found),
            page.show_error,
        )
        return page

    def wizard(self, window: Navigator) -> Page:
        """The five pages of a new fine-tune."""
        from phi3studio.gui.pages.wizard.wizard_page import WizardPage

        page = WizardPage(
            self._context,
            self._services.inspector,
            self.downloader,
            self._services.olive_config,
            self._services.azure,
        )

        def start(recipe: Recipe, at: float | None) -> None:
            def begun(run: RunFolder) -> None:
                page.run_started()
                window.show_run(run)

            self._context.tasks.run(self._begin(recipe, at), begun, page.show_error)

        page.started.connect(start)
        return page

    def run(self, window: Navigator) -> Page:
        """The page of one run."""
        from phi3studio.gui.pages.run.run_page import RunPage

        page = RunPage(self._context)
        page.closed.connect(lambda: window.visit("home"))
        page.repeat_wanted.connect(lambda run: self.repeat(window, run))
        page.chat_wanted.connect(lambda run: self.open_chat(window, run))
        page.created.connect(window.show_run)
        page.data_wanted.connect(lambda run: self.repeat(window, run, "data"))
        page.own_data_wanted.connect(lambda: self.begin_anew(window))
        return page

    def chat(self, window: Navigator) -> Page:
        """The chat."""
        from phi3studio.gui.pages.chat.chat_page import ChatPage

        page = ChatPage(self._context, self._services.chat, window.runs, self._begin)
        page.rating.train_wanted.connect(
            lambda done, model: self.train_on_ratings(window, done, model)
        )
        return page

    def train_on_ratings(self, window: Navigator, done: Exported, model: str) -> None:
        """Take ratings that were written to train on into the wizard, with the run whose *model*
        was rated as the one to start from."""
        from phi3studio.wizard.preference_draft import preference_draft

        run = RunFolder(self._context.home.runs / model)

        def look() -> tuple[Recipe | None, str | None]:
            try:
                return run.recipe(), str(run.adapter) if run.adapter.is_dir() else None
            except UserFacingError:
                return None, None

        def show(base: tuple[Recipe | None, str | None]) -> None:
            draft = preference_draft(str(done.file), done.rows, *base)
            self._visit_wizard(window, lambda page: page.take_draft(draft))

        self._context.tasks.run(asyncio.to_thread(look), show)

    def open_chat(self, window: Navigator, run: RunFolder) -> None:
        """Talk to the model of *run*."""
        from phi3studio.gui.pages.chat.chat_page import ChatPage

        def fill(page: Page) -> None:
            assert isinstance(page, ChatPage)
            page.add_run(run)

        window.visit("chat", fill)

    def compare(self, window: Navigator) -> Page:
        """Several runs side by side."""
        from phi3studio.gui.pages.compare_page import ComparePage

        return ComparePage(self._context, window.runs)

    def open_comparison(self, window: Navigator, runs: list[RunFolder]) -> None:
        """Compare these runs, and no others."""
        from phi3studio.gui.pages.compare_page import ComparePage

        def fill(page: Page) -> None:
            assert isinstance(page, ComparePage)
            page.choose(runs)

        window.visit("compare", fill)

    def queue(self, window: Navigator) -> Page:
        """The waiting line."""
        from phi3studio.gui.pages.queue_page import QueuePage

        page = QueuePage(self._context)
        page.run_chosen.connect(window.show_run)
        return page

    def models(self, window: Navigator) -> Page:
        """What is on this computer."""
        from phi3studio.gui.pages.models_page import ModelsPage

        page = ModelsPage(self._context, self.downloader)
        page.chat_wanted.connect(lambda run: self.open_chat(window, run))
        page.wizard_wanted.connect(lambda source: self.tune(window, source))
        return page

    def doctor(self, window: Navigator) -> Page:
        """Is everything there?"""
        from phi3studio.gui.pages.doctor_page import DoctorPage

        page = DoctorPage(self._context, self._services.probe)
        page.judged.connect(window.set_health)
        return page

    def settings(self, window: Navigator) -> Page:
        """Look, language, folders, privacy, about."""
        from phi3studio.gui.pages.settings.settings_page import SettingsPage

        page = SettingsPage(self._context)
        page.doctor_wanted.connect(lambda: window.visit("doctor"))

        def relabel() -> None:
            app = QCoreApplication.instance()
            assert app is not None
            chosen = choose_language(self._context.preferences.value.language)
            install_language(app, self._context.resources / "translations", chosen)
            window.relabel()

        page.language_chosen.connect(relabel)
        return page

    def tune(self, window: Navigator, source: str) -> None:
        """Take a base model into the wizard."""
        from phi3studio.wizard.flow import visit, with_model

        def fill(page: WizardPage) -> None:
            page.session.take(visit(with_model(page.session.draft, source), "model"))

        self._visit_wizard(window, fill)

    def show_run(self, page: Page, run: RunFolder) -> None:
        """Show *run* on its page."""
        from phi3studio.gui.pages.run.run_page import RunPage

        assert isinstance(page, RunPage)
        page.show_run(run)

    def begin_anew(self, window: Navigator) -> None:
        """A new fine-tune, from its first page."""
        self._visit_wizard(window, lambda page: page.begin_anew())

    def repeat(self, window: Navigator, run: RunFolder, at: PageName | None = None) -> None:
        """Take the run's recipe into the wizard, where it opens on its page *at*."""
        from phi3studio.wizard.flow import from_recipe, visit

        def fill(page: WizardPage) -> None:
            try:
                draft = from_recipe(run.recipe())
                page.take_draft(visit(draft, at) if at is not None else draft)
            except UserFacingError as error:
                page.show_error(error)

        self._visit_wizard(window, fill)

    def open_files(self, window: Navigator, paths: list[str]) -> None:
        """Take a recipe or an Olive config into the wizard, to be looked at before anything starts;
        or data for a new fine-tune."""
        self._visit_wizard(window, lambda page: page.open_files(paths))

    def _visit_wizard(self, window: Navigator, fill: Callable[[WizardPage], None]) -> None:
        from phi3studio.gui.pages.wizard.wizard_page import WizardPage

        def fill_wizard(page: Page) -> None:
            assert isinstance(page, WizardPage)
            fill(page)

        window.visit("new", fill_wizard)

    def start_demo(self, window: Navigator, home: HomePage) -> None:
        """Try it now: the whole way on the sample. A second click before it shows begins no other
        run."""
        from phi3studio.runs.demo import demo_recipe

        def begun(run: RunFolder) -> None:
            self._demo_begins = False
            window.show_run(run)

        def failed(error: UserFacingError) -> None:
            self._demo_begins = False
            home.show_error(error)

        if not self._demo_begins:
            self._demo_begins = True
            self._context.tasks.run(self._begin(demo_recipe()), begun, failed)

    def pause_all(self, runs: RunsModel) -> None:
        """Ask every live run to keep its work and end."""
        for entry in runs.entries():
            if entry.live:
                launch.request_pause(entry.run)

    def leave_all(self, runs: RunsModel) -> None:
        """The session ends: tell every live run to keep what it can."""
        for entry in runs.entries():
            if entry.live:
                with contextlib.suppress(OSError):
                    launch.request_leave(entry.run)

    async def _begin(self, recipe: Recipe, at: float | None = None) -> RunFolder:
        def begin() -> RunFolder:
            from phi3studio.runs.preflight import check_before_start

            check_before_start(recipe, self._context.home)
            run = self._context.store.create(recipe)
            launch.start(run, at)
            return run

        return await asyncio.to_thread(begin)


def import_pages() -> None:
    """Import what the pages need, from a thread: a first click then only builds one."""
    for key in _MODULES:
        _import_page(key)
        # What was imported stays to the end: the garbage collector need not go through it.
        gc.freeze()
        time.sleep(_PAUSE_S)


def _import_page(key: str) -> None:
    for name in _MODULES[key]:
        importlib.import_module(f"phi3studio.gui.pages.{name}")
