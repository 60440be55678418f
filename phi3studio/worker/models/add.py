"""A model that the user already has: checked, converted where needed, remembered by a name."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from phi3studio.app.files import expanded, folder_bytes, scratch_folder
from phi3studio.domain.errors import InputError
from phi3studio.models.guest_files import refuse_stand_in
from phi3studio.models.model_folder import check_model_folder, pickle_files
from phi3studio.models.model_store import ModelStore
from phi3studio.worker.models.convert import Kind, convert
from phi3studio.worker.models.mlflow import is_mlflow, mlflow_model
from phi3studio.worker.models.model_facts import model_facts
from phi3studio.worker.models.open_tokenizer import check_fits, open_tokenizer

# float32 weights of four-bit ones, or of sixteen-bit ones, plus room for the rest.
_GROWTH: dict[Kind, float] = {"gguf": 9.0, "pickle": 1.2}


def add_model(
    source: Path,
    store: ModelStore,
    name: str | None = None,
    convert_pickle: bool = False,
    say: Callable[[str], None] = lambda activity: None,
    check: Callable[[], None] = lambda: None,
) -> tuple[str, Path]:
    """Make *source* usable by a name; that name and the model's folder.

    A whole folder stays where it is. A GGUF file, and pickled weights if *convert_pickle* allows
    it, are converted into ``models/<name>``. Raises :class:`InputError` for what is no model.
    """
    source = expanded(source).absolute()
    chosen = name or _name_of(source)
    store.check_new_name(chosen)
    if source.is_file() and source.suffix.lower() == ".gguf":
        refuse_stand_in(source)
        say(f"converting {source.name}")
        return chosen, _converted("gguf", source, store, chosen, check)
    if source.is_file():
        raise InputError("model.no_folder", variant="file", path=source)
    if is_mlflow(source):
        say("reading the MLflow model")
        folder = mlflow_model(source, store.home.cache)
    elif convert_pickle and pickle_files(source) and not any(source.glob("*.safetensors")):
        for file in pickle_files(source):
            refuse_stand_in(file)
        say("converting pickled weights")
        return chosen, _converted("pickle", source, store, chosen, check)
    else:
        folder = source
        check_model_folder(folder)
    say("looking into the model")
    _look_into(folder)
    # An MLflow model is remembered as such: what was brought together may be deleted any time.
    store.add_folder(chosen, source)
    return chosen, folder


def _converted(
    kind: Kind, source: Path, store: ModelStore, name: str, check: Callable[[], None]
) -> Path:
    models = store.home.made(store.home.models)
    needed = folder_bytes(source) * _GROWTH[kind]
    free = shutil.disk_usage(models).free
    if free < needed:
        raise InputError(
            "disk.too_little", variant="convert", needed=needed, free=free, folder=models
        )
    with scratch_folder(models) as scratch:
        made = scratch / "model"
        convert(kind, source, made, check)
        check_model_folder(made)
        _look_into(made)
        target = models / name
        made.rename(target)
    return target


def _look_into(folder: Path) -> None:
    """Open what a run would open first."""
    facts = model_facts(folder)
    check_fits(open_tokenizer(folder), folder, facts.vocabulary)


def _name_of(source: Path) -> str:
    plain = source.stem if source.is_file() else source.name
    return re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("-.").lower() or "model"
