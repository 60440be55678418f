"""How a run's result lies in a repository of the hub: the card is its README, and what Hugging
Face's libraries load by the repository's name lies at the top."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from phi3studio.domain.errors import InputError
from phi3studio.runs.bundle.contents import What, collect
from phi3studio.runs.store import RunFolder

_README, _CARD = "README.md", "card/README.md"
_USE = "USE.md"
_AT_TOP: tuple[What, ...] = ("adapter", "merged")
_PART = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}"
_NAME = re.compile(rf"(?:{_PART}/)?{_PART}")


def check_name(name: str) -> None:
    """Raise :class:`InputError` for what is neither owner/name nor a name of one's own."""
    if not _NAME.fullmatch(name) or ".." in name or "--" in name or name.endswith((".git", "-")):
        raise InputError("push.name", name=name)


@dataclass(frozen=True)
class HubFile:
    """A file: its path in the repository, its content or where that lies, and its bytes."""

    path: str
    content: bytes | Path
    bytes: int


def hub_files(run: RunFolder, what: What) -> tuple[HubFile, ...]:
    """What the repository gets of *what* of *run*: the files of its bundle, by their path there,
    but for the checksums, as the hub has hashes of its own. No file is copied.

    Raises :class:`InputError` when the run has no such result.
    """
    entries = collect(run, what, None).entries
    has_card = any(entry.name == _CARD for entry in entries)
    found = []
    for entry in entries:
        place = entry.name.removeprefix("card/")
        if entry.name == _README and has_card:
            place = _USE
        elif what in _AT_TOP and entry.name != f"{what}/{_README}":
            place = place.removeprefix(f"{what}/")
        found.append(HubFile(place, entry.content, entry.size))
    return tuple(sorted(found, key=lambda item: item.path))


def on_disk(files: Iterable[HubFile], folder: Path) -> dict[str, Path]:
    """Where each file lies, by its path in the repository: in the run, or written to *folder*."""
    places = {}
    for number, file in enumerate(files):
        if isinstance(file.content, Path):
            places[file.path] = file.content
        else:
            places[file.path] = folder / str(number)
            places[file.path].write_bytes(file.content)
    return places
