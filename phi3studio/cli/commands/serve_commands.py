"""The command that answers programs: serve."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import secrets
from typing import TYPE_CHECKING, Annotated

import typer

from phi3studio.cli.exported_runs import exported_run
from phi3studio.cli.output import print_json
from phi3studio.cli.waiting import wait_for
from phi3studio.domain.errors import InputError

if TYPE_CHECKING:
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
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the address and models as one JSON document.")
    ] = False,
) -> None:
    """Answer OpenAI-compatible requests (/v1/chat/completions, /v1/models) until Ctrl-C."""
    from phi3studio.services.openai.http_server import serve as run_server

    found = [exported_run(name) for name in dict.fromkeys(runs or ["latest"])]
    folders = list({run.name: run.model for run in found}.items())
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
        if not _is_local(host):
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
        wait_for(run_server(folders, secret, host, port, on_start))


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
