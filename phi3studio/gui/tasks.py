"""The one way to do something that takes time without holding up the window.

Coroutines run on the window's own loop; blocking functions are sent to a thread with
``asyncio.to_thread`` from inside a coroutine. Nothing else in ``gui`` starts a thread.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from PySide6.QtCore import QObject, QTimer, Signal
from shiboken6 import isValid

from phi3studio.domain.errors import UserFacingError

T = TypeVar("T")
P = ParamSpec("P")


# What a disk or the rights on it refuse: no fault of the program.
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENOSPC, errno.EDQUOT}


def _of_system(error: OSError) -> UserFacingError:
    path, reason = error.filename, error.strerror
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return UserFacingError("disk.full", variant="unnamed")
    if not path:
        return UserFacingError("disk.not_writable", variant="access_unnamed", reason=reason)
    return UserFacingError("disk.not_writable", variant="access", path=path, reason=reason)


class Tasks(QObject):
    """Keeps running coroutines alive and reports their end.

    ``crashed`` carries an exception that nobody expected, of the work or of its receiver: a bug.
    """

    crashed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._running: set[asyncio.Task[Any]] = set()
        self._closed = False

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
        if self._closed:
            task.cancel()  # a timer of a window that goes has asked once more
        self._running.add(task)
        task.add_done_callback(lambda t: self._ended(t, done, failed))
        return task

    async def close(self) -> None:
        """Cancel whatever still runs and wait for it; nothing is begun any more."""
        self._closed = True
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
        try:
            if error is None:
                if done is not None:
                    done(task.result())
            elif isinstance(error, UserFacingError) and failed is not None:
                failed(error)
            elif isinstance(error, OSError) and error.errno in _REFUSED and failed is not None:
                failed(_of_system(error))
            else:
                self.crashed.emit(error)
        except Exception as fault:
            # A receiver that fails is a bug as well; asyncio would only write it to its log.
            self.crashed.emit(fault)


class Latest(QObject):
    """A question that is asked again whenever what it depends on changes; the newest one counts.

    Asked once nothing has changed for *after_ms*. What is still on its way is withdrawn at once,
    and the next question waits until that has ended: never is more than one in flight. A late
    answer to an old question is delivered to nobody.
    """

    def __init__(self, tasks: Tasks, parent: QObject, after_ms: int = 0) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._next: Callable[[], asyncio.Task[Any]] | None = None
        self._task: asyncio.Task[Any] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(after_ms)
        self._timer.timeout.connect(self._begin)
        # A task may outlive the page that asked.
        alive = self._alive = [True]
        self.destroyed.connect(lambda: alive.clear())

    @property
    def busy(self) -> bool:
        """Whether an answer is still to come."""
        under_way = self._task is not None and not self._task.cancelling()
        return under_way or self._next is not None

    def ask(
        self,
        question: Callable[[], Awaitable[T]],
        done: Callable[[T], None] | None = None,
        failed: Callable[[UserFacingError], None] | None = None,
    ) -> None:
        """Ask *question* instead of the one before; *done* and *failed* as for :class:`Tasks`."""

        async def asked() -> T:
            return await question()

        def begin() -> asyncio.Task[T]:
            return self._tasks.run(
                asked(),
                lambda answer: self._deliver(done, answer),
                (lambda error: self._deliver(failed, error)) if failed is not None else None,
            )

        self._next = begin
        if self._task is not None:
            self._task.cancel()
        if self._timer.interval():
            self._timer.start()
        elif self._task is None:
            self._begin()

    def withdraw(self) -> None:
        """Want no answer any more."""
        self._timer.stop()
        self._next = None
        if self._task is not None:
            self._task.cancel()

    def _begin(self) -> None:
        if self._task is None and self._next is not None:
            begin, self._next = self._next, None
            self._task = begin()
            self._task.add_done_callback(self._ended)

    def _deliver(self, receiver: Callable[[T], None] | None, answer: T) -> None:
        if not self._alive:
            return  # whoever asked has gone
        # Whoever draws the answer finds nothing under way.
        self._task = None
        if receiver is not None and isValid(self):
            receiver(answer)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if not self._alive:
            return
        if self._task is task:
            self._task = None
        # Where the window was closed meanwhile, nobody waits and nothing is asked any more.
        if isValid(self) and not self._timer.isActive():
            self._begin()


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Like ``asyncio.to_thread``, but withdrawn only when the thread has ended, which cannot be
    stopped: for :class:`Latest`, that must know when nothing is in flight."""
    thread = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(thread)
    except asyncio.CancelledError:
        await asyncio.wait([thread])
        raise
