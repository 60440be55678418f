"""From what a recipe calls a model to a checked folder on this computer. Asks no hub."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from phi3studio.app.paths import user_home
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
    folder = store.checked(source, revision)
    if is_mlflow(folder):
        return mlflow_model(folder, store.home.cache)
    if not store.is_installed(source):
        make_starter(folder, store.home.made(store.home.cache), say, check)
        check_model_folder(folder)
    return folder
