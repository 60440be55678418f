"""Whether a base model fits a machine, and what a draft will take on it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from phi3studio.domain.errors import InputError
from phi3studio.domain.estimate import DataSize, Estimate, Machine, ModelSize, estimate
from phi3studio.domain.flow import DataFacts, Draft, Facts, MachineFacts, to_recipe
from phi3studio.domain.recipe import Data, Recipe, Template

FitLevel = Literal["fits", "tight", "too_large"]

# A core's matrix work in float32, in operations a second: two cores were measured at 100e9.
_CORE_FLOPS = 50e9
# Above this share of the free memory the system begins to swap.
_TIGHT = 0.8


@dataclass(frozen=True)
class Fit:
    """How a need compares with what is free. Bytes."""

    level: FitLevel
    need: int
    free: int


def model_size(parameters: int, file_bytes: int = 0) -> ModelSize:
    """The proportions of a decoder of that size, where its configuration is not at hand."""
    layers = 30 if parameters < 10**9 else 32
    hidden = max(256, round(math.sqrt(parameters / (12 * layers)) / 64) * 64)
    return ModelSize(parameters, hidden, layers, 49_152, file_bytes or parameters * 2)


def fit(size: ModelSize, machine: MachineFacts) -> Fit:
    """Whether a model of that size can be tuned here with modest settings."""
    recipe = Recipe(
        data=Data(source="-", template=Template(prompt="", completion="-")),
    )
    need = estimate(
        recipe.model_copy(
            update={
                "training": recipe.training.model_copy(update={"batch_size": 1}),
                "target": recipe.target.model_copy(update={"int4": "fast"}),
            }
        ),
        size,
        DataSize(500, 50_000, 100, 10_000, 256),
        _machine(machine),
        "float32" if size.parameters < 10**9 else "bfloat16",
    ).memory_bytes
    return judge(need, machine.free_memory)


def judge(need: int, free: int) -> Fit:
    """Compare a need with what is free."""
    if need > free:
        return Fit("too_large", need, free)
    return Fit("tight" if need > _TIGHT * free else "fits", need, free)


def estimate_draft(draft: Draft, facts: Facts) -> Estimate | None:
    """What the draft will take; ``None`` while too little is known."""
    data, model, machine = facts.data, facts.model, facts.machine
    if data is None or model is None or machine is None or model.size is None:
        return None
    try:
        recipe = to_recipe(draft)
    except InputError:
        return None
    precision = "float32" if model.size.parameters < 10**9 else "bfloat16"
    return estimate(recipe, model.size, data_size(data), _machine(machine), precision)


def data_size(data: DataFacts) -> DataSize:
    """The data's size; before it was tokenised, with rows of an ordinary length."""
    rows = max(1, data.train_rows)
    tokens = data.tokens if data.tokens is not None else rows * 60
    mean = tokens / max(1, data.train_rows + data.held_out_rows)
    return DataSize(
        train_rows=rows,
        train_tokens=round(mean * rows),
        held_out_rows=data.held_out_rows,
        held_out_tokens=round(mean * data.held_out_rows),
        longest=data.longest or 128,
    )


def _machine(machine: MachineFacts) -> Machine:
    return Machine(machine.memory, machine.free_disk, max(1, machine.cores) * _CORE_FLOPS)
