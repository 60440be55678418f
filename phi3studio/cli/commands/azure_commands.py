"""Commands around Azure Machine Learning: look for what is missing, write the job's files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phi3studio.app.files import expanded
from phi3studio.cli.options import AsJson, NewFolder
from phi3studio.cli.output import print_json
from phi3studio.cli.waiting import wait_for

if TYPE_CHECKING:
    from phi3studio.domain.recipe import Recipe
    from phi3studio.services.azure_client import CheckItem

RecipeFile = Annotated[Path, typer.Argument(metavar="RECIPE", help="Recipe with a section azure.")]

azure_app = typer.Typer(
    help="Run recipes as jobs of Azure Machine Learning (target.train_on: azureml).",
    no_args_is_help=True,
)


@azure_app.command("check")
def check(recipe: RecipeFile, as_json: AsJson = False) -> int:
    """Show what is missing for the recipe's job: login, workspace, compute, quota, image."""
    from phi3studio.runs.recipe_files import read_recipe

    findings = wait_for(_check(read_recipe(recipe), as_json))
    good = all(finding.error is None for finding in findings)
    if as_json:
        found = [finding.to_json() for finding in findings]
        print_json({"ok": good, "findings": found})
    elif good:
        typer.echo(f"\nNothing is missing. Start it: phi3studio run {recipe}")
    return 0 if good else 2


@azure_app.command("export")
def export(
    recipe: RecipeFile,
    out: NewFolder,
    as_json: AsJson = False,
) -> None:
    """Write job.yml, environment and code for “az ml job create”."""
    from phi3studio.runs.recipe_files import read_recipe
    from phi3studio.services.azure_client import export as export_job

    out = expanded(out).absolute()
    files = wait_for(export_job(read_recipe(recipe), out))
    if as_json:
        print_json({"folder": str(out), "files": list(files)})
        return
    typer.echo(f"Wrote {', '.join(files)} into {out}.")
    typer.echo(f"README.txt there says how to create the job.\n\n  cd {out}")
    typer.echo("  az ml job create --file job.yml …")


async def _check(recipe: Recipe, quiet: bool) -> list[CheckItem]:
    from phi3studio.services import azure_client

    findings = []
    async for finding in azure_client.check(recipe):
        findings.append(finding)
        if not quiet:
            typer.echo(_line(finding))
    return findings


def _line(finding: CheckItem) -> str:
    line = f"{'✗' if finding.error else '✓'} {finding.name:<11} {finding.text}"
    if finding.error is None:
        return line
    return f"{line}\n  {'':<11} {finding.error.hint}\n  {'':<11} [{finding.error.code}]"
