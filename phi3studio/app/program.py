"""The command that runs this program again. Imports nothing heavy: the supervisor needs it."""

from __future__ import annotations

import signal
import sys

LIFE_LOCK = ".supervisor.lock"
"""File in the run's folder that a worker keeps locked as long as it lives."""

LEAVE_SIGNALS = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    if hasattr(signal, name)
)
"""Logout, shutdown, a closed console: none of them is the user's cancel."""


def program(*arguments: str) -> list[str]:
    """The command that runs this program again with *arguments*, frozen or from source.

    -P: Python does not import from the working folder, where a user may keep a random.py.
    """
    if getattr(sys, "frozen", False):
        return [sys.executable, *arguments]
    return [sys.executable, "-P", "-m", "phi3studio", *arguments]
