"""What can be said against a run before anything of it is written."""

from __future__ import annotations

import shutil
from pathlib import Path

from phi3studio.app.azure_sdk import has_azure, no_azure
from phi3studio.app.files import matching_files
from phi3studio.app.paths import Home
from phi3studio.domain.base_models import is_hub_id
from phi3studio.domain.errors import InputError
from phi3studio.domain.estimation.estimate import ModelSize, disk_needed
from phi3studio.domain.recipe import Model, Recipe, check_target
from phi3studio.models.adapters import read_adapter
from phi3studio.models.model_folder import weight_bytes
from phi3studio.models.model_store import ModelStore, check_model_folder

# Bytes a parameter that model files usually take (bfloat16); only for a first look at the disk.
_USUAL_BYTES = 2


def check_before_start(recipe: Recipe, home: Home) -> None:
    """Raise :class:`InputError` for what would certainly stop the run at its beginning."""
    check_target(recipe)
    data = recipe.data
    job = recipe.azure if recipe.target.train_on == "azureml" else None
    if job is not None and not has_azure():
        raise no_azure()
    if data is not None and data.format != "hub":
        main = None if job is not None and job.data is not None else data.source
        for name in (main, *data.also, data.split.file):
            if name is not None and not _exists(name):
                raise InputError("data.no_file", variant="recipe", path=name)
    adapter = recipe.model.adapter
    if adapter is not None:
        if not (Path(adapter) / "adapter_config.json").is_file():
            raise InputError("model.no_adapter", variant="recipe", folder=adapter)
        read_adapter(Path(adapter)).shapes()
    store = ModelStore(home)
    source = recipe.model.source
    if job is None:
        store.checked(source, recipe.model.revision)
        home.made(home.runs)
        check_disk(recipe, model_size(recipe.model, store), home.runs)
        return
    # The job downloads the hub's models on its own; what is only here is uploaded.
    entry = store.entry(source)
    if job.model is None and entry is None and not is_hub_id(source):
        check_model_folder(store.folder(source, recipe.model.revision))
    home.made(home.runs)


def run_disk_needed(recipe: Recipe, home: Home) -> int:
    """Bytes that the run takes at its fullest, as far as the model's files tell."""
    return disk_needed(recipe, model_size(recipe.model, ModelStore(home)))


def model_size(model: Model, store: ModelStore) -> ModelSize:
    """Parameters and bytes of a base model, from the catalogue or from its files' sizes."""
    entry = store.entry(model.source)
    folder = store.folder(model.source, model.revision)
    file_bytes = entry.disk_bytes if entry else weight_bytes(folder)
    parameters = entry.parameters if entry else file_bytes // _USUAL_BYTES
    return ModelSize(parameters, 0, 0, 0, file_bytes)


def check_disk(recipe: Recipe, model: ModelSize, folder: Path) -> None:
    """Raise :class:`InputError` if the run would not fit on the disk of *folder*."""
    needed = disk_needed(recipe, model)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InputError("disk.too_little", variant="run", needed=needed, folder=folder, free=free)


def _exists(name: str) -> bool:
    return Path(name).exists() or bool(matching_files(name))
