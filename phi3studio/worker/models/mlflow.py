"""MLflow model folders, as Azure ML's registry hands them out, as one Hugging Face folder."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

import yaml

from phi3studio.app.files import is_dir, is_file, scratch_folder
from phi3studio.domain.errors import InputError
from phi3studio.domain.parsing import parse_yaml
from phi3studio.models.model_folder import check_model_folder, is_whole

_FLAVOURS = ("transformers", "hftransformersv2", "hftransformers")


def is_mlflow(folder: Path) -> bool:
    """Whether *folder* says that it is an MLflow model."""
    return is_file(folder / "MLmodel")


def mlflow_model(folder: Path, cache: Path) -> Path:
    """The Hugging Face folder of the MLflow model *folder*.

    That is its own model folder where it is whole; otherwise model, config and tokenizer are
    brought together below *cache*, by hard links where the disk allows. Raises
    :class:`InputError` when it holds no language model of a known flavour.
    """
    root = folder.resolve()
    parts = _parts(root)
    if not parts:
        raise InputError("model.mlflow", folder=folder, flavours=_FLAVOURS)
    for part in parts:
        if not part.resolve().is_relative_to(root):
            raise InputError("model.unsafe_path", variant="mlflow", path=folder, name=part)
    if is_whole(parts[0]):
        return parts[0]
    stamp = f"{root}\n{(root / 'MLmodel').stat().st_mtime_ns}"
    target = cache / "mlflow" / hashlib.sha256(stamp.encode()).hexdigest()[:16]
    if not is_whole(target):
        _bring_together(parts, target)
    check_model_folder(target)
    return target


def _parts(root: Path) -> list[Path]:
    """The folders with weights, config and tokenizer, the weights' first."""
    try:
        values: Any = parse_yaml((root / "MLmodel").read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return []
    flavours = values.get("flavors") if isinstance(values, dict) else None
    if not isinstance(flavours, dict):
        return []
    if "transformers" in flavours:
        flavour = flavours["transformers"]
        binary = flavour.get("model_binary") if isinstance(flavour, dict) else None
        names = [str(binary or "model")]
        names += ["model", "components/tokenizer"]
    elif any(name in flavours for name in _FLAVOURS):
        names = ["data/model", "data/config", "data/tokenizer"]
    else:
        return []
    folders = [root / name for name in dict.fromkeys(names)]
    return [folder for folder in folders if is_dir(folder)]


def _bring_together(parts: list[Path], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(target.parent) as scratch:
        made = scratch / "model"
        made.mkdir()
        for part in parts:
            for file in sorted(part.iterdir()):
                if file.is_file() and not file.is_symlink() and not (made / file.name).exists():
                    _link_or_copy(file, made / file.name)
        shutil.rmtree(target, ignore_errors=True)
        made.rename(target)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
