"""Runs whose exported model is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phi3studio.domain.errors import InputError

if TYPE_CHECKING:
    from phi3studio.runs.store import RunFolder


def exported_run(name: str) -> RunFolder:
    """The run *name* (a beginning, or ``latest``); raises :class:`InputError` for one without an
    exported model."""
    from phi3studio.app.paths import user_home
    from phi3studio.runs.store import RunStore

    found = RunStore(user_home()).find(name)
    if found.model.is_dir():
        return found
    state = found.state()
    if state == "completed":
        raise InputError(
            "run.no_export",
            f"The run {found.name} made no exported model: its recipe leaves quantise out.",
            "Add quantise to the recipe's steps and run it.",
        )
    raise InputError(
        "run.not_completed",
        f"The run {found.name} has no exported model yet: it is {state}.",
        f"Follow it with phi3studio show {found.name}, or go on with phi3studio resume.",
    )
