"""The parent of a run's attempts: starts one, sees how it ends, starts the next if it must.

The system's killer leaves no time for a last word, so a process that imports nothing heavy (some
20 MB) stays next to the one that works. It writes no events: the attempt that follows tells what
happened. An attempt ends with its supervisor, and the supervisor with its attempt.

Exit code :data:`AGAIN` of an attempt asks for another one. A death by SIGKILL is answered by
another one only if the memory was full; otherwise the run is *interrupted*, as the user who sent
the signal would expect.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from filelock import FileLock, Timeout

from phi3studio.app.files import PATIENCE_S, write_json
from phi3studio.app.program import LEAVE_SIGNALS, LIFE_LOCK, program
from phi3studio.worker.process.pressure import PressureWatch

AGAIN = 75
KILLED = "--killed"
"""Argument of an attempt: the one before was ended by the system because memory ran out."""

_SIGKILL = -9


def supervise(folder: Path) -> int:
    """See the run in *folder* through; returns the exit code of its last attempt."""
    leave = folder / "leave"

    def tell_to_leave(number: int, frame: FrameType | None) -> None:
        # A logout or a shutdown: only the user's cancel is one.
        with contextlib.suppress(OSError):
            leave.touch()

    for number in LEAVE_SIGNALS:
        signal.signal(number, tell_to_leave)
    if not (folder / "recipe.json").is_file():  # a lock makes its folder
        print(f"there is no run in {folder}", file=sys.stderr)
        return 2
    lock = FileLock(folder / LIFE_LOCK)
    try:
        lock.acquire(timeout=PATIENCE_S)
    except Timeout:
        print(f"another worker has the run {folder.name}", file=sys.stderr)
        return 2
    try:
        with contextlib.suppress(OSError):  # a full disk: the attempt tells of it
            write_json(folder / "worker.json", {"pid": os.getpid()})
        again: list[str] = []
        while True:
            code, for_memory = _attempt(folder, again)
            left = leave.exists()
            if left or not (code == AGAIN or for_memory):
                break
            again = [KILLED] if for_memory else []
    finally:
        with contextlib.suppress(OSError):
            leave.unlink(missing_ok=True)  # its attempt has ended
        lock.release()
    if not left:
        _tell_desktop(folder)
    return code if code >= 0 else 128 - code


def _tell_desktop(folder: Path) -> None:
    """Say how the run has ended, where no window does; imports only now what that takes."""
    from phi3studio.domain.errors import UserFacingError
    from phi3studio.runs.shown.ending import tell_desktop
    from phi3studio.runs.store import RunFolder

    # The run is over and kept whatever becomes of the note: its folder may be gone.
    with contextlib.suppress(OSError, UserFacingError):
        tell_desktop(RunFolder(folder))


def _attempt(folder: Path, arguments: list[str]) -> tuple[int, bool]:
    """One attempt: its exit code, and whether the system ended it for want of memory."""
    # The pipe is the attempt's line to this process: it closes when either ends.
    with (
        subprocess.Popen(
            program("worker", "attempt", str(folder), *arguments), stdin=subprocess.PIPE
        ) as child,
        PressureWatch(child.pid) as pressure,
    ):
        code = child.wait()
        return code, code == _SIGKILL and pressure.was_killed_for_memory()
