"""The command that runs this program again. Imports nothing heavy: the supervisor needs it."""

from __future__ import annotations

import sys


def program(*arguments: str) -> list[str]:
    """The command that runs this program again with *arguments*, frozen or from source.

    -P: Python does not import from the working folder, where a user may keep a random.py.
    """
    if getattr(sys, "frozen", False):
        return [sys.executable, *arguments]
    return [sys.executable, "-P", "-m", "phi3studio", *arguments]
