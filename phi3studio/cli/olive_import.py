"""An Olive config for the command line: its decisions printed, its recipe ready to run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from phi3studio.cli.waiting import wait_for
from phi3studio.domain.errors import UserFacingError

if TYPE_CHECKING:
    from phi3studio.domain.recipe import Recipe
    from phi3studio.olive_configs import Decision, Imported
    from phi3studio.runs.olive_files import ConfigRecipe


def recipe_of_config(
    config: Path, *, partial: bool = False, quiet: bool = False
) -> tuple[ConfigRecipe, Recipe]:
    """A config's file imported, and its recipe, compared with the data where that is there.

    Raises the config's problem, after showing what blocks (unless *quiet*); with *partial* only
    where the rest makes no recipe.
    """
    from phi3studio.runs.olive_files import read_olive_config

    made = read_olive_config(config)
    imported, recipe = made.imported, made.recipe
    if imported.problem is not None and not (partial and recipe is not None):
        if not quiet:
            print_decisions(imported, blocking_only=True)
        raise imported.problem
    assert recipe is not None
    if "data.source" not in made.gaps:
        found = wait_for(_look_at_data(recipe, partial))
        made = replace(made, notes=(*made.notes, *found))
    return made, recipe


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
