"""Runs whose exported model is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phi3studio.domain.errors import InputError
from phi3studio.domain.run import state_phrase

if TYPE_CHECKING:
    from phi3studio.runs.store import RunFolder


def exported_run(name: str) -> RunFolder:
    """The run *name* (a beginning, or ``latest``); raises :class:`InputError` for one without an
    exported model."""
    from phi3studio.app.paths import user_home
    from phi3studio.runs.result_check import check_result
    from phi3studio.runs.store import RunStore

    found = RunStore(user_home()).find(name)
    check_result(found, "model")
    if found.model.is_dir():
        return found
    state = found.state()
    if state == "completed":
        raise InputError("run.no_export", run=found.name)
    raise InputError("run.not_completed", run=found.name, state=state_phrase(state))
