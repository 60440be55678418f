"""Commands about runtime packs: libraries for an NVIDIA GPU that are downloaded on request."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phi3studio.cli.options import AsJson
from phi3studio.cli.output import print_json, rewrite
from phi3studio.domain.messages.formatting import size

if TYPE_CHECKING:
    from phi3studio.runtime_pack.pack_files import PackName, PackProgress, PackStatus

Name = Annotated[str, typer.Argument(metavar="PACK", help="Name of the pack: cuda.")]

runtime_app = typer.Typer(
    help="Runtime packs: what an NVIDIA GPU needs, downloaded into the data directory.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@runtime_app.command("install")
def install(pack: Name = "cuda", as_json: AsJson = False) -> None:
    """Install, continue, update or repair a pack. Ctrl-C stops; what has arrived is kept."""
    from phi3studio.app.paths import user_home
    from phi3studio.runtime_pack.install import install_pack

    name = _name(pack)
    cancelled = threading.Event()
    view = _View(sys.stderr.isatty() and not as_json)
    with _ctrl_c(cancelled):
        try:
            install_pack(user_home(), name, view.show, cancelled)
        finally:
            view.end()
    _print(_status(name), as_json)


@runtime_app.command("status")
def status(
    pack: Name = "cuda",
    check: Annotated[
        bool, typer.Option("--check", help="Read every file and compare it with its hash.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Whether a pack is installed and complete. Exit code 1 when it is broken."""
    found = _status(_name(pack), thorough=check)
    _print(found, as_json)
    if found.state == "broken":
        raise typer.Exit(1)


@runtime_app.command("remove")
def remove(pack: Name = "cuda", as_json: AsJson = False) -> None:
    """Remove a pack; runs then use the CPU."""
    from phi3studio.app.paths import user_home
    from phi3studio.runtime_pack.installed import remove_pack

    freed = remove_pack(user_home(), _name(pack))
    if as_json:
        print_json({"removed": freed > 0, "freed": freed})
    else:
        typer.echo(f"Removed; {size(freed)} are free again." if freed else "Nothing is installed.")


def _name(pack: str) -> PackName:
    from phi3studio.runtime_pack.pack_files import check_name

    return check_name(pack)


def _status(name: PackName, *, thorough: bool = False) -> PackStatus:
    from phi3studio.app.paths import user_home
    from phi3studio.runtime_pack.installed import pack_status
    from phi3studio.runtime_pack.place import no_pack

    found = pack_status(user_home(), name, thorough=thorough)
    if found is None:
        raise no_pack(name)
    return found


def _print(found: PackStatus, as_json: bool) -> None:
    record = found.record
    if as_json:
        document: dict[str, Any] = {
            "name": found.name,
            "state": found.state,
            "usable": found.usable,
            "bundled": found.bundled,
            "bytes": found.bytes,
            "download_bytes": found.facts.download_bytes,
            "installed_bytes": found.facts.installed_bytes,
            "damage": found.damage or None,
            "made_by": record.program if record else None,
            "python": record.python if record else None,
            "versions": record.versions if record else {},
        }
        print_json(document)
        return
    said = {
        "absent": f"not installed: {size(found.facts.download_bytes)} to download, "
        f"{size(found.facts.installed_bytes)} on the disk",
        "partial": f"begun, {size(found.bytes)} are here: phi3studio runtime install "
        f"{found.name} continues",
        "whole": f"installed, {size(found.bytes)}",
        "renewable": f"installed, {size(found.bytes)}; works, but newer libraries are available: "
        f"phi3studio runtime install {found.name}",
        "broken": f"broken: {found.damage}. The CPU is used. Repair it: phi3studio runtime "
        f"install {found.name}",
        "unusable": "made for another version of Phi-3 Studio, so the CPU is used: phi3studio "
        f"runtime install {found.name} makes it again",
    }[found.state]
    typer.echo(f"{found.name}  {said}")
    if found.bundled:
        typer.echo("This installation has the libraries for CUDA itself and needs no pack.")
    for package in ("torch", "onnxruntime-gpu", "onnxruntime-genai-cuda"):
        if record is not None and package in record.versions:
            typer.echo(f"  {package} {record.versions[package]}")


class _View:
    """The progress: one line that is rewritten on a terminal, else a line now and then."""

    def __init__(self, in_place: bool) -> None:
        self._in_place = in_place
        self._shown = ""
        self._tenth = -1

    def show(self, progress: PackProgress) -> None:
        """Show how far it is."""
        said = {
            "python": "making the environment",
            "packages": f"{progress.packages} of {progress.packages_total} packages, "
            f"{size(progress.bytes)} of {size(progress.bytes_total)}",
            "proof": "trying the libraries",
        }[progress.activity]
        if said == self._shown:
            return
        if self._in_place:
            rewrite(sys.stderr, f"  {said}")
        elif progress.activity != "packages" or self._tenth != _tenth(progress):
            sys.stderr.write(f"  {said}\n")
        sys.stderr.flush()
        self._shown, self._tenth = said, _tenth(progress)

    def end(self) -> None:
        """Leave the line."""
        if self._in_place and self._shown:
            sys.stderr.write("\n")


def _tenth(progress: PackProgress) -> int:
    return 10 * progress.bytes // max(1, progress.bytes_total)


@contextlib.contextmanager
def _ctrl_c(cancelled: threading.Event) -> Iterator[None]:
    """Ctrl-C asks for the end instead of tearing the work apart."""

    def ask(number: int, frame: object) -> None:
        cancelled.set()

    before = [(number, signal.signal(number, ask)) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
