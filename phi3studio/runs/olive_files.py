"""Olive configs in their files: recognised, imported one by one, a folder of them at a glance."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from phi3studio.domain.errors import InputError, first_line
from phi3studio.domain.recipe import Recipe
from phi3studio.models.model_store import catalogue
from phi3studio.olive_configs import Imported, import_config, parse_config
from phi3studio.runs.recipe_files import SUFFIX, absolute

_YAML = (".yaml", ".yml")
SUFFIXES = (".json", *_YAML)
# A config is a page of text; a larger file with such an ending has rows.
_MOST_BYTES = 1_000_000
# As far as a folder is looked through: somebody may choose the whole disk.
_MOST_FILES = 20_000
# Without one of these words a file is not worth being parsed: a folder may have thousands.
_WORDS = re.compile(rb"passes|model")
# What is a key of a config and of nothing else, in a file that is broken.
_KEYS = re.compile(rb"""^\s*\{?\s*["']?(input_model|passes)["']?\s*:""", re.MULTILINE)


@dataclass(frozen=True)
class ConfigRecipe:
    """What a config's file makes: its recipe with absolute paths, if it makes one, and what is to
    be known of it."""

    imported: Imported
    recipe: Recipe | None
    notes: tuple[str, ...]
    gaps: Mapping[str, str]
    """Key → the text that stands for its value."""


@dataclass(frozen=True)
class ConfigResult:
    """What one file of several would become: a recipe (with ``gaps`` to fill and ``left_out`` keys)
    unless there is a ``problem``; ``obstacle`` as :class:`Imported` has it."""

    file: Path
    problem: InputError | None = None
    obstacle: InputError | None = None
    gaps: tuple[str, ...] = ()
    left_out: int = 0


def is_olive_config(file: Path) -> bool:
    """Whether a file is an Olive config; ``False`` also for one that cannot be read."""
    values = _mapping(file)
    return "passes" in values or "input_model" in values


def is_recipe(file: Path) -> bool:
    """Whether a file is a recipe of ours, by its name or by what it says."""
    if file.suffix.lower() == SUFFIX or file.name == "recipe.json":
        return True
    values = _mapping(file)
    return isinstance(values.get("model"), dict) and not values.keys().isdisjoint(
        ("method", "training", "target")
    )


def configs_of(paths: Iterable[Path]) -> list[Path]:
    """The Olive configs among *paths* and, of folders, below them."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += configs_below(path)[0]
        elif is_olive_config(path):
            found.append(path)
    return found


def configs_below(folder: Path) -> tuple[list[Path], int]:
    """The Olive configs below a folder, sorted, with those that are broken; and how many other
    files of JSON or YAML there are."""
    inside = islice(folder.rglob("*"), _MOST_FILES)
    files = sorted(file for file in inside if file.suffix.lower() in SUFFIXES)
    found = [file for file in files if is_olive_config(file) or _is_broken(file)]
    return found, len(files) - len(found)


def imported_file(config: Path) -> Imported:
    """Import a config's file; raises :class:`InputError` for one that cannot be read or is none."""
    ours = {entry.hub_id: entry.name for entry in catalogue()}
    return import_config(read_config(config), config.stem, ours)


def read_olive_config(config: Path) -> ConfigRecipe:
    """Import a config's file, with paths that start at its folder; raises as
    :func:`imported_file`. What keeps the recipe from doing all is in ``imported.problem``."""
    imported = imported_file(config)
    made = imported.recipe
    recipe = absolute(made, config.resolve().parent) if made is not None else None
    gaps = {gap.key: gap.marker for gap in imported.gaps}
    notes = (*imported.defaults, *_packages_left_out(imported, config.parent))
    return ConfigRecipe(imported, recipe, notes, gaps)


def result_of(config: Path) -> ConfigResult:
    """What a config would become."""
    try:
        imported = imported_file(config)
    except InputError as exc:
        return ConfigResult(config, exc, exc)
    left_out = sum(item.kind == "refused" for item in imported.decisions)
    gaps = tuple(gap.key for gap in imported.gaps)
    return ConfigResult(config, imported.problem, imported.obstacle, gaps, left_out)


def read_config(config: Path) -> Any:
    """The parsed config, JSON or YAML by the file's ending."""
    if not config.is_file():
        raise InputError("olive.no_file", path=config)
    try:
        text = config.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError("olive.unreadable", path=config, reason=first_line(exc)) from exc
    return parse_config(text, str(config), yaml=config.suffix.lower() in _YAML)


def _is_broken(file: Path) -> bool:
    """Whether a file has keys of a config but cannot be read as one."""
    if not _KEYS.search(_content(file)):
        return False
    try:
        read_config(file)
    except InputError:
        return True
    return False


def _content(file: Path) -> bytes:
    """The bytes of a small file that may be JSON or YAML; none of anything else."""
    try:
        if file.suffix.lower() in SUFFIXES and file.stat().st_size <= _MOST_BYTES:
            return file.read_bytes()
    except OSError:
        pass
    return b""


def _mapping(file: Path) -> Mapping[str, Any]:
    """The keys and values of a small file of JSON or YAML; empty for anything else."""
    try:
        values = read_config(file) if _WORDS.search(_content(file)) else None
    except InputError:
        return {}
    return values if isinstance(values, dict) else {}


def _packages_left_out(imported: Imported, folder: Path) -> list[str]:
    """The packages of the config's conda files by name: a job installs none of them."""
    notes = []
    for decision in imported.decisions:
        if not decision.path.endswith("conda_file_path") or decision.kind != "refused":
            continue
        file = folder / str(decision.value)
        values = read_config(file) if file.is_file() else None
        wanted = values.get("dependencies") if isinstance(values, dict) else None
        names = [
            str(name)
            for each in (wanted if isinstance(wanted, list) else [])
            for name in (each.get("pip") or [] if isinstance(each, dict) else [each])
            if not str(name).startswith("-")
        ]
        if names:
            notes.append(f"{decision.value}: the job does not install {', '.join(names)}.")
    return list(dict.fromkeys(notes))
