"""Writing a run's events."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
from typing import Self

from phi3studio.app.files import keep_for_good
from phi3studio.domain.events.event_line import AnyPayload, Event
from phi3studio.runs.store import RunFolder

FULL = (errno.ENOSPC, errno.EDQUOT)
"""Error numbers of a disk, or a user's share of it, that is full."""

# The longest last words, many times over.
_RESERVED = 64 * 1024


class Emitter:
    """Appends events to ``events.jsonl``, one write a line, flushed at once. Thread-safe.

    Continues the numbering of an earlier attempt, and completes a last line that a crash cut off
    by starting on a new one. A piece of disk is kept aside, so that also where the disk is full
    the attempt's last words are written: what happened is never lost. A context manager: its end
    closes the file.
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
        self._reserve = run.path / ".reserve"
        self._file = run.events_file.open("ab", buffering=0)
        if half_line:
            self._write(b"\n")

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
            line = Event(seq=self._seq, t=at, payload=payload).to_line().encode("utf-8") + b"\n"
            last = payload.type in ("finished", "paused")
            try:
                self._write(line)
            except OSError as exc:
                if not last or exc.errno not in FULL:
                    self._seq -= 1
                    raise
                self._reserve.unlink(missing_ok=True)
                self._write(line)
            self._closed = last
            if last:
                self._reserve.unlink(missing_ok=True)
            elif payload.type in ("waiting", "started"):
                self._keep_aside()

    def _write(self, line: bytes) -> None:
        """All of it, or nothing: half a line would take the next one with it."""
        before = os.fstat(self._file.fileno()).st_size
        rest = memoryview(line)
        try:
            while rest:
                rest = rest[self._file.write(rest) or 0 :]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file.fileno(), before)
            raise

    def _keep_aside(self) -> None:
        with contextlib.suppress(OSError):
            if not self._reserve.exists():
                # Random, as a disk that compresses keeps no room for zeros.
                self._reserve.write_bytes(os.urandom(_RESERVED))
                keep_for_good(self._reserve)
