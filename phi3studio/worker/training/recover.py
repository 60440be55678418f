"""After the memory did not suffice: the next safer settings, told in the run's events."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable

from phi3studio.domain.estimation.recovery import in_force, recovered, safer
from phi3studio.domain.events import AnyPayload, MemoryCause
from phi3studio.runs.store import RunFolder
from phi3studio.worker.failures import out_of_memory

_REASONS: dict[MemoryCause, str] = {
    "device": "the GPU's memory was full",
    "host": "an allocation failed",
    "killed": "the system ended the worker because the memory was full",
}
_STAGE_HINTS = {
    "train": "Choose a smaller base model, train with method.kind: qlora, or shorten the rows; "
    "phi3studio fit proposes settings for this machine.",
    "merge": "Close other programs and resume the run, or use a machine with more memory: the "
    "trained adapter is kept.",
    "quantise": "Close other programs and resume the run; the merged model is kept. A smaller "
    "base model takes less.",
    "verify": "Close other programs and resume the run: the exported model is kept.",
}


def recover(run: RunFolder, emit: Callable[[AnyPayload], None], cause: MemoryCause) -> None:
    """Tell the settings with which the next attempt goes on.

    Raises :class:`RunError` when there are none, or the recipe forbids it.
    """
    view = run.view()
    recipe = in_force(run.recipe(), view.recoveries)
    step = safer(recipe, view.stage, cause, _longest(run, recipe.training.sequence_length))
    if not recipe.training.recover and step is not None:
        raise out_of_memory(
            f"{_REASONS[cause]}; training.recover: false forbids to go on with safer settings"
        )
    if step is None:
        raise out_of_memory(_REASONS[cause], _STAGE_HINTS.get(view.stage or ""))
    emit(step)
    emit(recovered(step, recipe))


def _longest(run: RunFolder, otherwise: int) -> int:
    """Tokens of the longest row; *otherwise* while the data is not prepared."""
    from phi3studio.worker.data.preparing.prepare_examples import MANIFEST

    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return int(json.loads((run.data / MANIFEST).read_text("utf-8"))["longest"])
    return otherwise
