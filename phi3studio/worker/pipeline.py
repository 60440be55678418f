"""The stages of a run in their order: prepare, train, merge, quantise, verify.

Each stage finds its input in the run folder, verifies what it made and renames it into place.
A stage whose result is already there is not done again, so a resumed run goes on where the
earlier attempt ended.
"""

from __future__ import annotations

import gc
import shutil
from types import ModuleType

from phi3studio.domain.events.payload import StageName
from phi3studio.domain.events.run_events import Stage, StageDone
from phi3studio.worker.estimating.known_facts import estimate_attempt, learn_from
from phi3studio.worker.process.control import stopwatch
from phi3studio.worker.stages import merge, prepare, quantise, train, verify
from phi3studio.worker.stages.attempt import Attempt

_STAGES: dict[StageName, ModuleType] = {
    "prepare": prepare,
    "train": train,
    "merge": merge,
    "quantise": quantise,
    "verify": verify,
}


def execute(attempt: Attempt) -> None:
    """Do every stage of the recipe that is not done. Raises what stops it."""
    stages = attempt.recipe.stages
    taken: dict[StageName, float] = {}
    for index, name in enumerate(stages, start=1):
        attempt.control.check()
        stage = _STAGES[name]
        done = stage.is_done(attempt)
        attempt.emit(Stage(name=name, index=index, count=len(stages), resumed=done))
        elapsed = stopwatch()
        if not done or name == "prepare":
            stage.do(attempt)
            if name == "prepare" and (expected := estimate_attempt(attempt)) is not None:
                attempt.emit(expected)
            gc.collect()
            taken[name] = elapsed()
            attempt.emit(
                StageDone(
                    name=name,
                    seconds=taken[name],
                    peak_memory=attempt.memory.peak,
                    peak_device_memory=attempt.memory.device_peak,
                )
            )
    learn_from(attempt, {n: value for n, value in taken.items() if n not in attempt.unusual})
    shutil.rmtree(attempt.run.work, ignore_errors=True)
