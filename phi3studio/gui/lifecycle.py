"""The life of the window once it is shown: loop, helpers, pages, crashes, the end."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import qasync
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from phi3studio.app.files import scratch_folder
from phi3studio.app.paths import Home, user_home
from phi3studio.gui.crash import CrashDialog, CrashWatch
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.preferences import PreferencesFile
from phi3studio.gui.tasks import Tasks
from phi3studio.gui.theme import Theme
from phi3studio.resources import resources

if TYPE_CHECKING:
    from filelock import BaseFileLock

    from phi3studio.domain.recipe import Recipe
    from phi3studio.gui.page_set import PageSet, Services
    from phi3studio.services.connection import Service


@dataclass
class Helpers:
    """The helper processes of this window; each is started when first needed."""

    inspector: Service
    chat: Service
    probe: Service
    models: Service

    @classmethod
    def make(cls) -> Helpers:
        """Clients without processes yet."""
        from phi3studio.services.connection import Service

        names = ("inspector", "chat", "probe", "models")
        return cls(*(Service(name) for name in names))

    def services(self) -> Services:
        """The typed clients."""
        from phi3studio.gui.page_set import Services
        from phi3studio.services.chat_client import Chat
        from phi3studio.services.inspector_client import Inspector

        return Services(
            Inspector(self.inspector),
            Chat(self.chat),
            self._probe,
            self._fetch,
            self._olive_config,
        )

    async def close(self) -> None:
        """End the processes."""
        for service in (self.inspector, self.chat, self.probe, self.models):
            await service.close()

    async def _probe(self) -> dict[str, Any]:
        from phi3studio.services.connection import Service

        try:
            return dict(await self.probe.call("devices"))
        finally:
            # It holds torch in memory and is asked once.
            await self.probe.close()
            self.probe = Service("probe")

    async def _olive_config(self, recipe: Recipe) -> str:
        from phi3studio.services.connection import Service

        home = user_home()
        with scratch_folder(home.made(home.cache)) as folder:
            out = folder / "config"
            # A process for each question: it holds Olive in memory and is seldom asked.
            async with Service.start("olive") as olive:
                await olive.call("export", recipe=recipe.to_json(), out=str(out))
            return await asyncio.to_thread((out / "olive-config.json").read_text, encoding="utf-8")

    async def _fetch(self, source: str) -> AsyncIterator[dict[str, Any]]:
        stream = self.models.stream("get", source=source)
        try:
            async for item in stream:
                yield dict(item)
        finally:
            await stream.aclose()


def live(
    app: QApplication,
    home: Home,
    theme: Theme,
    preferences: PreferencesFile,
    window: MainWindow,
    *,
    home_from_environment: bool = False,
) -> None:
    """Run the event loop until the window is closed and everything has ended."""
    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    crash = CrashWatch(home.root, app)
    crash.install()
    try:
        with loop:
            loop.run_until_complete(
                _live(app, home, theme, preferences, window, crash, home_from_environment)
            )
    finally:
        crash.uninstall()


async def _live(
    app: QApplication,
    home: Home,
    theme: Theme,
    preferences: PreferencesFile,
    window: MainWindow,
    crash: CrashWatch,
    home_from_environment: bool,
) -> None:
    closed = asyncio.get_running_loop().create_future()

    def finish() -> None:
        if not closed.done():
            closed.set_result(None)

    window.closed.connect(finish)
    if not window.isVisible():
        # Closed before anyone listened.
        finish()
    tasks = Tasks(app)
    tasks.crashed.connect(crash.take)
    helpers: Helpers | None = None
    lock: BaseFileLock | None = None
    try:
        # In a thread, so that the window that has just been painted answers meanwhile.
        page_set, helpers, lock = await asyncio.to_thread(
            _prepare, home, theme, preferences, tasks, home_from_environment
        )
        _show_crashes(crash, theme, window)
        if not closed.done():
            window.add_pages(page_set)
            _ask_for_newer(tasks, home, window)
            tasks.run(asyncio.to_thread(_import_pages))
        await closed
    finally:
        await tasks.close()
        if helpers is not None:
            await helpers.close()
        if lock is not None:
            lock.release()
        window.deleteLater()


def _prepare(
    home: Home,
    theme: Theme,
    preferences: PreferencesFile,
    tasks: Tasks,
    home_from_environment: bool,
) -> tuple[PageSet, Helpers, BaseFileLock | None]:
    """Import what the window needs, and keep others from moving the home; makes no widgets."""
    import phi3studio.app.update_check
    import phi3studio.gui.desktop.notifier  # noqa: F401
    from phi3studio.gui.context import Context
    from phi3studio.gui.page_set import PageSet
    from phi3studio.runs.relocate import hold
    from phi3studio.runs.store import RunStore

    helpers = Helpers.make()
    context = Context(
        theme, tasks, home, RunStore(home), resources(), preferences, home_from_environment
    )
    services = helpers.services()
    # The garbage collector goes through all objects now and then, which holds the window up. Those
    # of the modules stay to the end anyway.
    gc.freeze()
    return PageSet(context, services), helpers, hold(home.root)


def _import_pages() -> None:
    from phi3studio.gui.page_set import import_pages

    import_pages()


def _ask_for_newer(tasks: Tasks, home: Home, window: MainWindow) -> None:
    """Look for a newer version, where the user turned that on; a failure is for About to tell."""
    from phi3studio import __version__
    from phi3studio.app.release import is_newer
    from phi3studio.app.update_check import Checked, check_if_due

    def answered(checked: Checked | None) -> None:
        release = checked.release if checked is not None else None
        if release is not None and is_newer(release.version, __version__):
            window.tell_of_newer(release.version)

    tasks.run(asyncio.to_thread(check_if_due, home), answered)


def _show_crashes(crash: CrashWatch, theme: Theme, window: MainWindow) -> None:
    """A dialog for each fault, and at the start for the one that ended the last session."""
    shown: list[CrashDialog] = []

    def seen() -> None:
        shown.clear()
        crash.forget()

    def show(text: str) -> None:
        if shown:
            shown[0].add(text)
            return
        dialog = CrashDialog(theme, text, window)
        shown.append(dialog)
        dialog.finished.connect(seen)
        dialog.open()

    crash.crashed.connect(show)
    last = crash.last()
    if last:
        QTimer.singleShot(0, window, lambda: show(last))
