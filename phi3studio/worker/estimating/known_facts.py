"""The estimator service: what a recipe will take on this machine, and settings that fit it.

Everything is counted where it can be: the parameters from the model's configuration, the tokens
by tokenising the data as a run does, the matrix rate by a measured product.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from phi3studio.app.files import scratch_folder
from phi3studio.app.machine_speed import add_ratios, read_ratios
from phi3studio.app.paths import Home, user_home
from phi3studio.domain.estimation.estimate import (
    DataSize,
    Estimate,
    Machine,
    ModelSize,
    estimate,
    stage_kind,
)
from phi3studio.domain.events.payload import StageName
from phi3studio.domain.events.run_events import Estimated
from phi3studio.domain.recipe import Recipe
from phi3studio.models.model_folder import weight_bytes
from phi3studio.runs.saved_estimates import read_estimate
from phi3studio.wizard.machine_fit import size_of_config
from phi3studio.worker.data.preparing.prepare_examples import Prepared

if TYPE_CHECKING:
    from phi3studio.worker.models import ModelFacts
    from phi3studio.worker.stages.attempt import Attempt


@dataclass(frozen=True)
class Known:
    """What an estimate is made from."""

    recipe: Recipe
    model: ModelSize
    data: DataSize
    machine: Machine
    precision: str
    context: int = 0

    def estimate(self) -> Estimate:
        """By the formulas, nothing tried."""
        return estimate(self.recipe, self.model, self.data, self.machine, self.precision)


def know(
    recipe: Recipe, home: Home, on_activity: Callable[[str], None], lenient: bool = False
) -> Known:
    """Look at everything that *recipe* names. Raises :class:`UserFacingError` as a run would;
    *lenient*: not for settings that can be mended."""
    from phi3studio.worker.data.preparing.prepare_examples import prepare
    from phi3studio.worker.models import check_against_model, model_facts, resolve_model
    from phi3studio.worker.models.open_tokenizer import open_tokenizer
    from phi3studio.worker.process import hardware, privacy

    privacy.disable_telemetry()
    on_activity("opening the model")
    trusted = recipe.model.trust_remote_code
    folder = resolve_model(recipe.model.source, on_activity, revision=recipe.model.revision)
    facts = model_facts(folder, trusted)
    if not lenient:
        check_against_model(recipe, facts)
    data = DataSize(0, 0, 0, 0, 0)
    if recipe.data is not None:
        on_activity("reading the data")
        tokenizer = open_tokenizer(folder, trusted)
        with scratch_folder(home.made(home.cache)) as scratch:
            read = _with_few_rows(recipe) if lenient else recipe
            prepared = prepare(read, tokenizer, scratch, lambda step, total: None)
            data = data_size(prepared)
    on_activity("measuring the machine")
    device = hardware.choose_device(recipe)
    precision = hardware.choose_precision(recipe, device)
    machine = machine_now(home, device, precision)
    return Known(recipe, model_size(folder, facts), data, machine, precision, facts.context)


def data_size(prepared: Prepared) -> DataSize:
    """The sizes of prepared examples, counted."""
    import numpy as np
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    columns = ("input_ids", "prompt_tokens", "rejected_ids")
    lengths = []
    for file in (prepared.train, prepared.held_out):
        known = [name for name in columns if name in pq.read_schema(file).names]
        table = pq.read_table(file, columns=known)
        length = np.asarray(pc.list_value_length(table["input_ids"]), dtype=np.int64)
        if "rejected_ids" in known:
            # A step computes the prompt of a pair once.
            rejected = np.asarray(pc.list_value_length(table["rejected_ids"]), dtype=np.int64)
            length = length + rejected - np.asarray(table["prompt_tokens"], dtype=np.int64)
        lengths.append(length)
    train, held_out = lengths
    return DataSize(
        train_rows=len(train),
        train_tokens=int(train.sum()),
        held_out_rows=len(held_out),
        held_out_tokens=int(held_out.sum()),
        longest=int(train.max(initial=1)),
        spread=float(train.std()) if len(train) else 0.0,
        learned=prepared.learned_tokens / max(1, prepared.tokens),
    )


def model_size(folder: Path, facts: ModelFacts) -> ModelSize:
    """The proportions of a model folder."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    return size_of_config(config, facts.parameters, weight_bytes(folder))


def machine_now(home: Home, device: str, precision: str) -> Machine:
    """This machine: what is free of it, and its measured rate."""
    import torch

    from phi3studio.worker.process import hardware

    disk = psutil.disk_usage(str(home.made(home.root)))
    available = psutil.virtual_memory().available
    speed = hardware.machine_speed()
    host = speed.of(precision)
    ratios = read_ratios(home)
    if device == "cuda":
        free, _ = torch.cuda.mem_get_info()
        flops = hardware.cuda_matmul_flops(precision)
        return Machine(available, disk.free, flops, "cuda", int(free), host, ratios=ratios)
    return Machine(available, disk.free, host, float32_flops=speed.float32, ratios=ratios)


def estimate_attempt(attempt: Attempt) -> Estimated | None:
    """What the run of *attempt* is expected to take, reported once in a run; else ``None``.

    A dry run's figures where there was one.
    """
    if attempt.run.view().estimated is not None or attempt.opened.prepared is None:
        return None
    known = _known(attempt)
    # Without what was learned: the run will show how far the formulas are off.
    plain = replace(known, machine=replace(known.machine, ratios={}))
    attempt.by_formula = plain.estimate()
    found = read_estimate(user_home(), attempt.run.recipe()) or known.estimate()
    return Estimated(
        memory=found.memory,
        seconds=found.seconds,
        disk=found.disk_bytes,
        device_memory=found.device_memory,
        measured=found.measured,
    )


def learn_from(attempt: Attempt, seconds: Mapping[StageName, float]) -> None:
    """Note how long the stages of an undisturbed run took, for the estimates to come."""
    formula = attempt.by_formula
    if formula is None:
        return
    size = model_size(attempt.opened.model, attempt.opened.facts)
    ratios = {
        stage_kind(stage, attempt.recipe, size, attempt.device): taken / formula.seconds[stage]
        for stage, taken in seconds.items()
    }
    with contextlib.suppress(OSError):  # the next run teaches the same
        add_ratios(user_home(), ratios)


def _known(attempt: Attempt) -> Known:
    opened = attempt.opened
    return Known(
        attempt.recipe,
        model_size(opened.model, opened.facts),
        data_size(attempt.prepared),
        machine_now(user_home(), attempt.device, attempt.precision),
        attempt.precision,
    )


def _with_few_rows(recipe: Recipe) -> Recipe:
    """The recipe with a batch that any number of rows fills."""
    training = recipe.training.model_copy(update={"batch_size": 1})
    return recipe.model_copy(update={"training": training})
