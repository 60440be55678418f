"""Settings that fit a machine: the recipe's own where they do, else the nearest that do. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from phi3studio.domain.estimation.estimate import (
    TIGHT,
    DataSize,
    Estimate,
    Machine,
    ModelSize,
    estimate,
    is_large,
)
from phi3studio.domain.estimation.recovery import safer
from phi3studio.domain.messages.formatting import size
from phi3studio.domain.quantisation import PRESETS, lighter, most_exact
from phi3studio.domain.recipe import Recipe

# Below this many tokens in a forward pass the processor is not kept busy.
_FEW_TOKENS = 256


@dataclass(frozen=True)
class Change:
    """One setting, its value before and after, and why."""

    key: str
    before: object
    after: object
    why: str


@dataclass(frozen=True)
class Proposal:
    """A recipe, how it differs from the one given, and what it will take.

    ``problem`` says what no setting can mend, where ``fits`` is false.
    """

    recipe: Recipe
    changes: tuple[Change, ...]
    estimate: Estimate
    fits: bool
    problem: str | None = None


def propose(
    recipe: Recipe,
    model: ModelSize,
    data: DataSize,
    machine: Machine,
    precision: str,
    context: int = 0,
) -> Proposal:
    """Settings that fit; the rows of an optimiser step stay, so that the result stays."""
    draft = _FittedRecipe(recipe, [])
    _mend(draft, data, context)
    found = estimate(draft.recipe, model, data, machine, precision)
    while (why := _too_much(found, machine)) is not None:
        if not _save(draft, found, model, data, machine, why):
            break
        found = estimate(draft.recipe, model, data, machine, precision)
    if _too_much(found, machine) is None:
        _use_the_room(draft, model, data, machine, precision)
        found = estimate(draft.recipe, model, data, machine, precision)
    problem = _too_much(found, machine)
    if problem is None and found.disk_bytes > machine.free_disk_bytes:
        problem = (
            f"{size(found.disk_bytes)} of disk are needed and "
            f"{size(machine.free_disk_bytes)} are free"
        )
    return Proposal(draft.recipe, tuple(draft.changes), found, problem is None, problem)


@dataclass
class _FittedRecipe:
    recipe: Recipe
    changes: list[Change]

    def set(self, section: str, key: str, value: object, why: str) -> None:
        part = getattr(self.recipe, section)
        before = getattr(part, key)
        self.recipe = self.recipe.model_copy(update={section: part.model_copy(update={key: value})})
        name = f"{section}.{key}"
        old = next((change for change in self.changes if change.key == name), None)
        if old is not None:
            self.changes.remove(old)
            before, why = old.before, old.why
        self.changes.append(Change(name, before, value, why))


def _mend(draft: _FittedRecipe, data: DataSize, context: int) -> None:
    training = draft.recipe.training
    if context and training.sequence_length > context:
        draft.set(
            "training", "sequence_length", context, f"the model's context is {context} tokens"
        )
    if data.train_rows and training.batch_size > data.train_rows:
        draft.set(
            "training",
            "batch_size",
            data.train_rows,
            f"there are only {data.train_rows} rows to train on",
        )


def _too_much(found: Estimate, machine: Machine) -> str | None:
    """Why the memory does not suffice; ``None`` if it does."""
    if machine.device == "cuda" and found.device_memory > TIGHT * machine.device_bytes:
        return (
            f"the GPU would need {size(found.device_memory)} and has "
            f"{size(machine.device_bytes)} free"
        )
    if found.memory_bytes > TIGHT * machine.memory_bytes:
        return (
            f"{size(found.memory_bytes)} of memory would be needed and "
            f"{size(machine.memory_bytes)} are free"
        )
    return None


def _save(
    draft: _FittedRecipe,
    found: Estimate,
    model: ModelSize,
    data: DataSize,
    machine: Machine,
    why: str,
) -> bool:
    """Change one setting of the stage that takes the most; ``False`` when none is left."""
    recipe = draft.recipe
    on_gpu = machine.device == "cuda" and found.device_memory > TIGHT * machine.device_bytes
    peak = max(found.memory.values())
    stage = next(name for name, value in found.memory.items() if value == peak)
    if on_gpu or stage == "train":
        if recipe.training.precision == "float32" and on_gpu:
            draft.set("training", "precision", "auto", why)
            return True
        step = safer(recipe, "train", "host", data.longest)
        if step is not None and "sequence_length" not in step.changed:
            for key in step.changed:
                draft.set("training", key, getattr(step, key), why)
            return True
        if recipe.method.kind == "lora" and (is_large(model) or on_gpu):
            draft.set("method", "kind", "qlora", why)
            return True
        if step is not None:
            draft.set("training", "sequence_length", step.sequence_length, why)
            return True
        return False
    target = recipe.target
    now = most_exact(target.int4, target.provider)
    preset = lighter(target.int4, target.provider)
    if target.quantisation != "int4" or preset is None:
        return False
    if PRESETS[preset].build_bytes >= now.build_bytes:
        return False
    draft.set("target", "int4", preset, why)
    return True


def _use_the_room(
    draft: _FittedRecipe, model: ModelSize, data: DataSize, machine: Machine, precision: str
) -> None:
    """More rows in a forward pass instead of accumulation, where the memory allows it."""
    while True:
        training = draft.recipe.training
        rows = training.batch_size * 2
        few = training.batch_size * data.mean < _FEW_TOKENS
        if training.accumulation % 2 or not few or rows > data.train_rows:
            return
        wider = training.model_copy(
            update={"batch_size": rows, "accumulation": training.accumulation // 2}
        )
        recipe = draft.recipe.model_copy(update={"training": wider})
        if _too_much(estimate(recipe, model, data, machine, precision), machine) is not None:
            return
        why = "short rows keep the processor busier in larger batches, and the memory allows it"
        draft.set("training", "batch_size", rows, why)
        draft.set("training", "accumulation", training.accumulation // 2, why)
