"""Commands around data: look at it, see what the model will see, check it, repair it.

They ask the same inspector service as the window, so both say the same.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from phi3studio.app.files import expanded
from phi3studio.cli.data_lines import (
    fact_lines,
    preview_lines,
    report_lines,
    source_json,
    source_lines,
)
from phi3studio.cli.options import AsJson, Messages, ModelName, RatingColumn, Rejected
from phi3studio.cli.output import print_json, rewrite
from phi3studio.cli.recipe_draft import (
    first_proposal,
    fitting_batch,
    method_keys,
    preferring,
    shape_keys,
    with_line_breaks,
)
from phi3studio.cli.waiting import wait_for
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages.formatting import percent
from phi3studio.domain.parsing import parse_json

if TYPE_CHECKING:
    from phi3studio.domain.datasets.check_report import Report
    from phi3studio.domain.datasets.source_report import Preview, SourceReport
    from phi3studio.domain.recipe import Recipe
    from phi3studio.services.inspector_client import Inspector

data_app = typer.Typer(
    help="Look at data, see what the model will see, find and repair defects.",
    no_args_is_help=True,
)

T = TypeVar("T")
_MOST_ROUNDS = 6

File = Annotated[
    list[str],
    typer.Argument(metavar="FILE…", help="Data files, a folder, a pattern, or a hub id."),
]
Format = Annotated[
    str,
    typer.Option(
        "--format", help="json, jsonl, csv, tsv, yaml, spreadsheet, parquet, arrow, text or hub."
    ),
]
Encoding = Annotated[str | None, typer.Option("--encoding", help="Text encoding.")]
Delimiter = Annotated[str | None, typer.Option("--delimiter", help="CSV delimiter.")]
Header = Annotated[
    bool | None, typer.Option("--header/--no-header", help="Whether line 1 names the columns.")
]
Sheet = Annotated[str | None, typer.Option("--sheet", help="Sheet of a workbook.")]
Records = Annotated[
    str | None,
    typer.Option("--records", help="Keys to the rows in a JSON document, joined by dots."),
]
Config = Annotated[str | None, typer.Option("--config", help="Hub configuration.")]
HubSplit = Annotated[str, typer.Option("--split", help="Hub split.")]
TemplateText = Annotated[
    str | None,
    typer.Option(
        "--template",
        help="One text with {column} placeholders; {=>} marks where the completion begins, "
        "else it begins at the last placeholder. \\n is a line break.",
    ),
]
Length = Annotated[int, typer.Option("--length", min=8, help="Sequence length in tokens.")]
Repairs = Annotated[
    list[str] | None,
    typer.Option(
        "--repair", help="A repair to apply: its kind, e.g. trim, or its JSON; may be repeated."
    ),
]
Ignored = Annotated[
    list[str] | None,
    typer.Option("--ignore", help="Something that the model knowingly does not see; repeatable."),
]


@data_app.command("shapes")
def shapes(
    files: File,
    format: Format = "auto",
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    header: Header = None,
    sheet: Sheet = None,
    records: Records = None,
    config: Config = None,
    split: HubSplit = "train",
    as_json: AsJson = False,
) -> None:
    """Say what a data set is, and which shapes fit it."""
    values = _source(files, format, encoding, delimiter, header, sheet, records, config, split)

    async def ask(inspector: Inspector) -> SourceReport:
        from phi3studio.domain.datasets.source import Source

        return await inspector.look(Source.model_validate(values))

    report = asked(ask)
    if as_json:
        print_json(report.model_dump(mode="json"))
        return
    for line in source_lines(report):
        typer.echo(line)


@data_app.command("preview")
def preview(
    files: File,
    template: TemplateText = None,
    messages: Messages = None,
    rejected: Rejected = None,
    rating: RatingColumn = None,
    model: ModelName = "starter",
    row: Annotated[int, typer.Option("--row", min=1, help="Which row, from 1.")] = 1,
    length: Length = 1024,
    repair: Repairs = None,
    ignore: Ignored = None,
    format: Format = "auto",
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    header: Header = None,
    sheet: Sheet = None,
    records: Records = None,
    config: Config = None,
    split: HubSplit = "train",
    as_json: AsJson = False,
) -> None:
    """Show one row raw, rendered, and as the tokens that will be trained."""
    values = _source(files, format, encoding, delimiter, header, sheet, records, config, split)

    async def ask(inspector: Inspector) -> tuple[Recipe, str | None, SourceReport, Preview]:
        recipe, reason, source = await _recipe(
            inspector, values, template, messages, rejected, rating, model, length, repair, ignore
        )
        return recipe, reason, source, await inspector.preview(recipe, row - 1)

    recipe, reason, source, seen = asked(ask)
    if as_json:
        document = seen.model_dump(mode="json")
        found = {"reason": reason, "source": source_json(source), "data": _data_json(recipe)}
        print_json({**found, **document, "row": row})
        return
    for line in [*fact_lines(source), *preview_lines(seen, reason)]:
        typer.echo(line)


@data_app.command("check")
def check(
    files: File,
    template: TemplateText = None,
    messages: Messages = None,
    rejected: Rejected = None,
    rating: RatingColumn = None,
    model: ModelName = "starter",
    length: Length = 1024,
    repair: Repairs = None,
    ignore: Ignored = None,
    format: Format = "auto",
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    header: Header = None,
    sheet: Sheet = None,
    records: Records = None,
    config: Config = None,
    split: HubSplit = "train",
    fix_all: Annotated[
        bool, typer.Option("--fix-all", help="With the safe repairs of all findings applied.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Read everything: statistics, findings, and the repairs that they offer."""
    values = _source(files, format, encoding, delimiter, header, sheet, records, config, split)

    async def ask(inspector: Inspector) -> tuple[Recipe, str | None, SourceReport, Report]:
        recipe, reason, source = await _recipe(
            inspector, values, template, messages, rejected, rating, model, length, repair, ignore
        )
        if fix_all:
            recipe, report = await fixed_all(inspector, recipe)
            return recipe, reason, source, report
        return recipe, reason, source, await checked(inspector, recipe)

    recipe, reason, source, report = asked(ask)
    if as_json:
        found = {"source": source_json(source), "data": _data_json(recipe), "reason": reason}
        print_json({**found, **report.model_dump(mode="json")})
        return
    for line in [*fact_lines(source), *([reason] if reason else []), *report_lines(report)]:
        typer.echo(line)
    if fix_all:
        for done in recipe.rows.repairs:
            typer.echo(f"applied: {done.model_dump_json(exclude_defaults=True)}")


async def checked(inspector: Inspector, recipe: Recipe) -> Report:
    """The report of a check; how far it is stands on the terminal meanwhile."""
    from phi3studio.domain.datasets.check_report import Report

    show = sys.stderr.isatty()
    async for item in inspector.check(recipe):
        if isinstance(item, Report):
            if show:
                rewrite(sys.stderr)
            return item
        if show and item.total:
            rewrite(sys.stderr, f"{percent(item.done / item.total)}  {item.rows} rows")
    raise AssertionError("a check ends with its report")


def asked(ask: Callable[[Inspector], Awaitable[T]]) -> T:
    from phi3studio.services.connection import Service
    from phi3studio.services.inspector_client import Inspector

    async def inside() -> T:
        async with Service.start("inspector") as service:
            return await ask(Inspector(service))

    return wait_for(inside())


def _source(
    files: list[str],
    format: str,
    encoding: str | None,
    delimiter: str | None,
    header: bool | None,
    sheet: str | None,
    records: str | None,
    config: str | None,
    split: str,
) -> dict[str, Any]:
    """The source part of a recipe's data section; paths are made absolute."""
    if format != "hub":
        # The service runs elsewhere; a path must not depend on its folder.
        files = [str(expanded(name).absolute()) for name in files]
    values = {
        "source": files[0],
        "also": files[1:],
        "format": format,
        "encoding": encoding,
        "delimiter": "\t" if delimiter in ("\\t", "tab") else delimiter,
        "header": header,
        "sheet": sheet,
        "records": records,
        "hub_config": config,
        "hub_split": split,
    }
    # Validated here with the template's place filled, so that errors name the key.
    _parsed({**values, "messages": "messages"})
    return values


def _parsed(data: dict[str, Any], **sections: Any) -> Recipe:
    from phi3studio.domain.recipe import parse_recipe

    return parse_recipe({"data": data, **sections})


async def _recipe(
    inspector: Inspector,
    source: dict[str, Any],
    template: str | None,
    messages: str | None,
    rejected: str | None,
    rating: str | None,
    model: str,
    length: int,
    repairs: list[str] | None,
    ignore: list[str] | None,
) -> tuple[Recipe, str | None, SourceReport]:
    """The recipe that the options describe, why its shape was chosen if they leave it open, and
    how the source is read."""
    from phi3studio.domain.datasets.source import Source

    report = await inspector.look(Source.model_validate(source))
    reason: str | None = None
    shape: dict[str, Any]
    if template is not None:
        from phi3studio.domain.template import split_template

        prompt, completion = split_template(with_line_breaks(template))
        shape = {"template": {"prompt": prompt, "completion": completion}}
    elif messages is not None:
        shape = {"messages": messages}
    else:
        best = first_proposal(report)
        reason, shape = best.reason, shape_keys(best)
    shape = preferring(shape, rejected, rating)
    folder = expanded(model)
    chosen = str(folder.absolute()) if folder.is_dir() else model
    recipe = _parsed(
        {
            **source,
            **shape,
            "repairs": [*shape.get("repairs", ()), *(repair_of(text) for text in repairs or ())],
            "ignore": ignore or [],
        },
        model={"source": chosen},
        method=method_keys(shape),
        training={"sequence_length": length},
    )
    # As a new recipe of this file would have it, so that the check warns of nothing else.
    batch = fitting_batch(report, recipe.training.batch_size)
    training = recipe.training.model_copy(update={"batch_size": batch})
    return recipe.model_copy(update={"training": training}), reason, report


async def fixed_all(inspector: Inspector, recipe: Recipe) -> tuple[Recipe, Report]:
    """The recipe with the safe repairs of all findings, and of those that show once they are
    applied."""
    for _ in range(_MOST_ROUNDS):
        report = await checked(inspector, recipe)
        had = recipe.rows.repairs
        new = [repair for repair in report.safe_repairs if repair not in had]
        if not new:
            break
        data = recipe.rows.model_copy(update={"repairs": [*had, *new]})
        recipe = recipe.model_copy(update={"data": data})
    return recipe, report


def repair_of(text: str) -> dict[str, Any]:
    """A repair's kind, or its whole JSON object as a finding offers it."""
    if not text.lstrip().startswith("{"):
        return {"kind": text}
    try:
        value: dict[str, Any] = parse_json(text)
        return value
    except ValueError as exc:
        raise InputError("data.repair", repair=text, reason=str(exc)) from exc


def _data_json(recipe: Recipe) -> dict[str, Any]:
    return recipe.rows.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
