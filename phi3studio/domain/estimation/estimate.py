"""What a run will take: memory, disk and time, from the recipe, the model and the machine.

The constants below were measured on a two-core machine with the starter model and a tiny Phi-3;
a dry run (``worker/estimating/dry_run.py``) replaces what they give by measured figures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from phi3studio.domain.events.payload import StageName
from phi3studio.domain.hyperparameters import REFERENCED, WHOLE_CHANGE, Method, MethodKind
from phi3studio.domain.quantisation import AUTO, FORMATS, Int4Preset, presets_tried
from phi3studio.domain.recipe import Recipe

LARGE_MODEL = 10**9
"""From this many parameters on a model is merged and quantised as its weights are stored and
layer by layer: float32 and calibration would take too much memory and time."""

# Resident memory of a worker without any model, by the libraries that a stage loads (measured).
_IMPORTS_BYTES: dict[str, int] = {
    "prepare": 480 * 10**6,
    "train": 660 * 10**6,
    "merge": 670 * 10**6,
    "quantise": 690 * 10**6,
    "verify": 690 * 10**6,
}
# What CUDA's libraries take of the host's memory, and its context of the GPU's.
_CUDA_HOST_BYTES = 2 * 10**9
_CUDA_CONTEXT_BYTES = 600 * 10**6
# Bytes a parameter of a merge in float32, and of an export that is not int4.
_MERGE_BYTES = 12.5
# Large models are merged and quantised layer by layer.
_LARGE_BYTES = 3.3
_LARGE_LEAST = 6 * 10**9
# Adapter weight, gradient and AdamW's two moments, all float32.
_ADAPTER_BYTES = 16
# Values kept for the backward pass per token and layer: so many times the hidden size, and so
# many times the size of the feed-forward part.
_KEPT_HIDDEN = 10
_KEPT_INNER = 4
# In 16 bits the loss and some norms still keep 32.
_KEPT_BYTES = {
    "cpu": {"float32": 4.0, "bfloat16": 2.3, "float16": 2.3},
    "cuda": {"float32": 4.0, "bfloat16": 3.0, "float16": 3.0},
}
# What allocators keep of the memory that was given back.
_GROWTH = 1.15
# Logits of the learned tokens: in the model's format, in float32, and their gradient.
_LOGIT_BYTES = 12
# LoHa and LoKr make each layer's whole change in every pass: memory for each of its values, and
# time, which no row changes, as that of so many tokens of plain LoRA (on the starter).
_WHOLE_CHANGE_BYTES = 6.0
_WHOLE_CHANGE_TOKENS: dict[MethodKind, float] = {"loha": 900.0, "lokr": 320.0}
_ELEMENT_BYTES = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0}
_NF4_BYTES = 0.6
# Small models' layers are kept in the layout of the matrix products as well, for both directions.
TIGHT = 0.8
"""Above this share of the free memory the system begins to swap."""

LAID_OUT_MOST_BYTES = 512 * 10**6
# Forward, and backward without weight gradients: LoRA trains only the small matrices.
_FLOPS_A_PARAMETER = 4.0
# Shares of the matrix rate that were reached: in the training, and where answers are generated.
_TRAINING_RATE = 0.47
_LAID_OUT_TRAINING_RATE = 0.58
_FLOAT32_TRAINING_RATE = 0.72
_ANSWERING_RATE = 0.24
_FLOAT32_ANSWERING_RATE = 0.6
# NF4 weights are unpacked in every pass.
_QLORA_RATE = 0.6
_RECOMPUTED = 4 / 3
_FORWARD = 0.4
# Seconds that a stage takes with a model of no size, and what its largest parts do in a second.
_START_S = {"prepare": 3.0, "train": 6.0, "merge": 0.5, "quantise": 6.0, "verify": 2.0}
# What the driver and its libraries take on top (2 to 9 s on three machines), and a forward and
# backward pass at least: a small model's layers do not fill a GPU.
_CUDA_START_S = 3.0
_CUDA_PASS_S = 0.012
_ROWS_A_SECOND = 5000
_LOADED_A_SECOND = 400e6
# Large models are merged layer by layer, from file to file.
_LARGE_MERGED_A_SECOND = 110e6
_QUANTISED_A_SECOND = 10e6
# Exports that a search builds of each preset, their measuring counted in; and those that it keeps.
_SEARCHED_A_PRESET = 8
_SEARCHED_KEPT = 6


@dataclass(frozen=True)
class ModelSize:
    """What matters of a model. ``file_bytes``: its weights on disk; ``inner``: the width of the
    feed-forward part; ``tied``: input and output share one table."""

    parameters: int
    hidden: int
    layers: int
    vocabulary: int
    file_bytes: int
    inner: int = 0
    tied: bool = False

    @property
    def body(self) -> int:
        """Parameters that every token passes: all but the tables of the vocabulary."""
        tables = self.vocabulary * self.hidden * (1 if self.tied else 2)
        return max(self.parameters - tables, self.parameters // 10)


@dataclass(frozen=True)
class DataSize:
    """What matters of the data, after rendering and splitting.

    ``longest`` in tokens; ``spread``: the standard deviation of the rows' tokens; ``learned``:
    the share of the tokens that is learned.
    """

    train_rows: int
    train_tokens: int
    held_out_rows: int
    held_out_tokens: int
    longest: int
    spread: float | None = None
    learned: float = 0.15

    @property
    def mean(self) -> float:
        """Tokens of a row."""
        return self.train_tokens / max(1, self.train_rows)

    def fullest_batch(self, rows: int, batches: int, limit: int) -> int:
        """Tokens of the fullest of so many random *batches* of *rows*, none longer than *limit*.

        The expected maximum of normal sums; never more than *rows* of the longest.
        """
        longest, mean = min(self.longest, limit), min(self.mean, limit)
        spread = self.spread if self.spread is not None else mean / 4
        expected = rows * mean + spread * math.sqrt(rows * 2 * math.log(max(2, batches)))
        return round(min(rows * longest, max(expected, longest)))


@dataclass(frozen=True)
class Machine:
    """What matters of the machine. ``flops``: matrix work in floating-point operations a second.

    ``device``: ``cpu``, or ``cuda`` with ``device_bytes`` of memory; then ``flops`` are the GPU's
    and ``host_flops`` the processor's. ``float32_flops``: the processor's in float32, where the
    training has another number format. ``ratios``: how many times as long as the formulas say
    :func:`stage_kind` takes here, as finished runs showed.
    """

    memory_bytes: int
    free_disk_bytes: int
    flops: float
    device: str = "cpu"
    device_bytes: int = 0
    host_flops: float = 0.0
    float32_flops: float = 0.0
    ratios: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Estimate:
    """Memory in bytes per stage, the highest up to its end; disk in bytes at its fullest; time
    in seconds per stage; the GPU's memory in bytes. ``measured``: by a dry run."""

    memory: dict[str, int]
    disk_bytes: int
    seconds: dict[str, float]
    device_memory: int = 0
    measured: bool = False

    @property
    def memory_bytes(self) -> int:
        return max(self.memory.values())

    @property
    def total_seconds(self) -> float:
        return sum(self.seconds.values())


def is_large(model: ModelSize | int) -> bool:
    """Whether a model, or one of so many parameters, is merged and quantised layer by layer."""
    return (model if isinstance(model, int) else model.parameters) >= LARGE_MODEL


def usual_precision(model: ModelSize) -> str:
    """The training's number format where nothing was measured."""
    return "bfloat16" if is_large(model) else "float32"


def disk_needed(recipe: Recipe, model: ModelSize) -> int:
    """Disk in bytes that a run takes at its fullest: merged copies, export, checkpoints.

    While int4 weights are calibrated, two more copies of the merged model lie in Olive's cache.
    """
    calibrated = any(row.calibrates for row in _presets(recipe))
    if recipe.target.calibrated is not None and recipe.limits is None:
        calibrated = recipe.target.calibrated and bool(_presets(recipe))
    merged = (3 if calibrated and not is_large(model) else 1) * merged_bytes(model)
    copies = 2 if recipe.limits is None else _SEARCHED_KEPT
    exported = copies * exported_bytes(recipe, model.parameters)
    return merged + exported + 200 * 1024**2


def merged_bytes(model: ModelSize) -> int:
    """Size of the merged model: float32 below a billion parameters, else as the base is."""
    return model.file_bytes if is_large(model) else model.parameters * 4


def exported_bytes(recipe: Recipe, parameters: int) -> int:
    """Size of the exported model on disk, in bytes."""
    if presets := _presets(recipe):
        return round(parameters * max(row.weight_bytes for row in presets)) + 100 * 1024**2
    return round(parameters * FORMATS[recipe.target.quantisation].weight_bytes)


def _presets(recipe: Recipe) -> tuple[Int4Preset, ...]:
    """The int4 presets that the export builds; empty for other formats."""
    target = recipe.target
    if recipe.limits is not None:
        return presets_tried(AUTO, target.provider)
    return presets_tried(target.int4, target.provider) if target.quantisation == "int4" else ()


def adapter_parameters(recipe: Recipe, model: ModelSize) -> int:
    """Trained values: small matrices next to each adapted layer."""
    values = sum(_adapter_values(recipe.method, *layer) for layer in _adapted(recipe, model))
    return round(model.layers * values)


def _adapted(recipe: Recipe, model: ModelSize) -> list[tuple[int, int]]:
    """Rows and columns of a block's adapted layers."""
    wide = recipe.method.target_modules not in ("auto", "attention", "family")
    square, long = (model.hidden, model.hidden), (model.hidden, model.inner)
    return 4 * [square] + (3 * [long] if wide else [])


def _adapter_values(method: Method, rows: float, columns: float) -> float:
    if method.kind == "lokr":
        # A whole small factor, and two matrices of the rank for the other.
        return math.sqrt(rows * columns) + method.rank * (math.sqrt(rows) + math.sqrt(columns))
    pairs = 2 if method.kind == "loha" else 1
    return pairs * method.rank * (rows + columns)


def training_bytes(
    recipe: Recipe, model: ModelSize, data: DataSize, precision: str, device: str = "cpu"
) -> int:
    """Memory of the training beyond the libraries: weights, adapter, activations, logits."""
    element = _ELEMENT_BYTES[precision]
    weights = model.parameters * element
    if recipe.method.kind == "qlora":
        weights = model.body * _NF4_BYTES + (model.parameters - model.body) * element
    if recipe.method.kind in WHOLE_CHANGE:
        changed = sum(rows * columns for rows, columns in _adapted(recipe, model))
        weights += model.layers * changed * _WHOLE_CHANGE_BYTES
    weights += _laid_out_bytes(recipe, model, precision, device)
    if recipe.training.int4_aware:
        # The adapted layers as they were before the rounding, and a head of its own.
        kept = model.layers * sum(rows * columns for rows, columns in _adapted(recipe, model))
        weights += (kept + model.vocabulary * model.hidden * model.tied) * element
    steps = recipe.training.total_steps(data.train_rows)
    trained = adapter_parameters(recipe, model) * _ADAPTER_BYTES
    return round(weights + trained + step_bytes(recipe, model, data, precision, steps, device))


def _laid_out_bytes(recipe: Recipe, model: ModelSize, precision: str, device: str) -> float:
    """A small model's layers, and its head, once more for each direction of their products."""
    plain = recipe.method.kind == "qlora" or recipe.method.kind in WHOLE_CHANGE
    if plain or device != "cpu" or precision != "bfloat16":
        return 0.0
    element = _ELEMENT_BYTES[precision]
    layers, head = (2 * count * element for count in (model.body, model.vocabulary * model.hidden))
    if layers > LAID_OUT_MOST_BYTES:
        return 0.0
    return layers + (head if head <= LAID_OUT_MOST_BYTES else 0.0)


def step_bytes(
    recipe: Recipe,
    model: ModelSize,
    data: DataSize,
    precision: str,
    steps: int,
    device: str = "cpu",
) -> float:
    """What forward and backward passes have taken at most after so many optimiser steps."""
    training = recipe.training
    batches = steps * training.accumulation
    tokens = data.fullest_batch(training.batch_size, batches, training.sequence_length)
    layers = 1.5 if training.gradient_checkpointing else model.layers
    kept = layers * activation_bytes(model, precision, device)
    if training.gradient_checkpointing:
        kept += model.layers * model.hidden * _ELEMENT_BYTES[precision]
    # Which token sees which, one value per pair, where rows do not attend one by one.
    mask = 2 * min(tokens, 8192) ** 2 if device == "cuda" else 0
    logits = tokens * data.learned * model.vocabulary * _LOGIT_BYTES
    return (tokens * kept + mask + logits) * _GROWTH


def activation_bytes(model: ModelSize, precision: str, device: str = "cpu") -> float:
    """Bytes that one layer keeps of one token for the backward pass."""
    inner = model.inner or 2.7 * model.hidden
    return (_KEPT_HIDDEN * model.hidden + _KEPT_INNER * inner) * _KEPT_BYTES[device][precision]


def estimate(
    recipe: Recipe, model: ModelSize, data: DataSize, machine: Machine, precision: str = "float32"
) -> Estimate:
    """Estimate every stage of the recipe. *precision*: the training's resolved number format."""
    on_gpu = machine.device == "cuda"
    training = training_bytes(recipe, model, data, precision, machine.device)
    own = {
        "prepare": 0,
        "train": (_CUDA_HOST_BYTES if on_gpu else training),
        "merge": round(_large_or(model, _MERGE_BYTES)),
        "quantise": round(_large_or(model, _build_bytes(recipe))),
        "verify": round(_large_or(model, _MERGE_BYTES)),
    }
    memory: dict[str, int] = {}
    highest = 0
    for stage in recipe.stages:
        highest = max(highest, _IMPORTS_BYTES[stage] + own[stage])
        memory[stage] = highest
    return Estimate(
        memory=memory,
        disk_bytes=disk_needed(recipe, model),
        seconds={
            stage: _seconds(stage, recipe, model, data, machine, precision)
            * machine.ratios.get(stage_kind(stage, recipe, model, machine.device), 1.0)
            for stage in recipe.stages
        },
        device_memory=_CUDA_CONTEXT_BYTES + training if on_gpu else 0,
    )


def stage_kind(stage: StageName, recipe: Recipe, model: ModelSize, device: str) -> str:
    """A name for stages that are off from their estimate by the same ratio on one machine."""
    parts = [stage, device, "large" if is_large(model) else "small"]
    if stage == "train":
        parts.append(recipe.method.kind)
        if recipe.method.objective != "sft":
            parts.append(recipe.method.objective)
    elif stage == "quantise":
        target = recipe.target
        parts.append(target.int4 if target.quantisation == "int4" else target.quantisation)
    return " ".join(parts)


def _large_or(model: ModelSize, bytes_a_parameter: float) -> float:
    if is_large(model):
        return max(_LARGE_LEAST, _LARGE_BYTES * model.parameters)
    return model.parameters * bytes_a_parameter


def _build_bytes(recipe: Recipe) -> float:
    return max((row.build_bytes for row in _presets(recipe)), default=_MERGE_BYTES)


def _seconds(
    stage: StageName,
    recipe: Recipe,
    model: ModelSize,
    data: DataSize,
    machine: Machine,
    precision: str,
) -> float:
    training = recipe.training
    on_gpu = machine.device == "cuda"
    start = _START_S[stage] + (_CUDA_START_S if on_gpu else 0.0)
    if stage == "prepare":
        return start + data.train_rows / _ROWS_A_SECOND
    if stage == "train":
        laid_out = _laid_out_bytes(recipe, model, precision, machine.device) > 0
        share = _LAID_OUT_TRAINING_RATE if laid_out else _TRAINING_RATE
        if precision == "float32" and not on_gpu:
            share = _FLOAT32_TRAINING_RATE
        rate = machine.flops * share
        if recipe.method.kind == "qlora":
            rate *= _QLORA_RATE
        if training.gradient_checkpointing:
            rate /= _RECOMPUTED
        rows = training.batch_size * training.accumulation
        steps = training.total_steps(data.train_rows)
        tokens = rows * data.mean
        tokens += training.accumulation * _WHOLE_CHANGE_TOKENS.get(recipe.method.kind, 0.0)
        step = tokens * _FLOPS_A_PARAMETER * model.body / rate
        rated = recipe.method.objective == "kto"
        if rated:
            # How far the model has moved: a forward pass over as much again.
            step *= 1 + _FORWARD
        if on_gpu:
            step = max(step, training.accumulation * _CUDA_PASS_S)
        # The reference: a forward pass over all answers, before the first step.
        once = 0.0
        if recipe.method.objective in REFERENCED:
            once = _FORWARD * data.train_rows * data.mean * _FLOPS_A_PARAMETER * model.body / rate
            once *= 2 if rated else 1
        return start + model.file_bytes / _LOADED_A_SECOND + once + steps * step
    if stage == "merge":
        rate = _LARGE_MERGED_A_SECOND if is_large(model) else _LOADED_A_SECOND
        return start + merged_bytes(model) / rate
    if stage == "quantise":
        return start + _quantise_seconds(recipe, model, on_gpu)
    loaded = model.file_bytes + merged_bytes(model) + exported_bytes(recipe, model.parameters)
    return start + loaded / _LOADED_A_SECOND + measuring_seconds(model, data, machine)


def measuring_seconds(model: ModelSize, data: DataSize, machine: Machine) -> float:
    """What the held-out rows take with base, trained and exported model, all of them loaded."""
    tokens = data.held_out_tokens + 16 * data.held_out_rows
    rate = (machine.host_flops or machine.flops) * _ANSWERING_RATE
    if machine.float32_flops and not is_large(model):
        # A small model is measured in float32, whatever it was trained in.
        rate = machine.float32_flops * _FLOAT32_ANSWERING_RATE
    return 3 * tokens * 2.0 * model.body / rate


def search_seconds(recipe: Recipe, export_s: float) -> float:
    """How long a search for an export takes where building and measuring one takes *export_s*."""
    return _SEARCHED_A_PRESET * len(presets_tried(AUTO, recipe.target.provider)) * export_s


def _quantise_seconds(recipe: Recipe, model: ModelSize, on_gpu: bool) -> float:
    """Beyond the start of the first preset."""
    presets = _presets(recipe)
    if not presets:
        return model.parameters / _QUANTISED_A_SECOND
    again = (len(presets) - 1) * _START_S["quantise"]
    seconds = again + sum(
        model.parameters / _quantised_a_second(row, model, on_gpu) for row in presets
    )
    return seconds if recipe.limits is None else _SEARCHED_A_PRESET * seconds


def _quantised_a_second(row: Int4Preset, model: ModelSize, on_gpu: bool) -> float:
    if is_large(model):
        return row.large_cuda_weights_per_s if on_gpu else row.large_weights_per_s
    return row.cuda_weights_per_s if on_gpu else row.weights_per_s


def measured(found: Estimate, **parts: object) -> Estimate:
    """*found* with *parts* of it replaced by what a dry run measured."""
    return replace(found, measured=True, **parts)  # type: ignore[arg-type]
