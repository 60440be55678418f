"""Commands that edit the rows of a recipe's data. The edits are recorded in the recipe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phi3studio.cli.commands.data_commands import asked, checked, fixed_all, repair_of
from phi3studio.cli.options import AsJson, RecipeFile
from phi3studio.cli.output import print_json
from phi3studio.domain.errors import InputError
from phi3studio.domain.parsing import parse_json

if TYPE_CHECKING:
    from phi3studio.domain.datasets.check_report import Report
    from phi3studio.domain.datasets.source_report import RowPage
    from phi3studio.domain.recipe import Recipe
    from phi3studio.domain.rows.repairs import Repair
    from phi3studio.domain.rows.row_edits import Row
    from phi3studio.services.inspector_client import Inspector

rows_app = typer.Typer(
    help="Edit, delete, add and restore the rows of a recipe's data, find and replace, undo. "
    "The edits are recorded in the recipe as repairs; the data file is never changed.",
    no_args_is_help=True,
)

Number = Annotated[int, typer.Option("--row", min=1, help="Which row, from 1.")]
Numbers = Annotated[list[int], typer.Option("--row", min=1, help="Which row, from 1; repeatable.")]
Cells = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="PLACE=TEXT",
        help="A column, or a path into it (messages.1.content), and its new text; PLACE:=JSON for "
        "another value than text. Repeatable.",
    ),
]


@rows_app.command("show")
def show(
    recipe: RecipeFile,
    row: Annotated[
        list[int] | None, typer.Option("--row", min=1, help="Which row, from 1; repeatable.")
    ] = None,
    finding: Annotated[
        str | None,
        typer.Option("--finding", help="The rows of this finding of phi3studio data check."),
    ] = None,
    first: Annotated[int, typer.Option("--from", min=1, help="The first row to show.")] = 1,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="How many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show rows as they are after their edits."""
    from phi3studio.domain.rows.row_edits import RowEdits
    from phi3studio.runs.recipe_files import read_recipe

    parsed = read_recipe(recipe)

    async def ask(inspector: Inspector) -> RowPage:
        numbers = [number - 1 for number in row or ()]
        if finding is not None:
            numbers = _places(await checked(inspector, parsed), finding)[first - 1 :][:limit]
        return await inspector.rows(parsed.rows, first - 1, limit, numbers=numbers)

    page = asked(ask)
    edits = RowEdits(parsed.rows.repairs)
    shown = [
        {
            "row": place + 1,
            "key": key,
            "edited": place in edits.places,
            "deleted": edits.deletes(place),
            "values": edits.shown(place, values, key),
        }
        for place, key, values in zip(page.numbers, page.keys, page.rows, strict=True)
    ]
    if page.end and not row and finding is None and page.count is not None:
        shown += [
            {"row": place, "key": None, "edited": True, "deleted": False, "values": values}
            for place, values in enumerate(edits.added, page.count + 1)
        ]
    if as_json:
        print_json({"rows": shown})
        return
    for item in shown:
        mark = " (left out)" if item["deleted"] else " (edited)" if item["edited"] else ""
        typer.echo(f"Row {item['row']}{mark}")
        values = item["values"]
        assert isinstance(values, dict)
        for name, value in values.items():
            typer.echo(f"  {name}: {value}")


@rows_app.command("edit")
def edit(recipe: RecipeFile, row: Number, cells: Cells) -> None:
    """Give cells or turns of a row other values."""
    from phi3studio.domain.rows.recording import with_added_cells, with_cells
    from phi3studio.domain.rows.row_edits import put

    values = dict(map(_cell, cells))
    parsed, page = _looked_up(recipe, [row])
    repairs = parsed.rows.repairs
    if row - 1 in page.numbers:
        whole: Row = dict(page.rows[0])
        for place, value in values.items():
            whole = put(whole, place, value)
        changed = with_cells(repairs, row - 1, page.keys[0], values)
    else:
        changed = with_added_cells(repairs, _index(parsed, page, row), values)
    _record(recipe, parsed, changed, f"Row {row} is edited.")


@rows_app.command("delete")
def delete(recipe: RecipeFile, row: Numbers) -> None:
    """Leave rows out; rows that were added are taken back."""
    from phi3studio.domain.rows.recording import with_deleted, without_added

    parsed, page = _looked_up(recipe, row)
    repairs: tuple[Repair, ...] = tuple(parsed.rows.repairs)
    for place, key in zip(page.numbers, page.keys, strict=True):
        repairs = with_deleted(repairs, place, key)
    for number in sorted({number for number in row if number - 1 not in page.numbers})[::-1]:
        repairs = without_added(repairs, _index(parsed, page, number))
    _record(recipe, parsed, repairs, f"Left out: {len(set(row))} of the rows.")


@rows_app.command("restore")
def restore(recipe: RecipeFile, row: Numbers) -> None:
    """Take back all edits of rows."""
    from phi3studio.domain.rows.recording import with_restored
    from phi3studio.runs.recipe_files import read_recipe

    parsed = read_recipe(recipe)
    repairs: tuple[Repair, ...] = tuple(parsed.rows.repairs)
    for number in row:
        repairs = with_restored(repairs, number - 1)
    _record(recipe, parsed, repairs, "The rows are as in the file again.")


@rows_app.command("add")
def add(recipe: RecipeFile, cells: Cells) -> None:
    """Add a row after those of the file."""
    from phi3studio.domain.rows.row_edits import AddRow
    from phi3studio.runs.recipe_files import read_recipe

    parsed = read_recipe(recipe)
    row = AddRow(values=dict(map(_cell, cells)))
    _record(recipe, parsed, (*parsed.rows.repairs, row), "A row is added.")


@rows_app.command("replace")
def replace(
    recipe: RecipeFile,
    column: Annotated[str, typer.Argument(help="The column; for conversations, theirs.")],
    find: Annotated[str, typer.Argument(help="The text to be found, as it stands.")],
    by: Annotated[str, typer.Argument(help="What takes its place.")],
    ignore_case: Annotated[bool, typer.Option("--ignore-case", help="In any case.")] = False,
    words: Annotated[bool, typer.Option("--words", help="Only whole words.")] = False,
) -> None:
    """Find a text in a column and replace it in every row."""
    from phi3studio.domain.rows.row_edits import ReplaceText
    from phi3studio.runs.recipe_files import read_recipe

    parsed = read_recipe(recipe)
    repair = ReplaceText(
        column=column, find=find, by=by, match_case=not ignore_case, whole_words=words
    )
    _record(recipe, parsed, (*parsed.rows.repairs, repair), f"{find!r} becomes {by!r}.")


@rows_app.command("fix")
def fix(recipe: RecipeFile, as_json: AsJson = False) -> None:
    """Fix all: record the safe repairs of all findings in the recipe."""
    from phi3studio.runs.recipe_files import read_recipe, write_repairs

    parsed = read_recipe(recipe)
    fixed, report = asked(lambda inspector: fixed_all(inspector, parsed))
    new = [repair for repair in fixed.rows.repairs if repair not in parsed.rows.repairs]
    if new:
        write_repairs(fixed, recipe)
    if as_json:
        print_json(
            {
                "repairs": [repair.model_dump(mode="json") for repair in new],
                "findings": [finding.code for finding in report.findings],
            }
        )
        return
    for repair in new:
        typer.echo(f"repair: {repair.model_dump_json(exclude_defaults=True)}")
    left = ", ".join(finding.code for finding in report.findings)
    typer.echo(f"Recorded {len(new)} repairs in {recipe}. " + (f"Left: {left}" if left else ""))


@rows_app.command("undo")
def undo(recipe: RecipeFile) -> None:
    """Take back the last edit, and print it: rows apply RECIPE 'EDIT' does it again."""
    from phi3studio.domain.rows.recording import without_last
    from phi3studio.runs.recipe_files import read_recipe

    parsed = read_recipe(recipe)
    repairs, last = without_last(parsed.rows.repairs)
    _record(recipe, parsed, repairs, last.model_dump_json(exclude_defaults=True))


@rows_app.command("apply")
def apply(
    recipe: RecipeFile,
    repair: Annotated[list[str], typer.Argument(help="A repair's kind, e.g. trim, or its JSON.")],
) -> None:
    """Record repairs, as findings offer them and undo prints them."""
    from phi3studio.domain.recipe import parse_recipe
    from phi3studio.runs.recipe_files import read_recipe

    parsed = read_recipe(recipe)
    values = parsed.to_json()
    values["data"]["repairs"] += [repair_of(text) for text in repair]
    _record(recipe, parsed, parse_recipe(values).rows.repairs, "Recorded.")


def _looked_up(path: Path, rows: Sequence[int]) -> tuple[Recipe, RowPage]:
    from phi3studio.runs.recipe_files import read_recipe

    parsed = read_recipe(path)
    numbers = sorted({row - 1 for row in rows})

    async def ask(inspector: Inspector) -> RowPage:
        return await inspector.rows(parsed.rows, 0, numbers=numbers, whole=True)

    return parsed, asked(ask)


def _index(recipe: Recipe, page: RowPage, row: int) -> int:
    """Which of the added rows a number means."""
    from phi3studio.domain.rows.row_edits import RowEdits

    count = page.count or 0
    last = count + len(RowEdits(recipe.rows.repairs).added)
    if not count < row <= last:
        name = Path(recipe.rows.source).name
        raise InputError("data.no_row", file=name, row=row, last=last)
    return row - 1 - count


def _places(report: Report, code: str) -> list[int]:
    found = [finding for finding in report.findings if finding.code == code]
    if not found:
        codes = [finding.code for finding in report.findings]
        raise InputError("data.no_finding", finding=code, findings=codes)
    return list(found[0].places)


def _cell(text: str) -> tuple[str, Any]:
    place, sign, value = text.partition("=")
    if not sign or not place.strip(": "):
        raise InputError("data.cell", text=text)
    if not place.endswith(":"):
        return place, value
    try:
        return place[:-1], parse_json(value)
    except ValueError as exc:
        raise InputError("data.cell", variant="json", text=value, reason=str(exc)) from exc


def _record(path: Path, recipe: Recipe, repairs: Sequence[Repair], said: str) -> None:
    from phi3studio.runs.recipe_files import write_repairs

    data = recipe.rows.model_copy(update={"repairs": list(repairs)})
    write_repairs(recipe.model_copy(update={"data": data}), path)
    typer.echo(said)
