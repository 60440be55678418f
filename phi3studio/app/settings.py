"""What the user set for all parts of the program: ``settings.json`` in the data directory.

The window's own preferences (look, language, place on the screen) are its own file. Keys that
this version does not know are kept when the file is written: another version may use the home.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace
from typing import Any

from phi3studio.app.files import read_object, write_json
from phi3studio.app.paths import Home, user_home
from phi3studio.domain.errors import InputError

THREADS_VARIABLE = "PHI3STUDIO_THREADS"
_VERSION = 1
_MOST_THREADS = 1024


@dataclass(frozen=True)
class Settings:
    """``threads``: at most so many threads for the matrix work of runs, chats and evaluations;
    ``None`` leaves it to the program. ``update_check``: whether the window may ask once at its
    start for a newer version. ``resume_runs``: whether the window goes on with interrupted runs
    at its start. ``keep_awake``: whether the computer is kept from sleeping while a run works.
    """

    threads: int | None = None
    update_check: bool = False
    resume_runs: bool = False
    keep_awake: bool = True


def read_settings(home: Home) -> Settings:
    """The settings; what is damaged, unknown or out of range counts as not set."""
    values = _values(home)
    if values.get("version") != _VERSION:
        return Settings()
    threads = values.get("threads")
    return Settings(
        threads if _is_count(threads) else None,
        values.get("update_check") is True,
        values.get("resume_runs") is True,
        values.get("keep_awake") is not False,
    )


def set_threads(home: Home, threads: int | None) -> Settings:
    """Keep the number of threads, ``None`` for automatic; raises :class:`InputError`."""
    if threads is not None and not _is_count(threads):
        raise InputError("settings.threads", threads=threads)
    return _change(home, threads=threads)


def set_update_check(home: Home, wanted: bool) -> Settings:
    """Keep whether the window may ask for a newer version; raises :class:`InputError`."""
    return _change(home, update_check=wanted)


def set_resume_runs(home: Home, wanted: bool) -> Settings:
    """Keep whether the window goes on with interrupted runs; raises :class:`InputError`."""
    return _change(home, resume_runs=wanted)


def set_keep_awake(home: Home, wanted: bool) -> Settings:
    """Keep whether a run keeps the computer from sleeping; raises :class:`InputError`."""
    return _change(home, keep_awake=wanted)


def _change(home: Home, **changes: Any) -> Settings:
    changed = replace(read_settings(home), **changes)
    file = home.made(home.root) / "settings.json"
    before = _values(home)
    if before.get("version", _VERSION) != _VERSION:
        # Of a newer version of the program: kept aside, not lost.
        other = before["version"] if _is_count(before["version"]) else "other"
        write_json(file.with_name(f"settings-{other}.json"), before)
        before = {}
    write_json(file, before | {"version": _VERSION, **asdict(changed)})
    return changed


def _values(home: Home) -> dict[str, Any]:
    return read_object(home.root / "settings.json")


def thread_limit() -> int | None:
    """At most so many threads: of ``PHI3STUDIO_THREADS``, or of the settings; ``None`` without."""
    named = os.environ.get(THREADS_VARIABLE, "").strip()
    if named.isdigit() and _is_count(int(named)):
        return int(named)
    return read_settings(user_home()).threads


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MOST_THREADS
