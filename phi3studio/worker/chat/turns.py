"""First come, first served: a lock that is fair, and that a withdrawn request leaves."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Iterator

from phi3studio.worker.serving import Cancel


class Turns:
    """Lets one request through at a time, in the order in which they came."""

    def __init__(self) -> None:
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def mine(self, cancel: Cancel) -> Iterator[None]:
        """Wait for the turn and hold it; raises ``Cancelled`` when *cancel* is requested."""
        ticket = object()
        with cancel.calling(self._wake):
            with self._changed:
                self._waiting.append(ticket)
            try:
                with self._changed:
                    while self._waiting[0] is not ticket:
                        cancel.check()
                        self._changed.wait()
            except BaseException:
                self._leave(ticket)
                raise
        try:
            yield
        finally:
            self._leave(ticket)

    def _leave(self, ticket: object) -> None:
        with self._changed:
            self._waiting.remove(ticket)
            self._changed.notify_all()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
