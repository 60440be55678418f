"""Base models as the wizard shows them: the catalogue, and folders on this computer."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

from phi3studio.domain.errors import UserFacingError
from phi3studio.domain.models import CatalogueEntry
from phi3studio.runs.models import ModelStore, catalogue, check_model_folder
from phi3studio.runs.paths import Home


@dataclass(frozen=True)
class BaseModel:
    """One base model. ``missing`` says why it cannot be used now, ``None`` when it can."""

    source: str
    title: str
    parameters: int | None = None
    context: int | None = None
    licence: str = ""
    gated: bool = False
    download_bytes: int = 0
    installed: bool = False
    missing: str | None = None


def catalogue_models(home: Home) -> list[BaseModel]:
    """The catalogue's models; blocking."""
    store = ModelStore(home)
    return [_of_entry(entry, store) for entry in catalogue()]


def known_model(source: str, home: Home) -> BaseModel:
    """What can be said of a model by its name or folder; blocking."""
    store = ModelStore(home)
    entry = store.entry(source)
    return _of_entry(entry, store) if entry else folder_model(Path(source).expanduser())


def folder_model(folder: Path) -> BaseModel:
    """A folder in Hugging Face format; blocking."""
    title = folder.name or str(folder)
    try:
        check_model_folder(folder)
    except UserFacingError as error:
        return BaseModel(str(folder), title, missing=error.message)
    context = parameters = None
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        config = json.loads((folder / "config.json").read_text("utf-8"))
        context = int(config["max_position_embeddings"])
    with contextlib.suppress(OSError, ValueError):
        parameters = _parameters(folder)
    return BaseModel(str(folder), title, parameters, context, installed=True)


def _of_entry(entry: CatalogueEntry, store: ModelStore) -> BaseModel:
    return BaseModel(
        entry.name,
        entry.title,
        entry.parameters,
        entry.context,
        entry.licence,
        entry.gated,
        entry.download_bytes,
        store.is_installed(entry.name),
    )


def _parameters(folder: Path) -> int:
    """The number of weights, from the headers of the safetensors files."""
    total = 0
    for file in folder.glob("*.safetensors"):
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(min(length, 64 * 2**20)))
        for name, tensor in header.items():
            if name != "__metadata__":
                count = 1
                for side in tensor["shape"]:
                    count *= side
                total += count
    return total
