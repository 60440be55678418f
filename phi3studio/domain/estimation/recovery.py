"""What a run changes by itself when the memory did not suffice. Pure.

The recipe stays as it was written; the settings in force are it and the run's recovery events.
Every step but the last kind keeps the rows of an optimiser step, so that the losses before and
after it can be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from phi3studio.domain.events.payload import MemoryCause, StageName
from phi3studio.domain.events.run_events import Notice, Recovery, notice
from phi3studio.domain.messages import Phrase
from phi3studio.domain.quantisation import lighter
from phi3studio.domain.recipe import Recipe

SHORTEST_ROWS = 64
"""Rows are never cut shorter than this many tokens: too little of them would be left."""


def in_force(recipe: Recipe, recoveries: Sequence[Recovery]) -> Recipe:
    """*recipe* with the settings that the last recovery put in force."""
    if not recoveries:
        return recipe
    last = recoveries[-1]
    training = recipe.training.model_copy(
        update={
            "batch_size": last.batch_size,
            "accumulation": last.accumulation,
            "gradient_checkpointing": last.gradient_checkpointing,
            "sequence_length": last.sequence_length,
        }
    )
    target = recipe.target.model_copy(update={"int4": last.int4})
    return recipe.model_copy(update={"training": training, "target": target})


def safer(
    recipe: Recipe, stage: StageName | None, cause: MemoryCause, longest: int
) -> Recovery | None:
    """The next safer settings after *recipe* (as in force) for *stage*; ``None`` if none are left.

    *longest*: tokens of the longest row. In the training: a smaller batch with as much more
    accumulation, then gradient checkpointing, then shorter rows. In the quantisation: plain int4
    instead of the calibrated one.
    """
    training, target = recipe.training, recipe.target
    values = {
        "batch_size": training.batch_size,
        "accumulation": training.accumulation,
        "gradient_checkpointing": training.gradient_checkpointing,
        "sequence_length": training.sequence_length,
        "int4": target.int4,
    }
    changes: dict[str, int | str | bool] = {}
    rows = min(training.sequence_length, longest)
    if stage == "train":
        if training.batch_size > 1:
            factor = _smallest_factor(training.batch_size)
            changes = {
                "batch_size": training.batch_size // factor,
                "accumulation": training.accumulation * factor,
            }
        elif not training.gradient_checkpointing:
            changes = {"gradient_checkpointing": True}
        elif rows > SHORTEST_ROWS:
            changes = {"sequence_length": max(SHORTEST_ROWS, rows // 2)}
    elif stage == "quantise" and target.quantisation == "int4":
        preset = lighter(target.int4, target.provider)
        changes = {} if preset is None else {"int4": preset}
    if stage is None or not changes:
        return None
    return Recovery.model_validate(
        values | changes | {"stage": stage, "cause": cause, "changed": tuple(changes)}
    )


def recovered(step: Recovery, before: Recipe) -> Notice:
    """What happened and what is done about it."""
    cause = Phrase("run.memory_cause", variant=step.cause)
    say = partial(notice, "run.recovered", level="warning", cause=cause)
    training = before.training
    if "batch_size" in step.changed:
        return say(
            variant="batch_size",
            rows=step.batch_size,
            rows_before=training.batch_size,
            passes=step.accumulation,
            passes_before=training.accumulation,
        )
    if "gradient_checkpointing" in step.changed:
        return say(variant="gradient_checkpointing")
    if "sequence_length" in step.changed:
        return say(variant="sequence_length", tokens=step.sequence_length)
    return say(variant="int4", preset=step.int4)


def _smallest_factor(number: int) -> int:
    return next((n for n in range(2, number) if number % n == 0), number)
