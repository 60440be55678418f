"""First come, first served: a lock that is fair, and that a withdrawn request leaves."""

from __future__ import annotations

import bisect
import contextlib
import threading
from collections.abc import Iterator

from phi3studio.worker.serving import Cancel


class Turns:
    """Lets so many requests through at a time as there are *places*, in the order in which they
    asked.

    With *by_arrival* in the order in which they reached the service: their threads may get here
    in another one.
    """

    def __init__(self, places: int = 1, *, by_arrival: bool = False) -> None:
        self._places = places
        self._by_arrival = by_arrival
        self._waiting: list[Cancel] = []
        """The first ones hold the places."""
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def mine(self, cancel: Cancel) -> Iterator[None]:
        """Wait for the turn and hold it; raises ``Cancelled`` when *cancel* is requested."""
        with cancel.calling(self._wake):
            with self._changed:
                if self._by_arrival:
                    held = min(self._places, len(self._waiting))
                    bisect.insort(self._waiting, cancel, lo=held, key=lambda each: each.arrival)
                else:
                    self._waiting.append(cancel)
            try:
                with self._changed:
                    while cancel not in self._waiting[: self._places]:
                        cancel.check()
                        self._changed.wait()
            except BaseException:
                self._leave(cancel)
                raise
        try:
            yield
        finally:
            self._leave(cancel)

    def wait_for_earlier(self, cancel: Cancel) -> bool:
        """Wait until a request has left, if *cancel*, which holds a place, came after another
        one; whether it did. Raises ``Cancelled`` when *cancel* is requested."""
        with cancel.calling(self._wake), self._changed:
            before = list(self._waiting)
            if before[0] is cancel:
                return False
            while all(each in self._waiting for each in before):
                cancel.check()
                self._changed.wait()
            return True

    def _leave(self, cancel: Cancel) -> None:
        with self._changed:
            self._waiting.remove(cancel)
            self._changed.notify_all()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
