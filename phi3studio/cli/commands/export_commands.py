"""The command that writes a run's model for use elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phi3studio.app.files import expanded, scratch_folder
from phi3studio.cli.live_activity import Activity
from phi3studio.cli.output import print_json, rewrite
from phi3studio.cli.verdict_lines import format_lines
from phi3studio.cli.waiting import wait_for
from phi3studio.domain.errors import InputError, UserFacingError
from phi3studio.domain.foundry_local import FOUNDRY_LOCAL, check_name, start_line
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
            "adapter; merged: the merged model, where the run made no exported one of it. With "
            "--for, adapter writes the base model and the adapter as two GGUF files.",
        ),
    ] = "model",
    place: Annotated[
        str | None,
        typer.Option(
            "--for",
            help="Where the model is to be used: foundry-local, ollama, lmstudio or llamacpp. For "
            "the last three a GGUF file is made, and measured where llama.cpp is installed.",
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
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write an edge bundle: model, prompt, samples in Python and C#, card, licence, checksums."""
    from phi3studio.app.paths import user_home
    from phi3studio.domain.gguf import LORA_PLACES
    from phi3studio.runs.bundle import check_export, export_bundle
    from phi3studio.runs.bundle.contents import WHATS
    from phi3studio.runs.store import RunStore

    if place is not None and place != FOUNDRY_LOCAL:
        _export_gguf(run, out, what, place, kind, name, replace=replace, as_json=as_json)
        return
    chosen = next((name for name in WHATS if name == what), None)
    if place is not None and what == "adapter":
        raise InputError("export.lora_place", given=place, choices=LORA_PLACES)
    if chosen is None or (place is not None and chosen != "model"):
        raise InputError("export.what", given=what, choices=WHATS if place is None else ["model"])
    home = user_home()
    found = RunStore(home).find(run)
    foundry: str | None = None
    if place is not None:
        foundry = name or found.recipe().slug
        check_name(foundry)
    # Before the Olive config, which takes a process and some seconds.
    check_export(found, expanded(out).absolute(), chosen, replace=replace)
    with scratch_folder(home.made(home.cache)) as scratch:
        folder: Path | None = None
        missing: str | None = None
        if olive and foundry is None and "train" in found.recipe().steps:
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
                foundry=foundry,
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
                **({"start": start_line(foundry)} if foundry else {}),
            }
        )
        return
    for note in notes:
        typer.echo(f"note  {note}")
    typer.echo(f"Wrote {made.path}: {len(made.files)} files, {size(made.bytes)}.")
    if foundry:
        typer.echo(
            f"Put it into the folder that foundry cache location names; there: "
            f"{start_line(foundry)}"
        )


def _export_gguf(
    run: str,
    out: Path,
    what: str,
    place: str,
    kind: str,
    name: str | None,
    *,
    replace: bool,
    as_json: bool,
) -> None:
    from phi3studio.app.paths import user_home
    from phi3studio.domain.gguf import (
        GGUF_KINDS,
        GGUF_PLACES,
        LORA_PLACES,
        check_ollama_name,
    )
    from phi3studio.domain.gguf import start_line as gguf_start_line
    from phi3studio.runs.bundle import check_export, export_bundle
    from phi3studio.runs.bundle.contents import GgufBundle
    from phi3studio.runs.store import RunStore
    from phi3studio.runs.verification_folder import remove_scratch

    where = next((known for known in GGUF_PLACES if known == place), None)
    if where is None:
        raise InputError("export.place", given=place, choices=(*GGUF_PLACES, FOUNDRY_LOCAL))
    if kind not in GGUF_KINDS:
        raise InputError("export.kind", given=kind, choices=GGUF_KINDS)
    if what not in ("model", "adapter"):
        raise InputError("export.what", given=what, choices=("model", "adapter"))
    if what == "adapter" and where not in LORA_PLACES:
        raise InputError("export.lora_place", given=place, choices=LORA_PLACES)
    found = RunStore(user_home()).find(run)
    called = name or found.recipe().slug
    if where == "ollama":
        check_ollama_name(called)
    target = expanded(out).absolute()
    check_export(found, target, "gguf", replace=replace)
    # On the disk that the bundle goes to: a model can be larger than the one of temporary files.
    parent = next(folder for folder in target.parents if folder.is_dir())
    with scratch_folder(parent) as scratch:
        folder = scratch / "bundle"
        folder.mkdir()
        asked = {"place": where, "kind": kind, "apart": what == "adapter"}
        try:
            made = wait_for(_write_gguf(found, folder, asked, as_json))
        except KeyboardInterrupt:
            remove_scratch(found)  # the service was ended in the middle of measuring
            raise
        start = gguf_start_line(where, made["file"], called, made["lora"])
        progress = _Progress(quiet=as_json)
        try:
            bundle = export_bundle(
                found,
                out,
                "gguf",
                gguf=GgufBundle(folder, made["file"], made["lora"], where, start),
                replace=replace,
                on_progress=progress,
            )
        finally:
            progress.end()
    if as_json:
        print_json(
            {
                "run": found.name,
                "path": str(bundle.path),
                "files": list(bundle.files),
                "bytes": bundle.bytes,
                "notes": list(bundle.notes),
                "start": start,
                **made,
            }
        )
        return
    for note in bundle.notes:
        typer.echo(f"note  {note}")
    for line in format_lines(found.view()):
        typer.echo(line)
    if made["unproven"] is not None:
        error = UserFacingError.from_json(made["unproven"])
        typer.echo(f"  ? GGUF {kind} is not proven: {error.message}\n    {error.hint}")
    typer.echo(f"Wrote {bundle.path}: {len(bundle.files)} files, {size(bundle.bytes)}.")
    typer.echo(f"There: {start}")


async def _write_gguf(run: RunFolder, out: Path, asked: dict[str, Any], quiet: bool) -> Any:
    """The service's answer: the files' names and the proof."""
    from phi3studio.services.connection import Service

    async with Service.start("gguf") as service:
        stream = service.stream("gguf", run=str(run.path), out=str(out), **asked)
        return await Activity(quiet).follow(stream)


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
