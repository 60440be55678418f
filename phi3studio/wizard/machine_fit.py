"""Whether a base model fits a machine, and what a draft will take on it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from phi3studio.domain.base_models import CatalogueEntry
from phi3studio.domain.errors import InputError
from phi3studio.domain.estimation.estimate import (
    TIGHT,
    DataSize,
    Estimate,
    Machine,
    ModelSize,
    estimate,
    is_large,
    usual_precision,
)
from phi3studio.domain.quantisation import PLAIN
from phi3studio.domain.recipe import Data, Recipe, Template
from phi3studio.wizard.flow import DataFacts, Draft, Facts, MachineFacts, to_recipe

FitLevel = Literal["fits", "tight", "too_large"]

# A core's matrix work in float32, in operations a second, until the machine was measured.
_CORE_FLOPS = 50e9


@dataclass(frozen=True)
class Fit:
    """How a need compares with what is free. Bytes. ``training``: what the training alone takes;
    merging a model below a billion parameters in full precision takes more."""

    level: FitLevel
    need: int
    free: int
    training: int = 0


def model_size(parameters: int, file_bytes: int = 0) -> ModelSize:
    """The proportions of a decoder of that size, where its configuration is not at hand."""
    layers = 32 if is_large(parameters) else 30
    hidden = max(256, round(math.sqrt(parameters / (12 * layers)) / 64) * 64)
    return ModelSize(
        parameters, hidden, layers, 49_152, file_bytes or parameters * 2, round(2.7 * hidden)
    )


def size_of_config(config: Mapping[str, Any], parameters: int, file_bytes: int) -> ModelSize:
    """The proportions that a model's ``config.json`` tells; guessed where it does not."""
    guess = model_size(parameters, file_bytes)

    def number(key: str, otherwise: int) -> int:
        value = config.get(key)
        return value if isinstance(value, int) and value > 0 else otherwise

    hidden = number("hidden_size", guess.hidden)
    return ModelSize(
        parameters=parameters,
        hidden=hidden,
        layers=number("num_hidden_layers", guess.layers),
        vocabulary=number("vocab_size", guess.vocabulary),
        file_bytes=file_bytes or guess.file_bytes,
        inner=number("intermediate_size", round(2.7 * hidden)),
        tied=config.get("tie_word_embeddings") is True,
    )


def size_of_entry(entry: CatalogueEntry) -> ModelSize:
    """The proportions of a model of the catalogue."""
    shape = entry.shape
    return ModelSize(
        parameters=entry.parameters,
        hidden=shape.hidden,
        layers=shape.layers,
        vocabulary=shape.vocabulary,
        file_bytes=entry.disk_bytes,
        inner=shape.intermediate,
        tied=shape.tied_embeddings,
    )


def fit(size: ModelSize, free_memory: int) -> Fit:
    """Whether a model of that size can be tuned here with modest settings."""
    found = _modest(size)
    return replace(fit_of(found.memory_bytes, free_memory), training=found.memory["train"])


def _modest(size: ModelSize) -> Estimate:
    plain = Recipe(data=Data(source="-", template=Template(prompt="", completion="-")))
    recipe = plain.model_copy(
        update={
            "training": plain.training.model_copy(update={"batch_size": 1}),
            "target": plain.target.model_copy(update={"int4": PLAIN}),
        }
    )
    rows = DataSize(500, 50_000, 100, 10_000, 256)
    machine = Machine(0, 0, _CORE_FLOPS)
    return estimate(recipe, size, rows, machine, usual_precision(size))


def fit_of(need: int, free: int) -> Fit:
    """Compare a need with what is free."""
    if need > free:
        return Fit("too_large", need, free)
    return Fit("tight" if need > TIGHT * free else "fits", need, free)


def estimate_draft(draft: Draft, facts: Facts) -> Estimate | None:
    """What the draft will take; ``None`` while too little is known."""
    data, model, machine = facts.data, facts.model, facts.machine
    if data is None or model is None or machine is None or model.size is None:
        return None
    try:
        recipe = to_recipe(draft)
    except InputError:
        return None
    precision = usual_precision(model.size)
    return estimate(recipe, model.size, data_size(data), machine_of(machine), precision)


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


def machine_of(machine: MachineFacts) -> Machine:
    """The machine as estimates see it; its speed is guessed until a run has measured it."""
    flops = machine.flops or max(1, machine.cores) * _CORE_FLOPS
    return Machine(machine.memory, machine.free_disk, flops, ratios=machine.ratios)
