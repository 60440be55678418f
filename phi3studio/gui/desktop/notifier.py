"""Tells who looks elsewhere that a run has ended or stopped."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication, QMenu, QSystemTrayIcon, QWidget

from phi3studio.domain.run import RunState
from phi3studio.gui.desktop.taskbar import Taskbar
from phi3studio.gui.preferences import PreferencesFile
from phi3studio.gui.tasks import Tasks
from phi3studio.runs.shown import desktop_note

if TYPE_CHECKING:
    from phi3studio.gui.pages.home.run_entries import RunEntry
    from phi3studio.gui.pages.home.runs_model import RunsModel
    from phi3studio.runs.store import RunFolder

_SHOWN_MS = 10_000


class Notifier(QObject):
    """Watches the list of runs: a note of the system and the window's mark in the taskbar when one
    ends, nothing while the window is in front; and how far the one at work is, in tray and taskbar.

    Without the window the run itself tells of its end; see :mod:`phi3studio.runs.shown.ending`.

    ``wanted`` carries the run of the note that was clicked, ``window_wanted`` for the tray's icon.
    """

    wanted = Signal(object)
    window_wanted = Signal()
    notified = Signal(str, str)
    """Title and text of a note, whatever way it is shown."""

    def __init__(
        self, runs: RunsModel, preferences: PreferencesFile, tasks: Tasks, window: QWidget
    ) -> None:
        super().__init__(window)
        self._runs = runs
        self._tasks = tasks
        self._taskbar = Taskbar(window)
        self._preferences = preferences
        self._window = window
        self._states: dict[str, RunState] = {}
        self._last: RunFolder | None = None
        self._tray: QSystemTrayIcon | None = None
        runs.looked.connect(self._look)

    def stop(self) -> None:
        """Take the icon out of the tray, and the progress off the taskbar."""
        self._taskbar.show_share(None)
        if self._tray is not None:
            self._tray.hide()

    def _look(self) -> None:
        from phi3studio.gui.texts.words import percent

        entries = self._runs.entries()
        for entry in entries:
            before = self._states.get(entry.run.name)
            if before in {"running", "queued"} and not entry.live:
                self._tell(entry)
        self._states = {entry.run.name: entry.state for entry in entries}
        running = next((e for e in entries if e.state == "running"), None)
        self._taskbar.show_share(running.overall.share if running is not None else None)
        on = self._preferences.value.notify == "on"
        if running is not None and on and QSystemTrayIcon.isSystemTrayAvailable():
            tray = self._icon()
            tray.setToolTip(f"{percent(running.overall.share)} · {running.title}")
            tray.show()

    def _tell(self, entry: RunEntry) -> None:
        from phi3studio.gui.texts.messages import explain_error
        from phi3studio.runs.shown.ending import ending

        said = ending(entry.state)
        wanted = self._preferences.value.notify == "on" and not self._window.isActiveWindow()
        if said is None or not wanted:
            return
        title, text = entry.title, explain_error(said).message
        self._last = entry.run
        QApplication.alert(self._window)
        if QSystemTrayIcon.isSystemTrayAvailable():
            tray = self._icon()
            tray.show()
            kind = QSystemTrayIcon.MessageIcon
            level = kind.Information if entry.state == "completed" else kind.Warning
            tray.showMessage(title, text, level, _SHOWN_MS)
        else:
            self._tasks.run(asyncio.to_thread(desktop_note.show, title, text))
        self.notified.emit(title, text)

    def _icon(self) -> QSystemTrayIcon:
        if self._tray is None:
            self._tray = QSystemTrayIcon(self._window.windowIcon(), self)
            if self._tray.icon().isNull():
                self._tray.setIcon(QApplication.windowIcon())
            menu = QMenu(self._window)
            menu.addAction(self.tr("Show the window")).triggered.connect(self.window_wanted)
            self._tray.setContextMenu(menu)
            self._tray.activated.connect(lambda _: self.window_wanted.emit())
            self._tray.messageClicked.connect(lambda: self.wanted.emit(self._last))
        return self._tray
