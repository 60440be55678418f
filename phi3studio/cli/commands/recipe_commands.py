"""Commands around recipes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from phi3studio.cli.options import AsJson, Messages, ModelName, RatingColumn, RecipeFile, Rejected
from phi3studio.cli.output import print_json
from phi3studio.domain.errors import InputError

recipe_app = typer.Typer(help="Write, check and explain recipes.", no_args_is_help=True)


@recipe_app.command("new")
def new(
    data: Annotated[Path, typer.Option("--data", help="The data file.")],
    model: ModelName = "starter",
    after: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="RUN",
            help="Go on from what this run learned: with its model and its adapter.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Where to write it (.yaml or .json).")
    ] = None,
    prompt: Annotated[
        str | None, typer.Option("--prompt", help="Prompt template, with {column} placeholders.")
    ] = None,
    completion: Annotated[
        str | None, typer.Option("--completion", help="Completion template.")
    ] = None,
    template: Annotated[
        str | None,
        typer.Option(
            "--template", help="Both in one text; {=>} marks where the completion begins."
        ),
    ] = None,
    messages: Messages = None,
    rejected: Rejected = None,
    rating: RatingColumn = None,
    prompt_column: Annotated[
        str | None, typer.Option("--prompt-column", help="The column that is the prompt.")
    ] = None,
    answer_column: Annotated[
        str | None, typer.Option("--answer-column", help="The column that is learned.")
    ] = None,
    preset: Annotated[
        Literal["quick", "balanced", "thorough"],
        typer.Option("--preset", help="How long and how carefully to train."),
    ] = "balanced",
    as_json: AsJson = False,
) -> None:
    """Write a complete recipe with good defaults for a data file."""
    from phi3studio.cli.recipe_draft import draft_recipe
    from phi3studio.runs.recipe_files import write_recipe

    recipe, lines = draft_recipe(
        data,
        model,
        after=after,
        prompt=prompt,
        completion=completion,
        template=template,
        messages=messages,
        rejected=rejected,
        rating=rating,
        prompt_column=prompt_column,
        answer_column=answer_column,
        preset=preset,
    )
    target = out or Path(f"{data.stem}.yaml")
    if target.exists():
        raise InputError("recipe.exists", path=target)
    write_recipe(recipe, target)
    if as_json:
        print_json(
            {
                "path": str(target),
                "reason": lines[0],
                "notes": lines[1:],
                "recipe": recipe.to_json(),
            }
        )
        return
    typer.echo("\n".join(lines) + f"\nWrote {target}. Look it over, then: phi3studio run {target}")


@recipe_app.command("check")
def check(
    recipe: RecipeFile,
    data: Annotated[
        bool,
        typer.Option(
            "--data", help="Read the data too: what is found, which rows cannot be used and why."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say whether a recipe is valid and can be run here."""
    from phi3studio.app.paths import user_home
    from phi3studio.cli.commands.data_commands import asked, checked
    from phi3studio.cli.data_lines import report_lines
    from phi3studio.runs.preflight import check_before_start
    from phi3studio.runs.recipe_files import read_recipe

    parsed = read_recipe(recipe)
    check_before_start(parsed, user_home())
    report = asked(lambda inspector: checked(inspector, parsed)) if data and parsed.data else None
    if as_json:
        found = {"report": report.model_dump(mode="json")} if report is not None else {}
        print_json({"valid": True, "recipe": parsed.to_json(), **found})
        return
    typer.echo(f"{recipe} is valid.")
    for line in report_lines(report) if report is not None else ():
        typer.echo(line)


@recipe_app.command("schema")
def schema() -> None:
    """Print the JSON schema of recipes."""
    from phi3studio.domain.recipe import json_schema

    print_json(json_schema())
