"""The command that writes a run's model for use elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phi3studio.app.files import expanded, scratch_folder
from phi3studio.cli.output import print_json, rewrite
from phi3studio.cli.waiting import wait_for
from phi3studio.domain.errors import InputError, UserFacingError
from phi3studio.domain.messages.formatting import size

if TYPE_CHECKING:
    from phi3studio.runs.store import RunFolder


def export(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="A run's name, a beginning of it, or latest.")
    ],
    out: Annotated[Path, typer.Option("--out", help="A new folder, or a file that ends in .zip.")],
    what: Annotated[
        str,
        typer.Option(
            "--what",
            help="model: the exported model with all that its use takes; adapter: the LoRA "
            "adapter; merged: the merged model, where the run made no exported one of it.",
        ),
    ] = "model",
    olive: Annotated[
        bool, typer.Option("--olive/--no-olive", help="With the Olive config of the recipe.")
    ] = True,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace a bundle that exists.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write an edge bundle: model, prompt, samples in Python and C#, card, licence, checksums."""
    from phi3studio.app.paths import user_home
    from phi3studio.runs.bundle import check_export, export_bundle
    from phi3studio.runs.bundle.contents import WHATS
    from phi3studio.runs.store import RunStore

    chosen = next((name for name in WHATS if name == what), None)
    if chosen is None:
        raise InputError("export.what", given=what, choices=WHATS)
    home = user_home()
    found = RunStore(home).find(run)
    # Before the Olive config, which takes a process and some seconds.
    check_export(found, expanded(out).absolute(), chosen, replace=replace)
    with scratch_folder(home.made(home.cache)) as scratch:
        folder: Path | None = None
        missing: str | None = None
        if olive and "train" in found.recipe().steps:
            folder = scratch / "olive"
            missing = wait_for(_write_olive(found, folder, as_json))
            folder = None if missing else folder
        progress = _Progress(quiet=as_json)
        try:
            made = export_bundle(
                found,
                out,
                chosen,
                olive=folder,
                replace=replace,
                on_progress=progress,
            )
        finally:
            progress.end()
    notes = [*made.notes, *([missing] if missing else [])]
    if as_json:
        print_json(
            {
                "run": found.name,
                "path": str(made.path),
                "files": list(made.files),
                "bytes": made.bytes,
                "notes": notes,
            }
        )
        return
    for note in notes:
        typer.echo(f"note  {note}")
    typer.echo(f"Wrote {made.path}: {len(made.files)} files, {size(made.bytes)}.")


async def _write_olive(run: RunFolder, folder: Path, quiet: bool) -> str | None:
    """Write the Olive config of the run's recipe; returns why not, when it cannot be written."""
    from phi3studio.services.connection import Service

    if not quiet:
        typer.echo("  writing the Olive config …", err=True)
    try:
        async with Service.start("olive") as service:
            await service.call("export", recipe=run.recipe().to_json(), out=str(folder))
    except UserFacingError as exc:
        return f"There is no Olive config in the bundle: {exc.message}"
    return None


class _Progress:
    """How far the writing is, on one line of a terminal."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet or not sys.stderr.isatty()
        self._shown = -1

    def __call__(self, done: int, total: int) -> None:
        share = 100 * done // max(1, total)
        if not self._quiet and share != self._shown:
            self._shown = share
            rewrite(sys.stderr, f"  writing {size(done)} of {size(total)} ({share} %)")

    def end(self) -> None:
        if self._shown >= 0:
            rewrite(sys.stderr)
