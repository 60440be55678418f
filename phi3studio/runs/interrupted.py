"""Runs that a shutdown, a logout or a power cut ended: offered, or gone on with, at the next start.

What the user leaves alone gets the marker ``set-aside`` and is not offered again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from phi3studio.app.settings import read_settings
from phi3studio.domain.errors import UserFacingError
from phi3studio.runs import launch
from phi3studio.runs.store import RunFolder, RunStore


def interrupted_runs(store: RunStore) -> list[RunFolder]:
    """The interrupted runs that were not set aside, oldest first; blocking."""
    return [run for run in reversed(store.all()) if _is_interrupted(run)]


def _is_interrupted(run: RunFolder) -> bool:
    try:
        return not run.set_aside_marker.exists() and run.state() == "interrupted"
    except (UserFacingError, OSError):
        return False


def go_on(runs: Iterable[RunFolder]) -> list[RunFolder]:
    """Resume them in their order; those that started. The others say why when they are opened."""
    started = []
    for run in runs:
        with contextlib.suppress(UserFacingError, OSError):
            launch.resume(run)
            started.append(run)
    return started


def set_aside(runs: Iterable[RunFolder]) -> None:
    """Offer them no more."""
    for run in runs:
        with contextlib.suppress(OSError):
            run.set_aside_marker.touch()


def at_start(store: RunStore) -> tuple[list[RunFolder], list[RunFolder]]:
    """The runs to offer, and those that were gone on with as the settings say; blocking."""
    found = interrupted_runs(store)
    if not read_settings(store.home).resume_runs:
        return found, []
    started = go_on(found)
    return [run for run in found if run not in started], started
