"""Base models on disk: the catalogue, what is installed, and whether a folder is a whole model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from phi3studio.domain.errors import InputError
from phi3studio.domain.models import CatalogueEntry, parse_catalogue
from phi3studio.runs.paths import Home, resources


def catalogue() -> tuple[CatalogueEntry, ...]:
    """The models that this version of the program knows."""
    return parse_catalogue(json.loads((resources() / "catalogue.json").read_text("utf-8")))


@dataclass(frozen=True)
class ModelStore:
    """The models of one home folder: ``models/<catalogue name>``."""

    home: Home

    def entry(self, name: str) -> CatalogueEntry | None:
        """The catalogue's entry of that name, if there is one."""
        return next((entry for entry in catalogue() if entry.name == name), None)

    def folder(self, source: str) -> Path:
        """Where the model *source* is or would be: a catalogue name or a path."""
        if self.entry(source) is not None:
            return self.home.models / source
        return Path(source).expanduser().absolute()

    def is_installed(self, source: str) -> bool:
        """Whether the folder holds a whole model."""
        try:
            check_model_folder(self.folder(source))
        except InputError:
            return False
        return True


def check_model_folder(folder: Path) -> None:
    """Raise :class:`InputError` unless *folder* holds config, all weights and a tokenizer."""
    if not folder.is_dir():
        raise InputError(
            "model.no_folder",
            f"The model folder {folder} does not exist.",
            "Name a folder with config.json and safetensors weights, or a model of the catalogue "
            "(phi3studio models).",
        )
    config = folder / "config.json"
    try:
        json.loads(config.read_text("utf-8"))
    except (OSError, ValueError) as exc:
        raise InputError(
            "model.no_config",
            f"{folder} has no readable config.json.",
            "Choose a folder in Hugging Face format: config.json, *.safetensors, tokenizer.json.",
        ) from exc
    missing = _missing_weights(folder)
    if missing:
        pickled = any(folder.glob("*.bin")) or any(folder.glob("*.pt"))
        raise InputError(
            "model.no_weights",
            f"{folder} lacks its weights: {missing}.",
            "Only safetensors weights are read; the pickle files in this folder could run code. "
            "Convert them to safetensors first."
            if pickled
            else "Download the model again, or complete the folder.",
        )
    names = ("tokenizer.json", "tokenizer.model", "vocab.json")
    if not any((folder / name).is_file() for name in names):
        raise InputError(
            "model.no_tokenizer",
            f"{folder} has no tokenizer (tokenizer.json or tokenizer.model).",
            "Copy the tokenizer files of the model into the folder.",
        )


def _missing_weights(folder: Path) -> str | None:
    """What is absent of the weights, in words; ``None`` when all is there."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        try:
            shards = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
        except (ValueError, KeyError, AttributeError):
            return "model.safetensors.index.json cannot be read"
        absent = sorted(name for name in shards if not (folder / name).is_file())
        return f"{len(absent)} of {len(shards)} files, first {absent[0]}" if absent else None
    if any(file.stat().st_size > 8 for file in folder.glob("*.safetensors")):
        return None
    return "there is no *.safetensors file"
