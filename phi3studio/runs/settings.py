"""What the user set for all parts of the program: ``settings.json`` in the app home.

The window's own preferences (look, language, place on the screen) are its own file.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace

from phi3studio.domain.errors import InputError
from phi3studio.runs.files import write_json
from phi3studio.runs.paths import Home, user_home

THREADS_VARIABLE = "PHI3STUDIO_THREADS"
_VERSION = 1
_MOST_THREADS = 1024


@dataclass(frozen=True)
class Settings:
    """``threads``: at most so many threads for the matrix work of runs, chats and evaluations;
    ``None`` leaves it to the program.
    """

    threads: int | None = None


def read_settings(home: Home) -> Settings:
    """The settings; what is damaged, unknown or out of range counts as not set."""
    try:
        values = json.loads((home.root / "settings.json").read_text("utf-8"))
        threads = values["threads"] if values["version"] == _VERSION else None
    except (OSError, ValueError, KeyError, TypeError):
        return Settings()
    return Settings(threads if _is_count(threads) else None)


def set_threads(home: Home, threads: int | None) -> Settings:
    """Keep the number of threads, ``None`` for automatic; raises :class:`InputError`."""
    if threads is not None and not _is_count(threads):
        raise InputError(
            "settings.threads",
            f"{threads} cannot be the number of threads.",
            "Give a number from 1 on, or auto.",
        )
    changed = replace(read_settings(home), threads=threads)
    file = home.made(home.root) / "settings.json"
    write_json(file, {"version": _VERSION, **asdict(changed)})
    return changed


def thread_limit() -> int | None:
    """At most so many threads: of ``PHI3STUDIO_THREADS``, or of the settings; ``None`` without."""
    named = os.environ.get(THREADS_VARIABLE, "").strip()
    if named.isdigit() and _is_count(int(named)):
        return int(named)
    return read_settings(user_home()).threads


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MOST_THREADS
