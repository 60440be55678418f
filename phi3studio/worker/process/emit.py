"""Writing a run's events."""

from __future__ import annotations

import os
import threading
import time
from typing import Self

from phi3studio.domain.events import AnyPayload, Event
from phi3studio.runs.store import RunFolder


class Emitter:
    """Appends events to ``events.jsonl``, one write a line, flushed at once. Thread-safe.

    Continues the numbering of an earlier attempt, and completes a last line that a crash cut off
    by starting on a new one. A context manager: its end closes the file.
    """

    def __init__(self, run: RunFolder) -> None:
        self._lock = threading.Lock()
        self._seq = run.view().last_seq
        self._closed = False
        half_line = False
        if run.events_file.exists() and run.events_file.stat().st_size:
            with run.events_file.open("rb") as file:
                file.seek(-1, os.SEEK_END)
                half_line = file.read(1) != b"\n"
        self._file = run.events_file.open("ab", buffering=0)
        if half_line:
            self._file.write(b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __call__(self, payload: AnyPayload, t: float | None = None) -> None:
        """Append one event; nothing is written after ``finished`` or ``paused``.

        *t* is its time (seconds since the epoch) where it is not now.
        """
        with self._lock:
            if self._closed:
                return
            self._seq += 1
            at = time.time() if t is None else t
            line = Event(seq=self._seq, t=at, payload=payload).to_line()
            self._file.write(line.encode("utf-8") + b"\n")
            self._closed = payload.type in ("finished", "paused")
