"""A run's model written for use elsewhere: the bundle, and what has to be made for it first."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from phi3studio.app.files import expanded, scratch_folder
from phi3studio.app.paths import Home
from phi3studio.domain.errors import Cancelled, InputError, UserFacingError
from phi3studio.domain.events.measured_events import Proof
from phi3studio.domain.messages import Phrase
from phi3studio.domain.places.browser import START
from phi3studio.domain.places.foundry_local import FOUNDRY_LOCAL, check_name
from phi3studio.domain.places.foundry_local import start_line as foundry_start
from phi3studio.domain.places.gguf import (
    GGUF_KINDS,
    GGUF_PLACES,
    LORA_PLACES,
    GgufKind,
    GgufPlace,
    check_ollama_name,
    start_line,
)
from phi3studio.domain.places.programs import PROGRAMS, Program, program_start
from phi3studio.runs.bundle import Bundle, OnProgress, check_export, export_bundle
from phi3studio.runs.bundle.browser_library import (
    DOWNLOAD_BYTES,
    download_library,
    library_folder,
    library_host,
)
from phi3studio.runs.bundle.contents import (
    WHATS,
    BrowserBundle,
    GgufBundle,
    What,
    check_page,
)
from phi3studio.runs.bundle.sample_programs import asked_columns, sample_arguments
from phi3studio.runs.measuring.verification_folder import remove_scratch
from phi3studio.runs.store import RunFolder
from phi3studio.services.connection import Service

ExportPlace = GgufPlace | Program | Literal["foundry-local", "browser"]
EXPORT_PLACES: tuple[ExportPlace, ...] = (*GGUF_PLACES, "foundry-local", "browser", *PROGRAMS)

OnItem = Callable[[dict[str, Any]], object]
"""Hears ``{"activity", "step", "total"}`` while a file is made and measured."""


@dataclass(frozen=True)
class Wish:
    """What of a run is written, and for which place; without one, and for a program, it is the
    bundle with samples in Python, C#, JavaScript and C++. ``what`` "adapter" for a place of GGUF
    files: the base model and the adapter apart."""

    what: What = "model"
    place: ExportPlace | None = None
    kind: GgufKind = "q8_0"
    name: str = ""
    """What it is called in Ollama or Foundry Local; empty: as the recipe."""
    olive: bool = False
    download: bool = False
    """Whether a page's library may be downloaded; without it, and where it is not there yet, a page
    is refused with ``browser.download``, which names size and host."""

    @property
    def gguf(self) -> GgufPlace | None:
        """The place, where it takes a GGUF file."""
        return self.place if self.place in GGUF_PLACES else None


@dataclass(frozen=True)
class Export:
    """What was written, how it is started there, and what was measured of a GGUF file: a proof, or
    the error that says why there is none."""

    bundle: Bundle
    notes: tuple[Phrase, ...]
    start: str | None = None
    file: str | None = None
    lora: str | None = None
    proof: Proof | None = None
    unproven: UserFacingError | None = None


def parse_wish(
    what: str,
    place: str | None,
    kind: str,
    name: str | None,
    *,
    olive: bool,
    download: bool = False,
) -> Wish:
    """The words of a command as a wish; raises :class:`InputError` for what cannot be."""
    where = next((known for known in EXPORT_PLACES if known == place), None)
    if place is not None and where is None:
        raise InputError("export.place", given=place, choices=EXPORT_PLACES)
    size = next((known for known in GGUF_KINDS if known == kind), None)
    if size is None:
        raise InputError("export.kind", given=kind, choices=GGUF_KINDS)
    if what == "adapter" and where is not None and where not in LORA_PLACES:
        raise InputError("export.lora_place", given=place, choices=LORA_PLACES)
    choices: tuple[What, ...] = WHATS
    if where is not None:
        choices = ("model", "adapter") if where in GGUF_PLACES else ("model",)
    chosen = next((known for known in choices if known == what), None)
    if chosen is None:
        raise InputError("export.what", given=what, choices=choices)
    return Wish(chosen, where, size, name or "", olive, download)


async def export_run(
    run: RunFolder,
    out: Path,
    wish: Wish,
    *,
    replace: bool = False,
    on_item: OnItem = lambda item: None,
    on_progress: OnProgress = lambda done, total: None,
) -> Export:
    """Write what *wish* says of *run* to *out*, as :func:`export_bundle` does; *on_progress* is
    called in another thread.

    Raises :class:`UserFacingError` for a run, target or model that will not do. Then, and when it
    is cancelled, nothing is left.
    """
    target = expanded(out).absolute()
    called = wish.name or run.recipe().slug
    if wish.place == "ollama":
        check_ollama_name(called)
    elif wish.place == "foundry-local":
        check_name(called)
    # Before a process is started that takes seconds, or minutes.
    check_export(run, target, "gguf" if wish.gguf else wish.what, replace=replace)
    if wish.gguf is not None:
        return await _export_gguf(
            run, target, wish, wish.gguf, called, replace, on_item, on_progress
        )
    home = Home(run.path.parent.parent)
    program = next((known for known in PROGRAMS if known == wish.place), None)
    foundry = called if wish.place == FOUNDRY_LOCAL else None
    if wish.place == "browser":
        return await _export_page(run, target, wish, home, replace, on_item, on_progress)
    with scratch_folder(home.made(home.cache)) as scratch:
        olive: Path | None = None
        notes: list[Phrase] = []
        if wish.olive and foundry is None and "train" in run.recipe().steps:
            olive = scratch / "olive"
            on_item({"activity": "writing the Olive config", "step": 0, "total": 0})
            try:
                async with Service.start("olive") as service:
                    await service.call("export", recipe=run.recipe().to_json(), out=str(olive))
            except UserFacingError as exc:
                # The model is what matters; a recipe that Olive cannot express has none.
                olive = None
                notes.append(Phrase("export.note_no_olive", reason=exc))
        bundle = await _write(
            lambda tell: export_bundle(
                run, target, wish.what, olive=olive, foundry=foundry, replace=replace,
                on_progress=tell,
            ),
            on_progress,
        )  # fmt: skip
    start = foundry_start(foundry) if foundry is not None else None
    if program is not None:
        start = program_start(program, sample_arguments(asked_columns(run)))
    return Export(bundle, (*bundle.notes, *notes), start)


async def _export_page(
    run: RunFolder,
    target: Path,
    wish: Wish,
    home: Home,
    replace: bool,
    on_item: OnItem,
    on_progress: OnProgress,
) -> Export:
    check_page(run)
    library = await asyncio.to_thread(library_folder, home)
    if library is None:
        host = await asyncio.to_thread(library_host)
        if not wish.download:
            raise InputError("browser.download", size=DOWNLOAD_BYTES, host=host)
        on_item({"activity": "downloading transformers.js", "step": 0, "total": 0})
        library = await asyncio.to_thread(download_library, home)
    with scratch_folder(_disk_of(target)) as scratch:
        async with Service.start("browser") as service:
            async for item in service.stream("graph", model=str(run.model), out=str(scratch)):
                on_item(item)
        contents = BrowserBundle(scratch, library)
        bundle = await _write(
            lambda tell: export_bundle(
                run, target, browser=contents, replace=replace, on_progress=tell
            ),
            on_progress,
        )
    return Export(bundle, bundle.notes, START)


def _disk_of(target: Path) -> Path:
    """A folder on the disk that the bundle goes to: a model can be larger than the one of temporary
    files."""
    return next(folder for folder in target.parents if folder.is_dir())


async def _export_gguf(
    run: RunFolder,
    target: Path,
    wish: Wish,
    place: GgufPlace,
    called: str,
    replace: bool,
    on_item: OnItem,
    on_progress: OnProgress,
) -> Export:
    with scratch_folder(_disk_of(target)) as scratch:
        folder = scratch / "bundle"
        folder.mkdir()
        try:
            async with Service.start("gguf") as service:
                stream = service.stream(
                    "gguf",
                    run=str(run.path),
                    out=str(folder),
                    place=place,
                    kind=wish.kind,
                    apart=wish.what == "adapter",
                )
                async for item in stream:
                    on_item(item)
        except asyncio.CancelledError:
            remove_scratch(run)  # the service was ended in the middle of measuring
            raise
        made = stream.result
        start = start_line(place, made["file"], called, made["lora"])
        contents = GgufBundle(folder, made["file"], made["lora"], place, start)
        bundle = await _write(
            lambda tell: export_bundle(
                run, target, "gguf", gguf=contents, replace=replace, on_progress=tell
            ),
            on_progress,
        )
    proof, unproven = made["proof"], made["unproven"]
    return Export(
        bundle,
        bundle.notes,
        start,
        made["file"],
        made["lora"],
        Proof.model_validate(proof) if proof is not None else None,
        UserFacingError.from_json(unproven) if unproven is not None else None,
    )


async def _write(write: Callable[[OnProgress], Bundle], on_progress: OnProgress) -> Bundle:
    """Run *write* in a thread, which a cancelled task ends and waits for."""
    stop = threading.Event()

    def tell(done: int, total: int) -> None:
        if stop.is_set():
            raise Cancelled
        on_progress(done, total)

    def work() -> Bundle | None:
        try:
            return write(tell)
        except Cancelled:
            return None

    thread = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        bundle = await asyncio.shield(thread)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait([thread])
        raise
    assert bundle is not None, "nothing but a cancelled task stops it"
    return bundle
