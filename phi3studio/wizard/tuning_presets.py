"""Quick look, Balanced, Thorough: settings that follow the data and the machine."""

from __future__ import annotations

import math

from phi3studio.domain.estimation.estimate import is_large
from phi3studio.domain.recipe import Method, Training
from phi3studio.wizard.flow import (
    Draft,
    Facts,
    PresetName,
    edit,
)


def total_steps(draft: Draft, facts: Facts) -> int | None:
    """Optimiser steps of the whole training; ``None`` while the rows are not counted."""
    rows = facts.data.train_rows if facts.data is not None else 0
    return draft.training.total_steps(rows) if rows or draft.training.max_steps else None


def tuning_preset(name: PresetName, facts: Facts) -> tuple[Method, Training]:
    """The settings that a preset stands for, given this data and this machine.

    The sequence length follows the longest row (next multiple of 64, so that no row is cut off
    where the model's context allows it), the batch follows the memory, and the number of passes
    follows the number of rows: few rows are seen more often.
    """
    data, model, machine = facts.data, facts.model, facts.machine
    longest = (data.longest if data else None) or 512
    ceiling = {"quick": 512, "balanced": 2048, "thorough": 4096}[name]
    ceiling = min(ceiling, (model.context if model else None) or ceiling)
    length = max(64, min(ceiling, math.ceil(longest / 64) * 64))
    rows = (data.train_rows if data else 0) or 500
    large = is_large((model.parameters if model else None) or 0)
    roomy = machine is not None and machine.free_memory > 12 * 2**30
    batch, accumulation = (8, 1) if not large else ((2, 4) if roomy else (1, 8))
    if length > 1024 and batch > 1:
        batch, accumulation = batch // 2, accumulation * 2
    epoch = math.ceil(rows / (batch * accumulation))
    passes = {"quick": 1.0, "balanced": 3.0, "thorough": 6.0}[name]
    if name != "quick" and epoch < 30:
        passes += 2.0
    rank = {"quick": 8, "balanced": 16, "thorough": 32}[name]
    method = Method(
        rank=rank,
        alpha=2 * rank,
        target_modules="all_linear" if name == "thorough" else "auto",
    )
    training = Training(
        epochs=passes,
        max_steps=min(60, max(1, epoch)) if name == "quick" else None,
        learning_rate=2e-4 if not large or name != "thorough" else 1e-4,
        batch_size=batch,
        accumulation=accumulation,
        sequence_length=length,
        evaluations={"quick": 2, "balanced": 4, "thorough": 8}[name],
        gradient_checkpointing=large and not roomy,
    )
    return method, training


def with_preset(draft: Draft, name: PresetName, facts: Facts) -> Draft:
    """Take over a preset's settings."""
    method, training = tuning_preset(name, facts)
    return edit(draft, "tuning", preset=name, method=method, training=training)


def follow_preset(draft: Draft, facts: Facts) -> Draft:
    """Bring the chosen preset up to date with what is now known; own settings stay."""
    if draft.preset is None:
        return draft
    method, training = tuning_preset(draft.preset, facts)
    return draft.model_copy(update={"method": method, "training": training})
