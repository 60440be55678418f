"""Fetching base models: one at a time, with progress, cancelled by cancelling the task."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from PySide6.QtCore import QObject, Signal

from phi3studio.domain.errors import UserFacingError
from phi3studio.gui.tasks import Tasks

Fetch = Callable[[str], AsyncIterator[dict[str, Any]]]
"""Makes a model ready; yields ``{"activity": …}`` and perhaps ``done`` and ``total`` bytes."""


class Fetcher(QObject):
    """Runs one fetch. ``moved`` carries the activity in words and the share done (or -1)."""

    moved = Signal(str, float)
    finished = Signal()
    failed = Signal(object)

    def __init__(self, fetch: Fetch, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._fetch = fetch
        self._tasks = tasks
        self._task: asyncio.Task[None] | None = None
        self.source = ""

    @property
    def busy(self) -> bool:
        """Whether something is being fetched."""
        return self._task is not None

    def start(self, source: str) -> None:
        """Fetch *source*; does nothing while another one is on its way."""
        if self._task is None:
            self.source = source
            self._task = self._tasks.run(self._run(source), None, self._on_error)
            self.moved.emit("", -1.0)

    def cancel(self) -> None:
        """Stop; what has been fetched so far is kept for the next try."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self, source: str) -> None:
        done = False
        try:
            async for item in self._fetch(source):
                total = float(item.get("total") or 0)
                share = float(item.get("done") or 0) / total if total else -1.0
                self.moved.emit(str(item.get("activity", "")), share)
            done = True
        finally:
            self._task = None
            if done:
                self.finished.emit()
            else:
                self.moved.emit("", -1.0)

    def _on_error(self, error: UserFacingError) -> None:
        self.failed.emit(error)
