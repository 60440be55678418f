"""A finished run taken up in a new one: its adapter trained further or exported again, or its
training done again with a higher learning rate."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from phi3studio.app.files import expanded, write_json
from phi3studio.domain.errors import InputError
from phi3studio.domain.estimation.recovery import in_force
from phi3studio.domain.recipe import Limits, Recipe, parse_recipe
from phi3studio.domain.run import state_phrase
from phi3studio.runs.measuring.search_file import as_built
from phi3studio.runs.result_check import check_result
from phi3studio.runs.store import RunFolder, RunStore

START = "start"
"""Folder in a run: a copy of the adapter that its training starts from."""


def continue_run(
    store: RunStore, run: RunFolder, epochs: float | None = None, data: Path | None = None
) -> RunFolder:
    """A new run, not started, that trains the adapter of *run* for *epochs* more (as many as
    before when absent), on *data* instead of its own rows if given.

    The adapter is copied into the new run's folder, so the old one can be deleted. Raises
    :class:`InputError` for a run without an adapter.
    """
    recipe = continued(in_force(run.recipe(), run.view().recoveries), epochs, data)
    return _from_adapter(store, run, recipe)


def continued(recipe: Recipe, epochs: float | None, data: Path | None) -> Recipe:
    """*recipe* for another training with the same method."""
    training = recipe.training
    if epochs is not None:
        training = training.model_copy(update={"epochs": epochs, "max_steps": None})
    source = recipe.data
    if data is not None and source is not None:
        changes = {"source": str(expanded(data).absolute()), "also": [], "format": "auto"}
        source = source.model_copy(update=changes)
    name = _with_suffix(recipe.name, " continued")
    steps = recipe.steps if "train" in recipe.steps else ["train", *recipe.steps]
    return recipe.model_copy(
        update={"training": training, "data": source, "name": name, "steps": steps}
    )


def retry_run(store: RunStore, run: RunFolder, rate: float) -> RunFolder:
    """A new run, not started, that trains as *run* did, with that learning rate."""
    return store.create(faster(in_force(run.recipe(), run.view().recoveries), rate))


def faster(recipe: Recipe, rate: float) -> Recipe:
    """*recipe* with another learning rate."""
    training = recipe.training.model_copy(update={"learning_rate": float(f"{rate:.1e}")})
    name = _with_suffix(recipe.name, " higher rate")
    return recipe.model_copy(update={"training": training, "name": name})


def rebuild_run(store: RunStore, run: RunFolder) -> RunFolder:
    """A new run, not started, that exports the adapter of *run* once more, with less loss.

    Raises :class:`InputError` for a run without an adapter.
    """
    recipe = as_built(run, in_force(run.recipe(), run.view().recoveries))
    return _from_adapter(store, run, rebuilt(recipe))


def search_run(store: RunStore, run: RunFolder, limits: Limits) -> RunFolder:
    """A new run, not started, that searches the best export of the adapter of *run* within
    *limits*. Raises :class:`InputError` for a run without an adapter."""
    return _from_adapter(
        store, run, searched(in_force(run.recipe(), run.view().recoveries), limits)
    )


def searched(recipe: Recipe, limits: Limits) -> Recipe:
    """*recipe* without its training, and with a search for its export."""
    changed = recipe.model_copy(
        update={
            "name": _with_suffix(recipe.name, " search"),
            "steps": ["merge", "quantise", "verify"],
            "model": recipe.model.model_copy(update={"adapter": START}),
            "limits": limits,
            "target": recipe.target.model_copy(update={"train_on": "auto"}),
        }
    )
    return parse_recipe(changed.to_json())


def finish_run(
    store: RunStore, trained: RunFolder, recipe: Recipe, steps: Sequence[str]
) -> RunFolder:
    """A new run, not started, that does *steps* of *recipe* with the adapter of *trained*."""
    own = in_force(trained.recipe(), trained.view().recoveries)
    limits = recipe.limits if "quantise" in steps else None
    changes = {"steps": list(steps), "limits": limits, "name": recipe.name}
    changed = own.model_copy(update=changes).to_json()
    changed["model"]["adapter"] = START
    return _from_adapter(store, trained, parse_recipe(changed))


def rebuilt(recipe: Recipe) -> Recipe:
    """*recipe* without its training, and with the next more exact kind of export."""
    target = recipe.target
    whole = {"quantisation": "fp32" if target.provider == "cpu" else "fp16"}
    if target.quantisation != "int4":
        changes: dict[str, object] = {**whole}
    elif target.int4 != "quality":
        changes = {"int4": "quality"}
    elif target.block_size > 16:
        changes = {"block_size": 16}
    else:
        changes = {**whole}
    steps = ["merge", "quantise", *(["verify"] if "verify" in recipe.steps else [])]
    return recipe.model_copy(
        update={
            "name": _with_suffix(recipe.name, " quality"),
            "steps": steps,
            "limits": None,
            "target": target.model_copy(update=changes),
        }
    )


def _from_adapter(store: RunStore, run: RunFolder, recipe: Recipe) -> RunFolder:
    check_result(run, "adapter")
    named = run.recipe().model.adapter
    adapter = run.adapter if run.adapter.is_dir() or named is None else Path(named)
    if not (adapter / "adapter_model.safetensors").is_file():
        raise InputError("run.no_adapter", run=run.name, state=state_phrase(run.state()))
    created = store.create(recipe)
    start = created.path / START
    shutil.copytree(adapter, start)
    model = recipe.model.model_copy(update={"adapter": str(start)})
    write_json(created.recipe_file, recipe.model_copy(update={"model": model}).to_json())
    return created


def _with_suffix(name: str, suffix: str) -> str:
    return name if name.endswith(suffix) else name[: 80 - len(suffix)] + suffix
