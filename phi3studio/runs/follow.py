"""Reading a run's events as they are written."""

from __future__ import annotations

import os

from phi3studio.domain.events.event_line import Event
from phi3studio.runs.event_file import CURVE_POINTS, few_events, parse_lines, unreadable
from phi3studio.runs.store import RunFolder

_BLOCK = 64 * 1024


class Follower:
    """Reads what has been appended since the last call.

    Never blocks and never returns half a line: bytes after the last newline wait for the next
    call. Not thread-safe.
    """

    def __init__(self, run: RunFolder, *, from_end: bool = False) -> None:
        self._file = run.events_file
        self._offset = self._end() if from_end else 0

    def begin(self) -> list[Event]:
        """What has been written so far, of much progress as many events as a curve shows."""
        self._offset = self._end()
        seen = few_events(self._file, CURVE_POINTS)
        last = seen[-1].seq if seen else 0
        # What was written meanwhile is seen once.
        return [*seen, *(event for event in self.read() if event.seq > last)]

    def _end(self) -> int:
        """Where the last complete line ends."""
        try:
            with self._file.open("rb") as file:
                at = file.seek(0, os.SEEK_END)
                while at > 0:
                    start = max(0, at - _BLOCK)
                    file.seek(start)
                    found = file.read(at - start).rfind(b"\n")
                    if found >= 0:
                        return start + found + 1
                    at = start
        except OSError:
            pass  # reported by what reads it
        return 0

    def read(self) -> list[Event]:
        """The new events, oldest first."""
        try:
            with self._file.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        except OSError as exc:
            raise unreadable(self._file, exc) from exc
        complete = data[: data.rfind(b"\n") + 1]
        self._offset += len(complete)
        return list(parse_lines(complete.split(b"\n")))
