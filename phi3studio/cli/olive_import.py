"""An Olive config read from its file: imported, its decisions shown, its recipe ready to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from phi3studio.cli.waiting import wait_for
from phi3studio.domain.errors import InputError, UserFacingError, first_line
from phi3studio.domain.parsing import parse_yaml

if TYPE_CHECKING:
    from phi3studio.domain.recipe import Recipe
    from phi3studio.olive_configs import Decision, Imported

SUFFIXES = (".json", ".yaml", ".yml")


@dataclass(frozen=True)
class ConfigRecipe:
    """What a config's file makes: its recipe with absolute paths, and what is to be known of it."""

    imported: Imported
    recipe: Recipe
    notes: tuple[str, ...]
    gaps: Mapping[str, str]
    """Key → the text that stands for its value."""


def is_olive_config(file: Path) -> bool:
    """Whether a file is an Olive config; ``False`` also for one that cannot be read."""
    if file.suffix.lower() not in SUFFIXES or not file.is_file():
        return False
    try:
        values = read_config(file)
    except InputError:
        return False
    return isinstance(values, Mapping) and ("passes" in values or "input_model" in values)


def imported_file(config: Path) -> Imported:
    """Import a config's file; raises :class:`InputError` for one that cannot be read or is none."""
    from phi3studio.models.model_store import catalogue
    from phi3studio.olive_configs import import_config

    ours = {entry.hub_id: entry.name for entry in catalogue()}
    return import_config(read_config(config), config.stem, ours)


def recipe_of_config(config: Path, *, partial: bool = False, quiet: bool = False) -> ConfigRecipe:
    """The recipe of a config's file, compared with the data where that is there.

    Raises the config's problem, after showing what blocks (unless *quiet*); with *partial* only
    where the rest makes no recipe.
    """
    from phi3studio.runs.recipe_files import absolute

    imported = imported_file(config)
    if imported.problem is not None and not (partial and imported.recipe is not None):
        if not quiet:
            print_decisions(imported, blocking_only=True)
        raise imported.problem
    assert imported.recipe is not None
    recipe = absolute(imported.recipe, config.resolve().parent)
    gaps = {gap.key: gap.marker for gap in imported.gaps}
    notes = [*imported.defaults, *_packages_left_out(imported, config.parent)]
    if "data.source" not in gaps:
        notes += wait_for(_look_at_data(recipe, partial))
    return ConfigRecipe(imported, recipe, tuple(notes), gaps)


def read_config(config: Path) -> Any:
    """The parsed config, JSON or YAML by the file's ending."""
    from phi3studio.olive_configs import parse_config

    if not config.is_file():
        raise InputError("olive.no_file", path=config)
    try:
        text = config.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError("olive.unreadable", path=config, reason=first_line(exc)) from exc
    if config.suffix.lower() not in (".yaml", ".yml"):
        return parse_config(text, str(config))
    import yaml

    try:
        return parse_yaml(text)
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        raise InputError(
            "olive.broken_yaml",
            variant="" if mark else "whole",
            path=config,
            line=mark.line + 1 if mark else None,
            reason=getattr(exc, "problem", None) or first_line(exc),
        ) from exc


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


async def _look_at_data(recipe: Recipe, partial: bool) -> list[str]:
    """Compare the template with the data's columns, where the data is there already.

    Returns notes; raises :class:`InputError` for a column that the data lacks.
    """
    from phi3studio.domain.datasets.source import Source
    from phi3studio.domain.template import missing_column
    from phi3studio.services.connection import Service
    from phi3studio.services.inspector_client import Inspector

    data = recipe.data
    if data is None or data.format == "hub":
        return []
    if recipe.azure is not None and recipe.azure.data is not None:
        return ["The rows are in Azure ML: their columns are looked at by the job."]
    if not Path(data.source).exists():
        return [f"{data.source} is not there yet; the recipe needs it."]
    source = Source.of(data)
    async with Service.start("inspector") as service:
        try:
            report = await Inspector(service).look(source)
        except UserFacingError as exc:
            if not partial:
                raise
            return [f"{exc.message} {exc.hint}"]
    columns = [column.name for column in report.columns]
    wanted = data.template.required if data.template else (data.messages or "messages",)
    for name in wanted:
        if name not in columns and name.split(".")[0] not in columns:
            error = missing_column(name, columns)
            if not partial:
                raise error
            return [f"{error.message} {error.hint}"]
    return []


def print_decisions(imported: Imported, *, blocking_only: bool = False, err: bool = False) -> None:
    """A line for every key of the config; *err*: to standard error."""
    for decision in imported.decisions:
        if decision.blocks or not blocking_only:
            typer.echo(_line(decision), err=err or blocking_only)


def _line(decision: Decision) -> str:
    value = decision.shown
    shown = value if isinstance(value, str) else repr(value)
    shown = shown if len(shown) <= 40 else shown[:39] + "…"
    arrow = f" → {decision.to}" if decision.to else ""
    words = f"  {decision.text} {decision.instead}".rstrip()
    # What is left out is no failure: the recipe does the rest.
    kind = "left out" if decision.kind == "refused" and not decision.blocks else decision.kind
    head = f"{kind:<11} {decision.path}: {shown}".replace("\n", "↵")
    return f"{head}{arrow}{words}"
