"""Commands around Azure Machine Learning: look for what is missing, write the job's files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phi3studio.cli.output import print_json
from phi3studio.cli.waiting import wait_for

if TYPE_CHECKING:
    from phi3studio.domain.recipe import Recipe

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
RecipeFile = Annotated[Path, typer.Argument(metavar="RECIPE", help="Recipe with a section azure.")]

azure_app = typer.Typer(
    help="Run recipes as jobs of Azure Machine Learning (target.train_on: azureml).",
    no_args_is_help=True,
)


@azure_app.command("check")
def check(recipe: RecipeFile, as_json: AsJson = False) -> int:
    """Tell what is missing for the recipe's job: login, workspace, compute, quota, image."""
    from phi3studio.runs.recipe_files import read_recipe

    findings, good = wait_for(_check(read_recipe(recipe), as_json))
    if as_json:
        print_json({"ok": good, "findings": findings})
    elif good:
        typer.echo(f"\nNothing is missing. Start it: phi3studio run {recipe}")
    return 0 if good else 2


@azure_app.command("export")
def export(
    recipe: RecipeFile,
    out: Annotated[Path, typer.Option("--out", help="A new folder for the files.")],
    as_json: AsJson = False,
) -> None:
    """Write job.yml, environment and code for “az ml job create”."""
    from phi3studio.runs.recipe_files import read_recipe

    result = wait_for(_export(read_recipe(recipe), out.expanduser().absolute()))
    if as_json:
        print_json(result)
        return
    typer.echo(f"Wrote {', '.join(result['files'])} into {result['folder']}.")
    typer.echo(f"README.txt there says how to create the job.\n\n  cd {result['folder']}")
    typer.echo("  az ml job create --file job.yml …")


async def _check(recipe: Recipe, quiet: bool) -> tuple[list[dict[str, Any]], bool]:
    from phi3studio.services.connection import Service

    findings: list[dict[str, Any]] = []
    async with Service.start("azure") as service:
        stream = service.stream("check", recipe=recipe.to_json())
        async for item in stream:
            findings.append(item)
            if not quiet:
                typer.echo(_line(item))
        return findings, bool(stream.result["ok"])


async def _export(recipe: Recipe, out: Path) -> dict[str, Any]:
    from phi3studio.services.connection import Service

    async with Service.start("azure") as service:
        result: dict[str, Any] = await service.call("export", recipe=recipe.to_json(), out=str(out))
        return result


def _line(finding: dict[str, Any]) -> str:
    mark = "✓" if finding["ok"] else "✗"
    line = f"{mark} {finding['name']:<11} {finding['text']}"
    if finding["ok"]:
        return line
    return f"{line}\n  {'':<11} {finding['hint']}\n  {'':<11} [{finding['code']}]"
