"""Commands around Olive's own configurations: read one, write one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phi3studio.cli.output import print_json
from phi3studio.cli.waiting import wait_for
from phi3studio.domain.errors import InputError, UserFacingError, first_line

if TYPE_CHECKING:
    from phi3studio.domain.recipe import Recipe
    from phi3studio.olive_configs import Decision, Imported

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

olive_app = typer.Typer(
    help="Read Olive configs (also of the older syntax), and write what plain Olive runs.",
    no_args_is_help=True,
)


@olive_app.command("import")
def import_(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="olive-config.json")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Where to write the recipe (.yaml or .json).")
    ] = None,
    partial: Annotated[
        bool,
        typer.Option("--partial", help="Write the recipe although it cannot do all that is asked."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a recipe of an Olive config, and say what became of each of its keys."""
    from phi3studio.domain.recipes.recipe_gaps import with_gaps
    from phi3studio.models.model_store import catalogue
    from phi3studio.olive_configs import import_config
    from phi3studio.runs.recipe_files import absolute, write_recipe

    target = out or Path(f"{config.stem}.recipe.yaml")
    if target.exists():
        raise InputError("recipe.exists", path=target)
    ours = {entry.hub_id: entry.name for entry in catalogue()}
    imported = import_config(_read(config), config.stem, ours)
    if imported.problem is not None and not (partial and imported.recipe is not None):
        if not as_json:
            _print_decisions(imported, blocking_only=True)
        raise imported.problem
    assert imported.recipe is not None
    recipe = absolute(imported.recipe, config.resolve().parent)
    gaps = {gap.key: gap.marker for gap in imported.gaps}
    notes = [*imported.defaults, *_packages_left_out(imported, config.parent)]
    if "data.source" not in gaps:
        notes += wait_for(_look_at_data(recipe, partial))
    write_recipe(recipe, target, gaps)
    if as_json:
        print_json(
            {
                "path": str(target),
                "steps": list(imported.steps),
                "decisions": [decision.to_json() for decision in imported.decisions],
                "notes": notes,
                "gaps": [{"key": gap.key, "text": gap.text} for gap in imported.gaps],
                "recipe": with_gaps(recipe.to_json(), gaps),
            }
        )
        return
    _print_decisions(imported)
    for note in notes:
        typer.echo(f"note        {note}")
    typer.echo(f"\nWrote {target}. {_next(imported)}: phi3studio run {target}")


def _packages_left_out(imported: Imported, folder: Path) -> list[str]:
    """The packages of the config's conda files by name: a job installs none of them."""
    notes = []
    for decision in imported.decisions:
        if not decision.path.endswith("conda_file_path") or decision.kind != "refused":
            continue
        file = folder / str(decision.value)
        values = _read(file) if file.is_file() else None
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


def _next(imported: Imported) -> str:
    """What to do with the recipe; its gaps are listed."""
    if not imported.gaps:
        return "Look it over, then"
    width = max(len(gap.key) for gap in imported.gaps)
    lines = [f"  {gap.key:<{width}}  {gap.marker}  {gap.text}" for gap in imported.gaps]
    values = "value is" if len(lines) == 1 else "values are"
    return f"{len(lines)} {values} still open:\n" + "\n".join(lines) + "\nWrite them there, then"


@olive_app.command("export")
def export(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE")],
    out: Annotated[Path, typer.Option("--out", help="A new folder for the files.")],
    as_json: AsJson = False,
) -> None:
    """Write config, user script and rows that “olive run --config” runs without this program."""
    from phi3studio.runs.recipe_files import read_recipe

    result = wait_for(_export(read_recipe(recipe), out.expanduser().absolute(), as_json))
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


def _read(config: Path) -> Any:
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
        return yaml.safe_load(text)
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        raise InputError(
            "olive.broken_yaml",
            variant="" if mark else "whole",
            path=config,
            line=mark.line + 1 if mark else None,
            reason=getattr(exc, "problem", None) or first_line(exc),
        ) from exc


async def _look_at_data(recipe: Recipe, partial: bool) -> list[str]:
    """Compare the template with the data's columns, where the data is there already.

    Returns notes; raises :class:`InputError` for a column that the data lacks.
    """
    from phi3studio.domain.dataset import Source
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
    source = Source(**{name: getattr(data, name) for name in Source.model_fields})
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


def _print_decisions(imported: Imported, blocking_only: bool = False) -> None:
    for decision in imported.decisions:
        if decision.blocks or not blocking_only:
            typer.echo(_line(decision), err=blocking_only)


def _line(decision: Decision) -> str:
    value = decision.shown
    shown = value if isinstance(value, str) else repr(value)
    shown = shown if len(shown) <= 40 else shown[:39] + "…"
    arrow = f" → {decision.to}" if decision.to else ""
    words = f"  {decision.text} {decision.instead}".rstrip()
    head = f"{decision.kind:<11} {decision.path}: {shown}".replace("\n", "↵")
    return f"{head}{arrow}{words}"
