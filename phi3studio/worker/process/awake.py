"""Keeps the computer from going to sleep while a run is at work.

What holds it awake goes with this process, also when it is killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator

_CONTINUOUS, _SYSTEM_REQUIRED = 0x80000000, 0x00000001


@contextlib.contextmanager
def awake(wanted: bool, platform: str = sys.platform) -> Iterator[None]:
    """Awake inside, if *wanted* and the system knows how; a screen may go dark all the same."""
    if wanted and platform == "win32":
        state = ctypes.windll.kernel32.SetThreadExecutionState  # type: ignore[attr-defined, unused-ignore]
        state(_CONTINUOUS | _SYSTEM_REQUIRED)
        try:
            yield
        finally:
            state(_CONTINUOUS)
        return
    holder = _holder(platform) if wanted else None
    try:
        yield
    finally:
        if holder is not None:
            # Its input ends first, so that what waits for it ends as well.
            assert holder.stdin is not None
            with contextlib.suppress(OSError):
                holder.stdin.close()
            holder.terminate()
            holder.wait()


def command(platform: str) -> list[str]:
    """What holds the computer awake until its input ends, or this process does."""
    if platform == "darwin":
        return ["caffeinate", "-i", "-w", str(os.getpid())]
    return [
        "systemd-inhibit", "--what=sleep:idle", "--who=Phi-3 Studio",
        "--why=A model is being trained", "--mode=block", "cat",
    ]  # fmt: skip


def _holder(platform: str) -> subprocess.Popen[bytes] | None:
    try:
        return subprocess.Popen(
            command(platform),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return None  # a system without it, as a container
