"""The one way to do something that takes time without holding up the window.

Coroutines run on the window's own loop; blocking functions are sent to a thread with
``asyncio.to_thread`` from inside a coroutine. Nothing else in ``gui`` starts a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Signal

from phi3studio.domain.errors import UserFacingError

T = TypeVar("T")


class Tasks(QObject):
    """Keeps running coroutines alive and reports their end.

    ``crashed`` carries an exception that nobody expected: a bug.
    """

    crashed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._running: set[asyncio.Task[Any]] = set()

    def run(
        self,
        work: Coroutine[Any, Any, T],
        done: Callable[[T], None] | None = None,
        failed: Callable[[UserFacingError], None] | None = None,
    ) -> asyncio.Task[T]:
        """Run *work*; then call *done* with its result or *failed* with its error.

        A cancelled task calls neither. An error that is no :class:`UserFacingError`, or one that
        nobody handles, is reported by ``crashed``.
        """
        task = asyncio.get_event_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(lambda t: self._ended(t, done, failed))
        return task

    async def close(self) -> None:
        """Cancel whatever still runs and wait for it."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    @property
    def count(self) -> int:
        """How many coroutines run now."""
        return len(self._running)

    def _ended(
        self,
        task: asyncio.Task[T],
        done: Callable[[T], None] | None,
        failed: Callable[[UserFacingError], None] | None,
    ) -> None:
        self._running.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            if done is not None:
                done(task.result())
        elif isinstance(error, UserFacingError) and failed is not None:
            failed(error)
        else:
            self.crashed.emit(error)
