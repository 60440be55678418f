"""Reading a run's events as they are written."""

from __future__ import annotations

from phi3studio.domain.events import Event
from phi3studio.runs.store import RunFolder, parse_lines


class Follower:
    """Reads what has been appended since the last call.

    Never blocks and never returns half a line: bytes after the last newline wait for the next
    call. Not thread-safe.
    """

    def __init__(self, run: RunFolder, *, from_end: bool = False) -> None:
        self._file = run.events_file
        self._offset = 0
        if from_end and self._file.exists():
            self._offset = self._file.stat().st_size

    def read(self) -> list[Event]:
        """The new events, oldest first."""
        try:
            with self._file.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        complete = data[: data.rfind(b"\n") + 1]
        self._offset += len(complete)
        return list(parse_lines(complete))
