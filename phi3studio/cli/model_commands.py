"""Commands about base models and about the installation."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

import typer

from phi3studio.cli.output import print_json, size

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

models_app = typer.Typer(help="Base models: known, installed, fetched.", no_args_is_help=True)


@models_app.command("list")
def list_models(as_json: Json = False) -> None:
    """List the catalogue and what of it is on disk."""
    from phi3studio.runs.models import ModelStore, catalogue
    from phi3studio.runs.paths import user_home

    store = ModelStore(user_home())
    rows = [
        entry.model_dump() | {"installed": store.is_installed(entry.name)} for entry in catalogue()
    ]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        place = "on disk" if row["installed"] else f"{size(row['download_bytes'])} to fetch"
        typer.echo(f"{row['name']:<16} {row['title']:<40} {row['licence']:<12} {place}")
    typer.echo("A folder with a model in Hugging Face format can be used by its path.")


@models_app.command("get")
def get(name: Annotated[str, typer.Argument(metavar="NAME")], as_json: Json = False) -> None:
    """Fetch a model of the catalogue, so that the first run need not."""
    folder = asyncio.run(_get(name, as_json))
    if as_json:
        print_json({"name": name, "folder": folder})
    else:
        typer.echo(f"{name} is in {folder}")


async def _get(name: str, quiet: bool) -> str:
    from phi3studio.services.client import Service

    async with Service.start("models") as service:
        stream = service.stream("get", source=name)
        async for item in stream:
            if not quiet:
                typer.echo(f"  {item['activity']} …", err=True)
        return str(stream.result["folder"])


def doctor(as_json: Json = False) -> None:
    """Say what is installed, what the machine has, and what does not fit together."""
    from phi3studio.runs.doctor import examine
    from phi3studio.runs.paths import user_home

    report = examine(user_home())
    devices = asyncio.run(_devices())
    problems = [*(asdict(f) for f in report.findings)]
    problems += [
        {"code": "install.broken", "message": text, "hint": "Set the environment up anew: "
         "python3 installers/bootstrap.py --fresh doctor."}
        for text in devices["problems"]
    ]  # fmt: skip
    if as_json:
        print_json(asdict(report) | {"devices": devices, "findings": problems})
    else:
        _print_report(report, devices, problems)
    if problems:
        raise typer.Exit(1)


def _print_report(report: Any, devices: dict[str, Any], problems: list[dict[str, str]]) -> None:
    lines = [
        f"Phi-3 Studio {report.program} · Python {report.python} · {report.system}",
        f"cores     {report.cores}"
        + (", bfloat16 in hardware" if devices.get("cpu_bfloat16") else ""),
        f"memory    {size(report.memory_available)} free of {size(report.memory_total)}",
        f"disk      {size(report.disk_free)} free at {report.home}",
        f"flavour   {', '.join(report.flavours) or 'none'}",
        f"train on  {', '.join(devices['train_on'])}",
        *(f"  {gpu['name']}, {size(gpu['memory'])}" for gpu in devices["cuda"]),
        f"run on    {', '.join(devices['providers']) or 'nothing'}",
        "models    "
        + ", ".join(f"{name} ({'on disk' if on else 'not fetched'})"
                    for name, on in report.models.items()),
        "versions  " + ", ".join(f"{name} {value}" for name, value in report.versions.items()),
    ]  # fmt: skip
    typer.echo("\n".join(lines))
    for problem in problems:
        typer.echo(f"! {problem['message']}\n  {problem['hint']}")
    if not problems:
        typer.echo("Everything fits together.")


async def _devices() -> dict[str, Any]:
    from phi3studio.services.client import Service

    async with Service.start("probe") as service:
        found: dict[str, Any] = await service.call("devices")
        return found
