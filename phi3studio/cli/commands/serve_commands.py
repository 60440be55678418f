"""The command that answers programs: serve."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from typing import TYPE_CHECKING, Annotated

import typer

from phi3studio.cli.exported_runs import exported_run
from phi3studio.cli.output import print_json
from phi3studio.cli.waiting import wait_for
from phi3studio.domain.errors import InputError

if TYPE_CHECKING:
    from phi3studio.runs.store import RunFolder
    from phi3studio.services.openai.http_server import Serving

KEY_VARIABLE = "PHI3STUDIO_API_KEY"


def serve(
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN]…", help="Completed runs; the latest when absent."),
    ] = None,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one.")
    ] = 8765,
    host: Annotated[
        str, typer.Option("--host", help="Address; any but this machine's own is reachable.")
    ] = "127.0.0.1",
    key: Annotated[
        str | None,
        typer.Option(
            "--key",
            help=f"Key that requests must bring. Other users of this machine can read it in the "
            f"list of processes; the variable {KEY_VARIABLE} is not shown there.",
        ),
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-origin",
            help="A web page's origin (https://example.org) whose scripts may read answers; can be "
            "given several times. Without it no page of a browser can.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the address and models as one JSON document.")
    ] = False,
) -> None:
    """Answer OpenAI-compatible requests until Ctrl-C: chat and text completions, responses, models.

    A model is called by its run, by the run's short name (that of the recipe; of several the
    newest), or by what was typed here, such as latest."""
    from phi3studio.services.openai.http_server import Export, is_loopback
    from phi3studio.services.openai.http_server import serve as run_server

    origins = [_origin(value) for value in allow_origin or []]
    found = {name: exported_run(name) for name in dict.fromkeys(runs or ["latest"])}
    typed: dict[str, list[str]] = {}
    for name, run in found.items():
        typed.setdefault(run.name, []).append(name)
    exports = [
        Export(run.name, run.model, (run.recipe().name, *typed[run.name]))
        for run in sorted({run.name: run for run in found.values()}.values(), key=_by_name)
    ]
    # Taken out of the environment, so that no child process inherits it.
    given = os.environ.pop(KEY_VARIABLE, None)
    secret = key if key is not None else given
    if secret is not None and (not secret.strip() or not secret.isascii()):
        raise InputError("serve.key")
    made = secret is None
    secret = secret or secrets.token_urlsafe(32)

    def on_start(serving: Serving) -> None:
        if made:
            typer.echo(f"Key, shown only here: {secret}", err=True)
        if not is_loopback(host):
            typer.echo(
                "Other machines can reach this server, and what is sent is not encrypted.", err=True
            )
        for note in serving.notes:
            typer.echo(note, err=True)
        if as_json:
            print_json({"url": serving.url, "models": list(serving.models)})
        else:
            typer.echo(f"Serving {', '.join(serving.models)} at {serving.url}; Ctrl-C ends.")

    # Ctrl-C is the usual end.
    with contextlib.suppress(KeyboardInterrupt):
        wait_for(run_server(exports, secret, host, port, on_start, origins=origins))


def _by_name(run: RunFolder) -> str:
    """Runs begin with the time at which they were made."""
    return run.name


def _origin(value: str) -> str:
    """*value*, if it is an origin as browsers send it; raises :class:`InputError`."""
    if not re.fullmatch(r"https?://[^/\s?#@*]+", value):
        raise InputError("serve.origin", value=value)
    return value.lower()
