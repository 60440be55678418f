"""Downloading base models: one at a time, with progress, paused, resumed or cancelled."""

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
    """Runs one download at a time for all pages.

    A paused one is a stopped one whose bytes are kept: it is resumed by starting it again, also
    after the window was closed. A cancelled one leaves nothing. ``moved`` while bytes come in,
    ``ended`` when it is over in whatever way, ``failed`` with the error.
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
        self._task: asyncio.Task[None] | None = None
        self._transfer: Transfer | None = None
        self._seen: deque[tuple[float, int]] = deque()

    @property
    def transfer(self) -> Transfer | None:
        """What is being downloaded, if anything."""
        return self._transfer

    def start(self, source: str) -> None:
        """Download *source*, or go on with it; does nothing while another one is on its way."""
        if self._transfer is None:
            self._transfer = Transfer(source)
            self._seen.clear()
            self._task = self._tasks.run(self._run(source), None, self.failed.emit)
            self.moved.emit()

    def pause(self) -> None:
        """Stop; what has arrived is kept."""
        if self._task is not None:
            self._task.cancel()

    def cancel(self) -> None:
        """Stop and drop what has arrived."""
        if self._transfer is not None:
            source = self._transfer.source
            self.pause()
            self.discard(source)

    def discard(self, source: str) -> None:
        """Drop what a paused download has left."""
        self._tasks.run(
            asyncio.to_thread(self._discard, source),
            lambda _: self.ended.emit(source),
            self.failed.emit,
        )

    async def _run(self, source: str) -> None:
        try:
            async for item in self._fetch(source):
                self._transfer = self._told(source, item)
                self.moved.emit()
        finally:
            self._task = None
            self._transfer = None
            self.ended.emit(source)

    def _told(self, source: str, item: dict[str, Any]) -> Transfer:
        done, total = int(item.get("done") or 0), int(item.get("total") or 0)
        now = time.monotonic()
        self._seen.append((now, done))
        while now - self._seen[0][0] > _SPEED_S:
            self._seen.popleft()
        then, before = self._seen[0]
        speed = max(0.0, (done - before) / (now - then)) if now - then > 1 else 0.0
        return Transfer(source, str(item.get("activity", "")), done, total, speed)
