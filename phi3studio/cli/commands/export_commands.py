"""The commands that write a run's model for use elsewhere: a bundle, and the hub."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phi3studio.cli.live_activity import Activity
from phi3studio.cli.options import AsJson, RunName
from phi3studio.cli.output import print_json, rewrite
from phi3studio.cli.verdict_lines import format_lines
from phi3studio.cli.waiting import wait_for
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages.formatting import size

if TYPE_CHECKING:
    from phi3studio.services.run_export import Export, Wish


def export(
    run: RunName,
    out: Annotated[Path, typer.Option("--out", help="A new folder, or a file that ends in .zip.")],
    what: Annotated[
        str,
        typer.Option(
            "--what",
            help="model: the exported model with all that its use takes; adapter: the LoRA "
            "adapter; merged: the merged model, where the run made no exported one of it. With "
            "--for, adapter writes the base model and the adapter as two GGUF files.",
        ),
    ] = "model",
    place: Annotated[
        str | None,
        typer.Option(
            "--for",
            help="Where the model is to be used: python, csharp, javascript or cpp (the "
            "bundle, and how its sample is started), browser (a page that chats with it), "
            "foundry-local, ollama, lmstudio or llamacpp. For the last three a GGUF file is made, "
            "and measured where llama.cpp is installed.",
        ),
    ] = None,
    kind: Annotated[
        str,
        typer.Option(
            "--kind",
            help="With --for: q8_0 (8 bits), iq4_nl (4 bits, calibrated on the run's rows), f16.",
        ),
    ] = "q8_0",
    name: Annotated[
        str | None,
        typer.Option(
            "--name", help="With --for ollama and foundry-local: what it is called there."
        ),
    ] = None,
    olive: Annotated[
        bool, typer.Option("--olive/--no-olive", help="With the Olive config of the recipe.")
    ] = True,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace a bundle that exists.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Download what a page needs without asking.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write a bundle: model, prompt, samples for four languages, card, licence, checksums."""
    from phi3studio.app.paths import user_home
    from phi3studio.domain.places.foundry_local import PROGRAM
    from phi3studio.domain.places.programs import PROGRAMS
    from phi3studio.runs.store import RunStore
    from phi3studio.services.run_export import export_run, parse_wish

    wish = parse_wish(what, place, kind, name, olive=olive, download=yes)
    found = RunStore(user_home()).find(run)
    activity, progress = Activity(as_json), _Progress(quiet=as_json)

    def written(done: int, total: int) -> None:
        activity.clear()
        progress(done, total)

    def write(wish: Wish) -> Export:
        try:
            return wait_for(
                export_run(
                    found, out, wish, replace=replace, on_item=activity.show, on_progress=written
                )
            )
        finally:
            activity.clear()
            progress.end()

    try:
        made = write(wish)
    except InputError as exc:
        if exc.code != "browser.download" or as_json or not sys.stdin.isatty():
            raise
        typer.confirm(f"{exc.message} Download it?", abort=True)
        made = write(dataclasses.replace(wish, download=True))
    bundle = made.bundle
    if as_json:
        print_json(
            {
                "run": found.name,
                "path": str(bundle.path),
                "files": list(bundle.files),
                "bytes": bundle.bytes,
                "notes": [str(note) for note in made.notes],
                **({"start": made.start} if made.start else {}),
                **(_gguf_facts(made) if wish.gguf else {}),
            }
        )
        return
    for note in made.notes:
        typer.echo(f"note  {note}")
    if wish.gguf:
        for line in format_lines(found.view()):
            typer.echo(line)
    if made.unproven is not None:
        said = made.unproven
        typer.echo(f"  ? GGUF {kind} is not proven: {said.message}\n    {said.hint}")
    typer.echo(f"Wrote {bundle.path}: {len(bundle.files)} files, {size(bundle.bytes)}.")
    if wish.gguf or wish.place in PROGRAMS:
        typer.echo(f"There: {made.start}")
    elif wish.place == "browser":
        typer.echo(f"There: {made.start}; the page is http://localhost:8000.")
    elif made.start:
        typer.echo(f"There, in a program: {PROGRAM.format(arguments='TEXT')}")
        typer.echo(f"Or put it into the folder that foundry cache location names: {made.start}")


def push(
    run: RunName,
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
    as_json: AsJson = False,
) -> None:
    """Upload a run's result with card and licence to the Hugging Face hub, private by default.

    Every file and its size is shown first. No row of the data and no path of this computer goes.
    """
    from phi3studio.app.paths import user_home
    from phi3studio.runs.bundle.hub_files import check_name, hub_files
    from phi3studio.runs.store import RunStore
    from phi3studio.services.run_export import parse_wish
    from phi3studio.services.run_push import push_files

    check_name(name)
    wish = parse_wish(what, None, "q8_0", None, olive=False)
    home = user_home()
    found = RunStore(home).find(run)
    files = hub_files(found, wish.what)
    seen = "public, for everybody to read" if public else "private"
    if not as_json:
        for file in files:
            typer.echo(f"{size(file.bytes):>10}  {file.path}")
        typer.echo(f"{size(sum(file.bytes for file in files)):>10}  in {len(files)} files")
    if not yes:
        if as_json or not sys.stdin.isatty():
            raise InputError("push.asks")
        typer.confirm(f"Upload them to {name}, {seen}?", abort=True)
    activity = Activity(as_json)
    try:
        made = wait_for(push_files(home, name, files, private=not public, on_item=activity.show))
    finally:
        activity.clear()
    if as_json:
        facts = [{"path": file.path, "bytes": file.bytes} for file in files]
        print_json(
            {"run": found.name, "private": not public, "files": facts, **dataclasses.asdict(made)}
        )
    else:
        typer.echo(f"{made.name} is at {made.url} ({seen}).")


def _gguf_facts(made: Export) -> dict[str, Any]:
    return {
        "file": made.file,
        "lora": made.lora,
        "proof": made.proof.model_dump(mode="json") if made.proof is not None else None,
        "unproven": made.unproven.to_json() if made.unproven is not None else None,
    }


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
