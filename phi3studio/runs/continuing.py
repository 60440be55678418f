"""Training a finished run's adapter further, in a new run."""

from __future__ import annotations

import shutil
from pathlib import Path

from phi3studio.app.files import write_json
from phi3studio.domain.errors import InputError
from phi3studio.domain.estimation.recovery import in_force
from phi3studio.domain.recipe import Recipe
from phi3studio.domain.run import state_phrase
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
    if not (run.adapter / "adapter_model.safetensors").is_file():
        raise InputError("run.no_adapter", run=run.name, state=state_phrase(run.state()))
    recipe = continued(in_force(run.recipe(), run.view().recoveries), epochs, data)
    created = store.create(recipe)
    start = created.path / START
    shutil.copytree(run.adapter, start)
    model = recipe.model.model_copy(update={"adapter": str(start)})
    write_json(created.recipe_file, recipe.model_copy(update={"model": model}).to_json())
    return created


def continued(recipe: Recipe, epochs: float | None, data: Path | None) -> Recipe:
    """*recipe* for another training with the same method."""
    training = recipe.training
    if epochs is not None:
        training = training.model_copy(update={"epochs": epochs, "max_steps": None})
    source = recipe.data
    if data is not None and source is not None:
        changes = {"source": str(data.expanduser().absolute()), "also": [], "format": "auto"}
        source = source.model_copy(update=changes)
    suffix = " continued"
    name = recipe.name if recipe.name.endswith(suffix) else recipe.name[: 80 - len(suffix)] + suffix
    steps = recipe.steps if "train" in recipe.steps else ["train", *recipe.steps]
    return recipe.model_copy(
        update={"training": training, "data": source, "name": name, "steps": steps}
    )
