"""What a run will take: memory, disk and time, from the recipe, the model and the machine.

The constants were measured on a two-core machine with the starter model and are refined by
every finished run; see each one's comment.
"""

from __future__ import annotations

from dataclasses import dataclass

from phi3studio.domain.recipe import Recipe

# Resident memory of a worker that has imported torch, transformers and Olive (measured).
IMPORTS_BYTES = 900 * 1024**2
# ModelBuilder's peak per parameter (measured on the starter): plain int4, and k_quant_mixed.
_BUILD_BYTES = {"fast": 11.0, "small": 11.0, "quality": 17.0, "auto": 17.0}
# Adapter weight, gradient and AdamW's two moments, all float32.
_ADAPTER_BYTES = 16
# Bytes kept per token, layer and hidden unit for the backward pass, by activation size.
_ACTIVATION_FACTOR = 18
_ELEMENT_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
# int4 weights with scales and 8-bit parts, by preset (bytes per parameter, measured).
_INT4_BYTES = {"fast": 0.72, "small": 0.6, "quality": 0.85, "auto": 0.85}
# Forward, and backward without weight gradients: LoRA trains only the small matrices.
_FLOPS_A_PARAMETER = 4.0


@dataclass(frozen=True)
class ModelSize:
    """What matters of a model. ``file_bytes``: its weights on disk."""

    parameters: int
    hidden: int
    layers: int
    vocabulary: int
    file_bytes: int


@dataclass(frozen=True)
class DataSize:
    """What matters of the data, after rendering and splitting."""

    train_rows: int
    train_tokens: int
    held_out_rows: int
    held_out_tokens: int
    longest: int


@dataclass(frozen=True)
class Machine:
    """What matters of the machine. ``flops``: matrix work in floating-point operations a second."""

    memory_bytes: int
    free_disk_bytes: int
    flops: float


@dataclass(frozen=True)
class Estimate:
    """Peak memory in bytes per stage, disk in bytes while it runs, time in seconds per stage."""

    memory: dict[str, int]
    disk_bytes: int
    seconds: dict[str, float]

    @property
    def memory_bytes(self) -> int:
        return max(self.memory.values())

    @property
    def total_seconds(self) -> float:
        return sum(self.seconds.values())


def total_steps(recipe: Recipe, train_rows: int) -> int:
    """Optimiser steps of the whole training."""
    training = recipe.training
    if training.max_steps is not None:
        return training.max_steps
    batches = -(-train_rows // training.batch_size)
    return max(1, round(training.epochs * -(-batches // training.accumulation)))


def disk_needed(recipe: Recipe, model: ModelSize) -> int:
    """Disk in bytes that a run takes at its fullest: merged copies, export, checkpoints.

    While int4 weights are calibrated, two more copies of the merged model lie in Olive's cache.
    """
    calibrated = model.parameters < 10**9 and recipe.target.quantisation == "int4"
    merged = (3 if calibrated else 1) * merged_bytes(model)
    exported = 2 * exported_bytes(recipe, model.parameters)
    return merged + exported + 200 * 1024**2


def merged_bytes(model: ModelSize) -> int:
    """Size of the merged model: float32 below a billion parameters, else as the base is."""
    return model.parameters * 4 if model.parameters < 10**9 else model.file_bytes


def exported_bytes(recipe: Recipe, parameters: int) -> int:
    """Size of the exported model on disk, in bytes."""
    target = recipe.target
    if target.quantisation == "int4":
        return round(parameters * _INT4_BYTES[target.int4]) + 100 * 1024**2
    return parameters * (4 if target.quantisation == "fp32" else 2)


def estimate(
    recipe: Recipe, model: ModelSize, data: DataSize, machine: Machine, precision: str = "float32"
) -> Estimate:
    """Estimate every stage. *precision* is the resolved number format of the training."""
    training, method = recipe.training, recipe.method
    element = _ELEMENT_BYTES[precision]
    mean = data.train_tokens / max(1, data.train_rows)
    batch_tokens = min(data.longest, training.sequence_length)
    batch_tokens = min(batch_tokens, round(1.5 * mean) + 1) * training.batch_size
    layers_kept = 2 if training.gradient_checkpointing else model.layers
    activations = batch_tokens * layers_kept * model.hidden * _ACTIVATION_FACTOR * element
    adapter = model.layers * 8 * 2 * method.rank * model.hidden
    merged = merged_bytes(model)
    build = _BUILD_BYTES[recipe.target.int4] if recipe.target.quantisation == "int4" else 8.0
    memory = {
        "train": IMPORTS_BYTES
        + model.parameters * element
        + activations
        + adapter * _ADAPTER_BYTES
        + 2 * batch_tokens * model.vocabulary,
        "merge": IMPORTS_BYTES + 2 * merged,
        "quantise": IMPORTS_BYTES + round(model.parameters * build),
        "verify": IMPORTS_BYTES + 2 * merged,
    }
    steps = total_steps(recipe, data.train_rows)
    tokens = steps * training.batch_size * training.accumulation * mean
    per_token = _FLOPS_A_PARAMETER * model.parameters
    held_out = data.held_out_tokens + 16 * data.held_out_rows
    seconds = {
        "prepare": 10.0 + data.train_rows / 5000,
        "train": 5.0 + tokens * per_token / machine.flops,
        "merge": 3.0 + merged / 400e6,
        "quantise": 5.0 + model.parameters / 10e6,
        "verify": 5.0 + 3 * held_out * 2.0 * model.parameters / (machine.flops / 2),
    }
    return Estimate(memory, disk_needed(recipe, model), seconds)
