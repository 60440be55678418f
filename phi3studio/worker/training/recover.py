"""Out-of-memory recovery: the next safer settings, recorded in the run's events."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable

from phi3studio.domain.estimation.recovery import in_force, recovered, safer
from phi3studio.domain.events.event_line import AnyPayload
from phi3studio.domain.events.payload import MemoryCause
from phi3studio.domain.messages import Phrase
from phi3studio.runs.store import RunFolder
from phi3studio.worker.failures import out_of_memory


def recover(run: RunFolder, emit: Callable[[AnyPayload], None], cause: MemoryCause) -> None:
    """Record the settings that the next attempt uses.

    Raises :class:`RunError` when there are none, or the recipe forbids it.
    """
    view = run.view()
    recipe = in_force(run.recipe(), view.recoveries)
    step = safer(recipe, view.stage, cause, _longest(run, recipe.training.sequence_length))
    reason = Phrase("run.memory_cause", variant=cause)
    if not recipe.training.recover and step is not None:
        raise out_of_memory(reason, "no_recovery")
    if step is None:
        raise out_of_memory(reason, view.stage or "")
    emit(step)
    emit(recovered(step, recipe))


def _longest(run: RunFolder, otherwise: int) -> int:
    """Tokens of the longest row; *otherwise* while the data is not prepared."""
    from phi3studio.worker.data.preparing.prepare_examples import MANIFEST

    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return int(json.loads((run.data / MANIFEST).read_text("utf-8"))["longest"])
    return otherwise
