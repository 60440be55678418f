"""How a bundle lies in a repository of the hub: the card is its README, and what Hugging Face's
libraries load by the repository's name lies at the top."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from phi3studio.domain.errors import InputError
from phi3studio.runs.bundle.contents import SUMS, What

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
    """A file, and its path in the repository."""

    path: str
    file: Path
    bytes: int


def hub_files(bundle: Path, what: What) -> tuple[HubFile, ...]:
    """The files of the folder *bundle*, which holds *what* of a run, by their path there. The hub
    has hashes of its own, so the checksums stay here."""
    names = {file.relative_to(bundle).as_posix() for file in bundle.rglob("*") if file.is_file()}
    found = []
    for name in names - {SUMS}:
        place = name.removeprefix("card/")
        if name == _README and _CARD in names:
            place = _USE
        elif what in _AT_TOP and name != f"{what}/{_README}":
            place = place.removeprefix(f"{what}/")
        file = bundle / name
        found.append(HubFile(place, file, file.stat().st_size))
    return tuple(sorted(found, key=lambda item: item.path))
