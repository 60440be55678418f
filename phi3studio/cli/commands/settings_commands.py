"""The command about settings that all parts of the program share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from phi3studio.app.files import expanded
from phi3studio.cli.options import AsJson
from phi3studio.cli.output import print_json, rewrite
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages.formatting import size


def settings(
    threads: Annotated[
        str | None,
        typer.Option("--threads", metavar="N|auto", help="Maximum number of threads."),
    ] = None,
    home: Annotated[
        Path | None, typer.Option("--home", metavar="FOLDER", help="Keep everything there.")
    ] = None,
    move: Annotated[
        bool, typer.Option("--move", help="With --home: move there what is kept now.")
    ] = False,
    update_check: Annotated[
        str | None,
        typer.Option(
            "--update-check", metavar="on|off", help="Whether the window looks for newer versions."
        ),
    ] = None,
    resume_runs: Annotated[
        str | None,
        typer.Option(
            "--resume-runs",
            metavar="on|off",
            help="Whether the window resumes interrupted runs at its start.",
        ),
    ] = None,
    keep_awake: Annotated[
        str | None,
        typer.Option(
            "--keep-awake",
            metavar="on|off",
            help="Whether the computer is kept from sleeping while a run works.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show or change the number of threads, the folder where everything is kept, the check for
    newer versions, what becomes of interrupted runs, and whether the computer may sleep."""
    if home is not None:
        _take_home(home, move)
    elif move:
        raise InputError("usage", variant="move")
    from phi3studio.app.download_log import DownloadLog
    from phi3studio.app.paths import user_home
    from phi3studio.app.settings import (
        read_settings,
        set_keep_awake,
        set_resume_runs,
        set_threads,
        set_update_check,
    )

    found = user_home()
    if threads is not None:
        set_threads(found, _number(threads))
    if update_check is not None:
        set_update_check(found, _switch(update_check))
    if resume_runs is not None:
        set_resume_runs(found, _switch(resume_runs))
    if keep_awake is not None:
        set_keep_awake(found, _switch(keep_awake))
    values: dict[str, Any] = {
        "home": str(found.root),
        "threads": read_settings(found).threads,
        "update_check": read_settings(found).update_check,
        "resume_runs": read_settings(found).resume_runs,
        "keep_awake": read_settings(found).keep_awake,
        "downloads": str(DownloadLog(found.root).file),
    }
    if as_json:
        print_json(values)
        return
    typer.echo(f"home       {values['home']}")
    typer.echo(f"threads    {values['threads'] or 'auto'}")
    typer.echo(f"updates    {'looked for' if values['update_check'] else 'not looked for'}")
    typer.echo(f"resume     {'interrupted runs' if values['resume_runs'] else 'only when asked'}")
    typer.echo(f"sleep      {'not during a run' if values['keep_awake'] else 'as the system does'}")
    typer.echo(f"downloads  {values['downloads']}")


def _number(text: str) -> int | None:
    if text.strip().lower() == "auto":
        return None
    try:
        return int(text)
    except ValueError:
        raise InputError("settings.threads", variant="text", given=text) from None


def _switch(text: str) -> bool:
    switch = {"on": True, "off": False}.get(text.strip().lower())
    if switch is None:
        raise InputError("settings.switch", given=text)
    return switch


def _take_home(folder: Path, move: bool) -> None:
    from phi3studio.runs import relocate

    if relocate.chosen_by_environment():
        raise InputError("home.environment")

    def tell(done: int, total: int) -> None:
        rewrite(sys.stderr, f"  {size(done)} of {size(total)}")

    relocate.apply(relocate.Pending(expanded(folder).absolute(), move), tell)
