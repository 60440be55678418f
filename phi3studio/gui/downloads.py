"""Downloading base models side by side, each with progress, paused, resumed or cancelled."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, Signal

from phi3studio.gui.tasks import Tasks

Download = Callable[[str], AsyncIterator[dict[str, Any]]]
"""Makes a model ready; yields ``{"activity": …}`` and perhaps ``done`` and ``total`` bytes."""
Discard = Callable[[str], object]
"""Drops what a stopped download has left; blocking."""

# The speed is taken over this time: shorter it jumps, longer it is yesterday's.
_SPEED_S = 8.0


@dataclass(frozen=True)
class Transfer:
    """A download on its way. Bytes; ``total`` 0 while it is unknown, ``speed`` in bytes/s."""

    source: str
    activity: str = ""
    done: int = 0
    total: int = 0
    speed: float = 0.0

    @property
    def left_s(self) -> float | None:
        """Seconds to its end, as far as that can be said."""
        return (self.total - self.done) / self.speed if self.speed > 0 and self.total else None


class Downloader(QObject):
    """Runs the downloads of all pages, several side by side.

    A paused one is a stopped one whose bytes are kept: it is resumed by starting it again, also
    after the window was closed. A cancelled one leaves nothing. ``moved`` while bytes come in,
    ``ended`` when one is over in whatever way, ``failed`` with the error.
    """

    moved = Signal()
    ended = Signal(str)
    failed = Signal(object)

    def __init__(
        self, fetch: Download, discard: Discard, tasks: Tasks, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._fetch = fetch
        self._discard = discard
        self._tasks = tasks
        self._running: dict[str, _Running] = {}

    def transfer(self, source: str) -> Transfer | None:
        """How far the download of *source* is, while there is one."""
        running = self._running.get(source)
        return running.transfer if running is not None else None

    def start(self, source: str) -> None:
        """Download *source*, or go on with it; does nothing while it is on its way."""
        if source not in self._running:
            running = self._running[source] = _Running(Transfer(source))
            running.task = self._tasks.run(self._run(running), None, self.failed.emit)
            self.moved.emit()

    def pause(self, source: str) -> None:
        """Stop; what has arrived is kept."""
        running = self._running.get(source)
        if running is not None and running.task is not None:
            running.task.cancel()

    def cancel(self, source: str) -> None:
        """Stop and drop what has arrived."""
        if source in self._running:
            self.pause(source)
            self.discard(source)

    def discard(self, source: str) -> None:
        """Drop what a paused download has left."""
        self._tasks.run(
            asyncio.to_thread(self._discard, source),
            lambda _: self.ended.emit(source),
            self.failed.emit,
        )

    async def _run(self, running: _Running) -> None:
        source = running.transfer.source
        try:
            async for item in self._fetch(source):
                running.take(item)
                self.moved.emit()
        finally:
            del self._running[source]
            self.ended.emit(source)


class _Running:
    """A download that is on its way, and how fast it has been of late."""

    def __init__(self, transfer: Transfer) -> None:
        self.transfer = transfer
        self.task: asyncio.Task[None] | None = None
        self._seen: deque[tuple[float, int]] = deque()

    def take(self, item: dict[str, Any]) -> None:
        done, total = int(item.get("done") or 0), int(item.get("total") or 0)
        now = time.monotonic()
        self._seen.append((now, done))
        while now - self._seen[0][0] > _SPEED_S:
            self._seen.popleft()
        then, before = self._seen[0]
        speed = max(0.0, (done - before) / (now - then)) if now - then > 1 else 0.0
        activity = str(item.get("activity", ""))
        self.transfer = Transfer(self.transfer.source, activity, done, total, speed)
