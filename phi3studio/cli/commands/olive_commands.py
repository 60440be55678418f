"""Commands around Olive's own configurations: read one, write one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phi3studio.app.files import expanded
from phi3studio.cli.options import AsJson, NewFolder, RecipeFile
from phi3studio.cli.output import print_json
from phi3studio.cli.waiting import wait_for
from phi3studio.domain.errors import InputError

if TYPE_CHECKING:
    from phi3studio.domain.recipe import Recipe
    from phi3studio.olive_configs import Imported
    from phi3studio.runs.olive_files import ConfigResult


olive_app = typer.Typer(
    help="Read Olive configs (also of the older syntax), and write what plain Olive runs.",
    no_args_is_help=True,
)


@olive_app.command("import")
def import_(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="olive-config.json, or a folder of them")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="Where to write the recipe (.yaml or .json).")
    ] = None,
    partial: Annotated[
        bool,
        typer.Option("--partial", help="Write the recipe although it cannot do all that is asked."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a recipe of an Olive config, and say what became of each of its keys. Of a folder: a
    table of its configs, each with what it would become."""
    from phi3studio.cli.olive_import import print_decisions, recipe_of_config
    from phi3studio.domain.recipes.recipe_gaps import with_gaps
    from phi3studio.runs.recipe_files import write_recipe

    if config.is_dir():
        _print_table(config, as_json)
        return
    target = out or Path(f"{config.stem}.recipe.yaml")
    if target.exists():
        raise InputError("recipe.exists", path=target)
    made, recipe = recipe_of_config(config, partial=partial, quiet=as_json)
    imported = made.imported
    write_recipe(recipe, target, made.gaps)
    if as_json:
        print_json(
            {
                "path": str(target),
                "steps": list(imported.steps),
                "decisions": [decision.to_json() for decision in imported.decisions],
                "notes": list(made.notes),
                "gaps": [{"key": gap.key, "text": gap.text} for gap in imported.gaps],
                "recipe": with_gaps(recipe.to_json(), made.gaps),
            }
        )
        return
    print_decisions(imported)
    for note in made.notes:
        typer.echo(f"note        {note}")
    typer.echo(f"\nWrote {target}. {_next(imported)}: phi3studio run {target}")


def _next(imported: Imported) -> str:
    """What to do with the recipe; its gaps are listed."""
    if not imported.gaps:
        return "Look it over, then"
    width = max(len(gap.key) for gap in imported.gaps)
    lines = [f"  {gap.key:<{width}}  {gap.marker}  {gap.text}" for gap in imported.gaps]
    values = "value is" if len(lines) == 1 else "values are"
    return f"{len(lines)} {values} still open:\n" + "\n".join(lines) + "\nWrite them there, then"


def _print_table(folder: Path, as_json: bool) -> None:
    """What each config below *folder* would become; nothing is written."""
    from phi3studio.runs.olive_files import configs_below, result_of

    configs, others = configs_below(folder)
    rows = [_row(result_of(file), folder) for file in configs]
    if as_json:
        print_json(rows)
        return
    if not rows:
        raise InputError("olive.no_configs", path=folder)
    wide = max(len(row["file"]) for row in rows)
    for row in rows:
        typer.echo(f"{row['file']:<{wide}}  {row['result']:<8}  {row['text']}".rstrip())
    made = sum(row["result"] == "recipe" for row in rows)
    opened = sum(row["result"] == "gaps" for row in rows)
    typer.echo(
        f"\n{len(rows)} configs: {made} become recipes, {opened} more with values to write, "
        f"{len(rows) - made - opened} are refused. {others} other files."
    )


def _row(result: ConfigResult, folder: Path) -> dict[str, str]:
    name = result.file.relative_to(folder).as_posix()
    if result.problem is not None:
        problem = result.problem
        return {"file": name, "result": "refused", "text": f"{problem.message} {problem.hint}"}
    if result.gaps:
        return {"file": name, "result": "gaps", "text": ", ".join(result.gaps)}
    text = f"{result.left_out} of its keys left out" if result.left_out else ""
    return {"file": name, "result": "recipe", "text": text}


@olive_app.command("export")
def export(
    recipe: RecipeFile,
    out: NewFolder,
    as_json: AsJson = False,
) -> None:
    """Write config, user script and rows that “olive run --config” runs without this program."""
    from phi3studio.runs.recipe_files import read_recipe

    result = wait_for(_export(read_recipe(recipe), expanded(out).absolute(), as_json))
    if as_json:
        print_json(result)
        return
    typer.echo(f"Wrote {', '.join(result['files'])} for {result['train_rows']} training rows.")
    for note in result["notes"]:
        typer.echo(f"note  {note}")
    typer.echo(f"\nIn {result['folder']}: olive run --config olive-config.json")


async def _export(recipe: Recipe, out: Path, quiet: bool) -> dict[str, Any]:
    from phi3studio.services.connection import Service

    async with Service.start("olive") as service:
        stream = service.stream("export", recipe=recipe.to_json(), out=str(out))
        async for item in stream:
            if not quiet:
                typer.echo(f"  {item['activity']} …", err=True)
        result: dict[str, Any] = stream.result
        return result
