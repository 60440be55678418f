"""What its owner says of a run: a name, tags, a note, and whether it stands first."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from phi3studio.app.files import read_object, write_json
from phi3studio.runs.store import RunFolder

_VERSION = 1
_LONGEST_NAME, _LONGEST_TAG, _MOST_TAGS, _LONGEST_NOTE = 80, 30, 12, 10_000


@dataclass(frozen=True)
class RunNotes:
    """``name`` empty: the recipe's. Kept in the run's folder, next to the recipe that stays."""

    name: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""
    pinned: bool = False


def parse_tags(text: str) -> tuple[str, ...]:
    """Tags from text with commas; each once, whatever its case."""
    found: dict[str, str] = {}
    for tag in text.split(","):
        plain = " ".join(tag.split()).lstrip("#")[:_LONGEST_TAG]
        if plain:
            found.setdefault(plain.casefold(), plain)
    return tuple(found.values())[:_MOST_TAGS]


def read_notes(run: RunFolder) -> RunNotes:
    """The notes of a run; what is damaged counts as none."""
    values = read_object(run.notes_file)
    tags = values.get("tags")
    return RunNotes(
        _text(values.get("name"), _LONGEST_NAME),
        parse_tags(",".join(map(str, tags))) if isinstance(tags, list) else (),
        _text(values.get("note"), _LONGEST_NOTE),
        values.get("pinned") is True,
    )


def change_notes(run: RunFolder, **changes: Any) -> RunNotes:
    """Change some of them. Raises :class:`OSError`."""
    notes = replace(read_notes(run), **changes)
    write_json(run.notes_file, {"version": _VERSION, **asdict(notes)})
    return notes


def _text(value: object, longest: int) -> str:
    return value.strip()[:longest] if isinstance(value, str) else ""
