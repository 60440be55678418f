"""The command that runs this program again, and other programs of the system. Imports nothing
heavy: the supervisor needs it."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

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


def find_program(name: str, *more: Path) -> str | None:
    """The file of another program: in the search path or one of the folders *more*.

    Never in the working folder, where a stranger's file may lie: Windows looks there first, as
    ``shutil.which`` does for it, and a relative folder in the path means the same.
    """
    endings = [""]
    if os.name == "nt":
        endings = os.environ.get("PATHEXT", ".COM;.EXE;.BAT;.CMD").split(os.pathsep)
    path = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep)]
    for folder in (*path, *more):
        files = [folder / f"{name}{ending}" for ending in endings if folder.is_absolute()]
        for file in files:
            if file.is_file() and os.access(file, os.X_OK):
                return str(file)
    return None
