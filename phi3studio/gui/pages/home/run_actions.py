"""What a person can ask of a run that is at work or at rest, from whichever page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QCoreApplication, QObject, Signal
from PySide6.QtWidgets import QMenu, QWidget

from phi3studio.domain.run import LIVE_STATES, RunState
from phi3studio.gui.context import Context
from phi3studio.gui.pages.home.run_entries import RunEntry
from phi3studio.gui.widgets.ask import Question
from phi3studio.runs import launch

CANCELLABLE: frozenset[RunState] = frozenset({*LIVE_STATES, "paused", "interrupted"})


class RunActions(QObject):
    """Pause, resume and cancel. ``done`` when something was asked, ``failed`` says why not."""

    done = Signal()
    failed = Signal(object)

    def __init__(self, context: Context, parent: QWidget) -> None:
        super().__init__(parent)
        self._context = context
        self._window = parent

    def fill(self, menu: QMenu, entry: RunEntry) -> None:
        """Add what can be asked of the run to its menu."""
        if entry.live:
            menu.addAction(self.tr("Pause")).triggered.connect(lambda: self.pause(entry))
        if entry.state in launch.RESUMABLE and entry.recipe is not None:
            menu.addAction(self.tr("Resume")).triggered.connect(lambda: self.resume(entry))
        if entry.state in CANCELLABLE:
            menu.addAction(self.tr("Cancel…")).triggered.connect(lambda: self.ask_cancel(entry))

    def pause(self, entry: RunEntry) -> None:
        """Let it keep its work and end."""
        self._do(launch.request_pause, entry.run)

    def resume(self, entry: RunEntry) -> None:
        """Let it go on."""
        self._do(launch.resume, entry.run)

    def ask_cancel(self, entry: RunEntry) -> None:
        """Stop it, after a question."""
        ask_cancel(self._window, self._context, entry, lambda: self._do(launch.cancel, entry.run))

    def _do(self, work: Callable[..., Any], *what: Any) -> None:
        self._context.tasks.run(
            asyncio.to_thread(work, *what), lambda _: self.done.emit(), self.failed.emit
        )


def ask_cancel(
    window: QWidget, context: Context, entry: RunEntry, answer: Callable[[], object]
) -> None:
    """Ask whether the run is to be cancelled."""
    translate = QCoreApplication.translate
    if entry.in_cloud:
        text = translate(
            "RunActions", "Its job in Azure ML is cancelled as well, and is no longer billed."
        )
    elif entry.state == "queued":
        text = translate(
            "RunActions", "The run is cancelled before it has begun; it can be started again."
        )
    else:
        text = translate(
            "RunActions", "The training stops. The work so far is kept and can be resumed."
        )
    title = translate("RunActions", "Cancel “{name}”?").format(name=entry.title)
    question = Question(window, context.theme, title, text)
    question.cancel.rename(
        translate("RunActions", "Keep running")
        if entry.state == "running"
        else translate("RunActions", "Keep it")
    )
    question.add(translate("RunActions", "Cancel the run"), answer, kind="danger")
    question.open()
