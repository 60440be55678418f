"""The command that uploads a run's result to the hub."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from phi3studio.app.files import scratch_folder
from phi3studio.cli.live_activity import Activity
from phi3studio.cli.output import print_json
from phi3studio.cli.waiting import wait_for
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages.formatting import size


def push(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="A run's name, a beginning of it, or latest.")
    ],
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The repository: owner/name, or a name of yours.")
    ],
    what: Annotated[
        str, typer.Option("--what", help="model (exported), adapter, or merged.")
    ] = "model",
    public: Annotated[
        bool, typer.Option("--public", help="Everybody may read it; else only who you let.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Upload a run's result with card and licence to the Hugging Face hub, private by default.

    Every file and its size is shown first. No row of the data and no path of this computer goes.
    """
    from phi3studio.app.paths import user_home
    from phi3studio.runs.bundle.hub_files import check_name, hub_files
    from phi3studio.runs.store import RunStore
    from phi3studio.services.run_export import export_run, parse_wish

    check_name(name)
    wish = parse_wish(what, None, "q8_0", None, olive=False)
    home = user_home()
    found = RunStore(home).find(run)
    with scratch_folder(home.made(home.cache)) as scratch:
        wait_for(export_run(found, scratch / "bundle", wish))
        files = hub_files(scratch / "bundle", wish.what)
        total = sum(file.bytes for file in files)
        seen = "public, for everybody to read" if public else "private"
        if not as_json:
            for file in files:
                typer.echo(f"{size(file.bytes):>10}  {file.path}")
            typer.echo(f"{size(total):>10}  in {len(files)} files")
        if not yes:
            if as_json or not sys.stdin.isatty():
                raise InputError("push.asks")
            typer.confirm(f"Upload them to {name}, {seen}?", abort=True)
        asked = {
            "name": name,
            "files": {file.path: str(file.file) for file in files},
            "private": not public,
        }
        made = wait_for(_uploaded(asked, as_json))
    if as_json:
        facts = [{"path": file.path, "bytes": file.bytes} for file in files]
        print_json({"run": found.name, "private": not public, "files": facts, **made})
    else:
        typer.echo(f"{made['name']} is at {made['url']} ({seen}).")


async def _uploaded(asked: dict[str, Any], quiet: bool) -> Any:
    from phi3studio.services.connection import Service

    async with Service.start("models") as service:
        return await Activity(quiet).follow(service.stream("push", **asked))
