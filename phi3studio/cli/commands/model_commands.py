"""Commands about base models and about the installation."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phi3studio.cli.options import AsJson
from phi3studio.cli.output import print_json, rewrite
from phi3studio.cli.waiting import wait_for
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages.formatting import size

if TYPE_CHECKING:
    from phi3studio.models.model_store import KnownModel


models_app = typer.Typer(help="Base models: list, download, add, remove.", no_args_is_help=True)


@models_app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """List the catalogue, the added models and those in the hub's cache."""
    from phi3studio.app.paths import user_home
    from phi3studio.models.model_store import ModelStore, bytes_to_download

    known = list(ModelStore(user_home()).all())
    if as_json:
        print_json([_row(model) for model in known])
        return
    for model in known:
        entry = model.entry
        if model.folder is not None:
            where = "on disk"
        elif entry is None:
            where = "no longer complete"
        else:
            fetch = bytes_to_download(entry)
            where = f"{size(fetch)} to download" if fetch else "comes with the program"
            where += ", licence to accept first" if entry.gated else ""
        title, licence = (entry.title, entry.licence) if entry else (str(model.folder or ""), "")
        memory = f"{size(entry.training_memory_bytes.lora):>8}" if entry else " " * 8
        typer.echo(f"{model.name:<16} {title:<31} {licence:<27} {memory}  {where}")
    typer.echo("The memory is what training with LoRA takes on the CPU, one short row at a time.")
    typer.echo(
        "Any other model of the hub: phi3studio models get owner/name. "
        "A model folder can be used by its path."
    )


def _row(model: KnownModel) -> dict[str, Any]:
    facts: dict[str, Any] = {"name": model.name}
    if model.entry:
        facts |= model.entry.model_dump(mode="json")
    return facts | {
        "installed": model.folder is not None,
        "place": model.place,
        "folder": str(model.folder) if model.folder else None,
    }


@models_app.command("get")
def get(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Catalogue name, or owner/name.")],
    revision: Annotated[
        str | None, typer.Option("--revision", help="Branch, tag or commit on the hub.")
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Ask the hub even if the model is complete here.")
    ] = False,
    code: Annotated[
        bool, typer.Option("--code", help="Also download the program code it brings; nothing runs.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Download a model into the hub's cache. Ctrl-C pauses it; the same command continues it."""
    params = {"source": name, "revision": revision, "update": update, "code": code}
    try:
        result = wait_for(_served("get", params, as_json))
    except KeyboardInterrupt:
        _say_paused(name)
        raise
    if as_json:
        print_json(result)
    else:
        fetched = f" ({size(result['fetched'])} downloaded)" if result["fetched"] else ""
        typer.echo(f"{name} is in {result['folder']}{fetched}")
        if result["code_files"]:
            typer.echo(
                "Its publisher also offers program code, which is not run unless a recipe says "
                f"model.trust_remote_code: {', '.join(result['code_files'])}"
            )


@models_app.command("add")
def add(
    path: Annotated[Path, typer.Argument(help="Model folder, MLflow folder, or GGUF file.")],
    name: Annotated[str | None, typer.Option("--name", help="What to call it.")] = None,
    convert_pickle: Annotated[
        bool,
        typer.Option(
            "--convert-pickle",
            help="Convert pickled weights (*.bin), in a process without network.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a model that is on this computer usable by a name."""
    params = {"path": str(path.absolute()), "name": name, "convert_pickle": convert_pickle}
    result = wait_for(_served("add", params, as_json))
    if as_json:
        print_json(result)
    else:
        typer.echo(f"{result['name']} is {result['folder']}")


@models_app.command("remove")
def remove(
    name: str,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove a model from this computer; a folder that was added is only taken off the list."""
    from phi3studio.app.files import folder_bytes
    from phi3studio.app.paths import user_home
    from phi3studio.models.model_store import ModelStore

    store = ModelStore(user_home())
    if not yes and not as_json:
        found = next((m for m in store.all() if m.name == name and m.folder is not None), None)
        if found is not None and found.folder is not None and found.place != "folder":
            shared = " Other programs may use it too." if found.place == "hub" else ""
            typer.confirm(
                f"Remove {name} ({size(folder_bytes(found.folder))}) from {found.folder}?{shared}",
                abort=True,
            )
    place, freed = store.remove(name)
    if as_json:
        print_json({"removed": name, "place": place, "bytes": freed})
    elif place == "folder":
        typer.echo(f"{name} is forgotten; its folder is as it was.")
    else:
        typer.echo(f"Removed {name} ({size(freed)}).")


@models_app.command("verify")
def verify(
    name: Annotated[str | None, typer.Argument(help="One model; all on disk without it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Read all files of the models on disk and compare them with their hashes and lengths."""
    from phi3studio.app.paths import user_home
    from phi3studio.models.model_folder import check_model_folder, damages
    from phi3studio.models.model_store import ModelStore

    store = ModelStore(user_home())
    if name is None:
        folders = {m.name: m.folder for m in store.all() if m.folder is not None}
    else:
        folders = {name: store.folder(name)}
        try:
            check_model_folder(folders[name])
        except InputError as error:
            # Damaged files are what the report is about.
            if error.code != "model.file":
                raise
    reports = [
        {"name": known, "folder": str(folder), "damages": damages(folder)}
        for known, folder in folders.items()
    ]
    bad = any(report["damages"] for report in reports)
    if as_json:
        print_json(reports)
    else:
        for report in reports:
            typer.echo(f"{report['name']:<40} {'DAMAGED' if report['damages'] else 'complete'}")
            for damage in report["damages"]:
                typer.echo(f"  {damage}")
        if not reports:
            typer.echo("There is no model on disk yet.")
        if bad:
            typer.echo("Remove a damaged model and get it again: phi3studio models remove NAME")
    if bad:
        raise typer.Exit(1)


@models_app.command("sign-in")
def sign_in() -> None:
    """Store a token for the Hugging Face hub in the system's keyring; it is asked for."""
    from phi3studio.app.hub_token import save_hub_token

    if sys.stdin.isatty():
        token = typer.prompt("Token (https://huggingface.co/settings/tokens)", hide_input=True)
    else:
        token = sys.stdin.readline()
    save_hub_token(token)
    typer.echo("The token is in the system's keyring.")


@models_app.command("sign-out")
def sign_out() -> None:
    """Remove the stored token."""
    from phi3studio.app.hub_token import forget_hub_token

    typer.echo("The token is removed." if forget_hub_token() else "There was no token.")


def _say_paused(name: str) -> None:
    """What is kept of the download that was just stopped, and how to go on or drop it."""
    from phi3studio.app.paths import user_home
    from phi3studio.models.model_store import ModelStore

    store = ModelStore(user_home())
    kept = store.unfinished_bytes(name)
    if not kept:
        return
    entry = store.entry(name)
    of = f" of {size(entry.download_bytes)}" if entry else ""
    typer.echo(
        f"\nPaused: {size(kept)}{of} are kept. phi3studio models get {name} continues, "
        f"phi3studio models remove {name} drops them.",
        err=True,
    )


async def _served(method: str, params: dict[str, Any], quiet: bool) -> dict[str, Any]:
    """Let the models service do it, showing its progress on standard error."""
    from phi3studio.services.connection import Service

    async with Service.start("models") as service:
        stream = service.stream(method, **params)
        shown = _Progress() if not quiet else None
        async for item in stream:
            if shown is not None:
                shown.show(item)
        if shown is not None:
            shown.end()
        result: dict[str, Any] = stream.result
        return result


class _Progress:
    """Progress as lines; on a terminal the bytes overwrite one line."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._open = False

    def show(self, item: dict[str, Any]) -> None:
        if "file" not in item:
            self.end()
            typer.echo(f"  {item['activity']} …", err=True)
        elif self._terminal:
            share = 100 * item["done"] // max(1, item["total"])
            line = f"  {share:>3} %  {size(item['done'])} of {size(item['total'])}  {item['file']}"
            rewrite(sys.stderr, line)
            self._open = True
        elif item["file_done"] == item["file_total"]:
            typer.echo(f"  {item['file']} ({size(item['file_total'])})", err=True)

    def end(self) -> None:
        if self._open:
            typer.echo("", err=True)
            self._open = False


def doctor(as_json: AsJson = False) -> None:
    """Say what is installed, what the machine has, and what does not fit together."""
    from phi3studio.app.advice import repair
    from phi3studio.app.paths import user_home
    from phi3studio.doctor import diagnosis, examine

    report = examine(user_home())
    devices = wait_for(_devices())
    broken = [
        diagnosis("install.broken", **problem, remedy=repair()) for problem in devices["problems"]
    ]
    problems = [problem.to_json() for problem in (*report.findings, *broken)]
    if as_json:
        print_json(asdict(report) | {"devices": devices, "findings": problems})
    else:
        _print_report(report, devices, problems)
    if any(problem["level"] == "error" for problem in problems):
        raise typer.Exit(1)


def _print_report(report: Any, devices: dict[str, Any], problems: list[dict[str, Any]]) -> None:
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
        + ", ".join(f"{name} ({'on disk' if on else 'not on disk'})"
                    for name, on in report.models.items()),
        "versions  " + ", ".join(f"{name} {value}" for name, value in report.versions.items()),
    ]  # fmt: skip
    typer.echo("\n".join(lines))
    for problem in problems:
        typer.echo(f"! {problem['message']}\n  {problem['hint']}")
    if not problems:
        typer.echo("Everything fits together.")


async def _devices() -> dict[str, Any]:
    from phi3studio.services.connection import Service

    async with Service.start("probe") as service:
        found: dict[str, Any] = await service.call("devices")
        return found
