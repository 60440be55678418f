"""What a recipe will take on this machine, and settings that fit it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from phi3studio.cli.options import AsJson, RecipeFile
from phi3studio.cli.output import print_json
from phi3studio.cli.waiting import wait_for
from phi3studio.domain.messages.formatting import duration, size


def estimate(
    recipe: RecipeFile,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Train a few real steps first and measure; takes minutes."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say what memory, disk and time a recipe will take on this machine."""
    from phi3studio.runs.recipe_files import read_recipe

    plain = read_recipe(recipe).to_json()
    answer = wait_for(_asked("estimate", {"recipe": plain, "dry_run": dry_run}, as_json))
    if as_json:
        print_json(answer)
        return
    typer.echo("\n".join(_lines(answer)))
    if not answer["estimate"]["measured"]:
        typer.echo(f"Measured instead of computed: phi3studio estimate {recipe} --dry-run")


def fit(
    recipe: RecipeFile,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the recipe with the changes here.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Propose settings of a recipe that fit this machine, with the reason of each change."""
    from phi3studio.domain.errors import InputError
    from phi3studio.domain.recipe import parse_recipe
    from phi3studio.runs.recipe_files import read_recipe, write_recipe

    given = read_recipe(recipe)
    if out is not None and out.exists():
        raise InputError("recipe.exists", path=out)
    answer = wait_for(_asked("fit", {"recipe": given.to_json()}, as_json))
    if out is not None:
        write_recipe(parse_recipe(answer["recipe"]), out)
    if as_json:
        print_json(answer | ({"path": str(out)} if out is not None else {}))
        return 0 if answer["fits"] else 1
    for change in answer["changes"]:
        typer.echo(f"{change['key']}: {change['after']} instead of {change['before']}")
        typer.echo(f"    {change['why']}")
    if not answer["changes"] and answer["fits"]:
        typer.echo("The recipe fits this machine as it is.")
    typer.echo("\n".join(_lines(answer)))
    if not answer["fits"]:
        typer.echo(
            f"It does not fit: {answer['problem']}. Close other programs, or choose a smaller "
            "base model (phi3studio models list)."
        )
    if out is not None:
        typer.echo(f"Wrote {out}. Start it: phi3studio run {out}")
    return 0 if answer["fits"] else 1


def _lines(answer: dict[str, Any]) -> list[str]:
    found = answer["estimate"]
    how = "measured by a dry run" if found["measured"] else "computed"
    lines = [
        f"{answer['parameters'] / 1e6:.0f} million parameters, {answer['rows']} rows to train on "
        f"with {answer['tokens']} tokens; {answer['device']}, {answer['precision']}; {how}",
        "",
        f"{'stage':<10}{'time':>14}{'memory':>12}",
    ]
    lines += [
        f"{stage:<10}{duration(seconds):>14}{size(found['memory'][stage]):>12}"
        for stage, seconds in found["seconds"].items()
    ]
    lines += [
        f"{'in all':<10}{duration(answer['total_seconds']):>14}{size(answer['memory_bytes']):>12}"
        f"   of {size(answer['free_memory'])} free",
        f"disk      {size(found['disk_bytes']):>14}   of {size(answer['free_disk'])} free",
    ]
    if answer["device"] == "cuda":
        lines.append(
            f"GPU       {size(found['device_memory']):>14}   of {size(answer['device_free'])} free"
        )
    if answer["memory_bytes"] > answer["free_memory"]:
        lines.append("The memory will not be enough. Settings that fit: phi3studio fit RECIPE")
    return lines


async def _asked(method: str, params: dict[str, Any], quiet: bool) -> Any:
    from phi3studio.services.connection import Service

    async with Service.start("estimator") as service:
        stream = service.stream(method, **params)
        try:
            async for item in stream:
                if not quiet:
                    typer.echo(f"  {item['activity']} …", err=True)
        finally:
            await stream.aclose()
        return stream.result
