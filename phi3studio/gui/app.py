"""Starts the window: nothing here imports the machine learning libraries."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import qasync
from PySide6.QtCore import QTimer
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from phi3studio import __version__
from phi3studio.gui.context import Context
from phi3studio.gui.crash import CrashDialog, CrashWatch
from phi3studio.gui.i18n import choose_language, install_language
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.preferences import PreferencesFile
from phi3studio.gui.rooms import Rooms, Services
from phi3studio.gui.single import SingleInstance
from phi3studio.gui.tasks import Tasks
from phi3studio.gui.theme import Theme
from phi3studio.runs.paths import Home, resources, user_home
from phi3studio.runs.store import RunStore
from phi3studio.services.chat import Chat
from phi3studio.services.client import Service
from phi3studio.services.inspector import Inspector


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
        return cls(
            Service("inspector"),
            Service("chat"),
            Service("probe"),
            Service("models"),
        )

    def services(self) -> Services:
        """The typed clients."""

        async def probe() -> dict[str, Any]:
            try:
                return dict(await self.probe.call("devices"))
            finally:
                # It holds torch in memory and is asked once.
                await self.probe.close()
                self.probe = Service("probe")

        return Services(Inspector(self.inspector), Chat(self.chat), probe, self._fetch)

    async def _fetch(self, source: str) -> AsyncIterator[dict[str, Any]]:
        stream = self.models.stream("get", source=source)
        try:
            async for item in stream:
                yield dict(item)
        finally:
            await stream.aclose()

    async def close(self) -> None:
        """End the processes."""
        for service in (self.inspector, self.chat, self.probe, self.models):
            await service.close()


def main(argv: Sequence[str]) -> int:
    """Show the window until it is closed; returns the exit code.

    A second start for the same home folder brings the first window forward and ends.
    """
    app = QApplication([sys.argv[0], *argv])
    app.setApplicationName("Phi-3 Studio")
    app.setApplicationVersion(__version__)
    app.setDesktopFileName("phi3studio")
    home = user_home()
    single = SingleInstance(home.root, app)
    if not single.first():
        return 0
    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    crash = CrashWatch(home.root, app)
    crash.install()
    try:
        with loop:
            loop.run_until_complete(_show(app, home, single, crash))
    finally:
        crash.uninstall()
        single.close()
    return 0


async def _show(app: QApplication, home: Home, single: SingleInstance, crash: CrashWatch) -> None:
    """The life of the window."""
    folder = resources()
    preferences = PreferencesFile(home.root / "window.json")
    translators = install_language(
        app, folder / "translations", choose_language(preferences.value.language)
    )
    theme = Theme(app, folder, preferences.value.theme)
    app.setWindowIcon(QIcon(str(folder / "icons" / "app.svg")))
    tasks = Tasks(app)
    tasks.crashed.connect(crash.take)
    helpers = Helpers.make()
    context = Context(theme, tasks, home, RunStore(home), folder, preferences)
    window = MainWindow(context, Rooms(context, helpers.services()))
    window.restore(preferences.value.geometry)
    single.called.connect(window.bring_forward)
    _show_crashes(crash, theme, window)
    closed = asyncio.get_running_loop().create_future()

    def finish() -> None:
        if not closed.done():
            closed.set_result(None)

    window.closed.connect(finish)
    window.show()
    try:
        await closed
    finally:
        single.close()
        await tasks.close()
        await helpers.close()
        window.deleteLater()
        del translators


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
