"""First come, first served: a lock that is fair, and that a withdrawn request leaves."""

from __future__ import annotations

import bisect
import contextlib
import threading
from collections.abc import Iterator

from phi3studio.worker.serving import Cancel


class Turns:
    """Lets one request through at a time, in the order in which they asked.

    With *by_arrival* in the order in which they reached the service: their threads may get here
    in another one.
    """

    def __init__(self, *, by_arrival: bool = False) -> None:
        self._by_arrival = by_arrival
        self._waiting: list[Cancel] = []
        """The first one holds the turn."""
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def mine(self, cancel: Cancel) -> Iterator[None]:
        """Wait for the turn and hold it; raises ``Cancelled`` when *cancel* is requested."""
        with cancel.calling(self._wake):
            with self._changed:
                if self._by_arrival and self._waiting:
                    bisect.insort(self._waiting, cancel, lo=1, key=lambda each: each.arrival)
                else:
                    self._waiting.append(cancel)
            try:
                with self._changed:
                    while self._waiting[0] is not cancel:
                        cancel.check()
                        self._changed.wait()
            except BaseException:
                self._leave(cancel)
                raise
        try:
            yield
        finally:
            self._leave(cancel)

    def _leave(self, cancel: Cancel) -> None:
        with self._changed:
            self._waiting.remove(cancel)
            self._changed.notify_all()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
