"""Quick look, Balanced, Thorough: settings that follow the data, the model and the machine.

The numbers were found by experiment: ``docs/presets.md`` holds the table.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from phi3studio.domain.estimation.estimate import is_large
from phi3studio.domain.hyperparameters import usual_rate
from phi3studio.domain.recipe import Method, Objective, Training
from phi3studio.wizard.flow import OF_PAIRS, Draft, Facts, PresetName, edit

ROOMY = 12 * 2**30
"""Free memory in bytes from which a large model's batches need not be of one row."""

_LONG_ANSWER = 32
_MANY_ROWS = 10_000
_RATE_OF_PAIRS, _STEPS_OF_PAIRS, _LEAST_OF_PAIRS = 0.1, 25, 0.03
"""Preferences: this share of the usual rate for so many steps, in proportion less for more steps.

What goes on longer makes answers longer, then endless. ORPO also learns the answers: it keeps rate
and epochs.
"""


@dataclass(frozen=True)
class _Length:
    """How long a preset trains: optimiser steps to aim at, within these numbers of epochs.

    Long answers are learned by heart after few epochs; labels and short answers gain from more.
    Preferences have epochs of their own.
    """

    steps: int
    fewest: float
    most: float
    most_of_long: float
    longest_row: int
    evaluations: int
    epochs_of_pairs: float

    def epochs(self, epoch: int, rows: int, learned: float | None) -> float:
        """*epoch*: steps of one; *learned*: learned tokens of a row in the mean, if known."""
        most = self.most_of_long if learned is not None and learned > _LONG_ANSWER else self.most
        fewest = self.fewest if rows <= _MANY_ROWS else 1.0
        return max(fewest, min(most, float(round(self.steps / epoch))))


_LENGTHS: dict[PresetName, _Length] = {
    "quick": _Length(80, 1, 8, 2, longest_row=512, evaluations=2, epochs_of_pairs=1),
    "balanced": _Length(400, 2, 12, 3, longest_row=2048, evaluations=4, epochs_of_pairs=1),
    "thorough": _Length(800, 3, 15, 5, longest_row=4096, evaluations=8, epochs_of_pairs=3),
}


def total_steps(draft: Draft, facts: Facts) -> int | None:
    """Optimiser steps of the whole training; ``None`` while the rows are not counted."""
    rows = facts.data.train_rows if facts.data is not None else 0
    return draft.training.total_steps(rows) if rows or draft.training.max_steps else None


def preset_settings(
    name: PresetName,
    rows: int,
    parameters: int,
    *,
    longest: int = 512,
    learned: float | None = None,
    context: int | None = None,
    roomy: bool = True,
    objective: Objective = "sft",
) -> tuple[Method, Training]:
    """The settings of a preset for *rows* training rows and a model of so many *parameters*.

    The learning rate follows the model's size, the epochs the number of rows and the length of
    the answers (*learned* tokens of a row in the mean). The sequence length follows the *longest*
    row in tokens (next multiple of 64, so that no row is cut off where the model's *context*
    allows it), the batch the memory (*roomy*: more than :data:`ROOMY` is free). An *objective* that
    compares answers takes smaller steps, and pairs half as many in one pass.
    """
    length = _LENGTHS[name]
    large = is_large(parameters)
    ceiling = min(length.longest_row, context or length.longest_row)
    sequence = max(64, min(ceiling, math.ceil(longest / 64) * 64))
    batch, accumulation = (8, 1) if not large else ((2, 4) if roomy else (1, 8))
    if sequence > 1024 and batch > 1:
        batch, accumulation = batch // 2, accumulation * 2
    if objective in OF_PAIRS and batch > 1:
        # A pair is two rows: as many of these in a pass, and as many pairs in a step.
        batch, accumulation = batch // 2, accumulation * 2
    epoch = math.ceil(rows / (batch * accumulation))
    epochs = length.epochs(epoch, rows, learned)
    share = 1.0
    if objective != "sft":
        share = _RATE_OF_PAIRS
        if objective != "orpo":
            epochs = length.epochs_of_pairs
            share *= min(1.0, _STEPS_OF_PAIRS / (epoch * epochs))
        share = max(_LEAST_OF_PAIRS, share)
    elif name == "quick":
        share = 2.0  # few steps: there is no time to learn slowly, and none to go astray
    elif name == "thorough" and learned is not None and learned > _LONG_ANSWER:
        share = 0.5
    rate = usual_rate(parameters) * share
    # Higher ranks and more modules gained nothing on a small model.
    wide = name == "thorough" and large
    method = Method(
        objective=objective,
        rank=32 if wide else 16,
        alpha=64 if wide else 32,
        target_modules="all_linear" if wide else "auto",
    )
    training = Training(
        epochs=epochs,
        max_steps=length.steps if name == "quick" and epoch * epochs > length.steps else None,
        learning_rate=float(f"{rate:.1e}"),
        batch_size=batch,
        accumulation=accumulation,
        sequence_length=sequence,
        evaluations=length.evaluations,
        gradient_checkpointing=large and not roomy,
    )
    return method, training


def tuning_preset(
    name: PresetName, facts: Facts, objective: Objective = "sft"
) -> tuple[Method, Training]:
    """The settings that a preset stands for, given this data, what is trained on it, and this
    machine."""
    data, model, machine = facts.data, facts.model, facts.machine
    return preset_settings(
        name,
        (data.train_rows if data else 0) or 500,
        (model.parameters if model else None) or 0,
        longest=(data.longest if data else None) or 512,
        learned=data.learned if data else None,
        context=model.context if model else None,
        roomy=machine is not None and machine.free_memory > ROOMY,
        objective=objective,
    )


def with_preset(draft: Draft, name: PresetName, facts: Facts) -> Draft:
    """Take over a preset's settings."""
    method, training = tuning_preset(name, facts, draft.objective)
    return edit(draft, "tuning", preset=name, method=method, training=training)


def with_objective(draft: Draft, objective: Objective) -> Draft:
    """Train pairs of answers by another objective; what was set for the one before is forgotten,
    the preset stays."""
    changes: dict[str, object] = {"objective": objective, "beta": None, "label_smoothing": 0.0}
    changed = edit(draft, "tuning", method=changes)
    return changed.model_copy(update={"preset": draft.preset})


def follow_preset(draft: Draft, facts: Facts) -> Draft:
    """Bring the chosen preset up to date with what is now known; own settings stay."""
    if draft.preset is None:
        return draft
    method, training = tuning_preset(draft.preset, facts, draft.objective)
    return draft.model_copy(update={"method": method, "training": training})
