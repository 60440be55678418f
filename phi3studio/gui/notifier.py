"""Tells who looks elsewhere that a run has ended or stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication, QMenu, QSystemTrayIcon, QWidget

from phi3studio.domain.run import RunState
from phi3studio.gui.preferences import PreferencesFile

if TYPE_CHECKING:
    from phi3studio.gui.pages.home.run_entries import RunEntry
    from phi3studio.gui.pages.home.runs_model import RunsModel
    from phi3studio.runs.store import RunFolder

_SHOWN_MS = 10_000


class Notifier(QObject):
    """Watches the list of runs. A note of the system, where there is a tray to show it, and the
    window's mark in the taskbar; nothing while the window is in front.

    ``wanted`` carries the run of the note that was clicked, ``window_wanted`` for the tray's icon.
    """

    wanted = Signal(object)
    window_wanted = Signal()
    notified = Signal(str, str)
    """Title and text of a note, whatever way it is shown."""

    def __init__(self, runs: RunsModel, preferences: PreferencesFile, window: QWidget) -> None:
        super().__init__(window)
        self._runs = runs
        self._preferences = preferences
        self._window = window
        self._states: dict[str, RunState] = {}
        self._last: RunFolder | None = None
        self._tray: QSystemTrayIcon | None = None
        runs.looked.connect(self._look)

    def stop(self) -> None:
        """Take the icon out of the tray."""
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
        on = self._preferences.value.notify == "on"
        if running is not None and on and QSystemTrayIcon.isSystemTrayAvailable():
            tray = self._icon()
            tray.setToolTip(f"{percent(running.overall.share)} · {running.title}")
            tray.show()

    def _tell(self, entry: RunEntry) -> None:
        text = self._said(entry)
        if not text or self._preferences.value.notify != "on" or self._window.isActiveWindow():
            return
        self._last = entry.run
        QApplication.alert(self._window)
        if QSystemTrayIcon.isSystemTrayAvailable():
            tray = self._icon()
            tray.show()
            failed = entry.state in {"failed", "interrupted"}
            kind = QSystemTrayIcon.MessageIcon
            tray.showMessage(
                entry.title, text, kind.Warning if failed else kind.Information, _SHOWN_MS
            )
        self.notified.emit(entry.title, text)

    def _said(self, entry: RunEntry) -> str:
        from phi3studio.gui.texts.messages import explain_error
        from phi3studio.gui.texts.words import percent

        match entry.state:
            case "completed":
                if entry.right is None:
                    return self.tr("The run is done.")
                return self.tr("The run is done: {share} right.").format(share=percent(entry.right))
            case "failed":
                error = entry.view.finished.error if entry.view.finished is not None else None
                return explain_error(error).message if error else self.tr("The run has failed.")
            case "interrupted":
                return self.tr("The run stopped unexpectedly. Its work is kept: resume it.")
            case _:
                # Paused or cancelled: somebody asked for it.
                return ""

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
