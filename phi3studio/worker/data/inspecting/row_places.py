"""Rows as the recognisers of structures look at them: columns, places inside of them, headings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from phi3studio.domain.dataset import ShapeProposal
from phi3studio.domain.template import escape, lookup

Rows = Sequence[Mapping[str, Any]]
Found = list[ShapeProposal]
DEEPEST = 5
_MOST_COLUMNS = 1000


def at(row: Mapping[str, Any], path: str) -> Any:
    """The value at a path, ``None`` where there is none."""
    try:
        return lookup(row, path)
    except KeyError:
        return None


def columns(rows: Rows) -> list[str]:
    """All columns of the rows."""
    return list(dict.fromkeys(str(name) for row in rows for name in row))[:_MOST_COLUMNS]


def heading(path: str) -> str:
    """A place's name as a heading inside a template."""
    parts = [part for part in path.split(".") if not part.isdigit()] or [path]
    if len(parts) > 1 and parts[-1] in ("text", "value", "content", "values"):
        parts.pop()
    words = parts[-1].replace("_", " ").strip()
    return escape(words[:1].upper() + words[1:])


def text_places(rows: Rows, column: str) -> list[str]:
    """The texts of an object, as the first row has them."""
    value = rows[0].get(column)
    if not isinstance(value, Mapping):
        return []
    return [f"{column}.{key}" for key, item in value.items() if isinstance(item, str)]


def leaves(value: Any, path: str, depth: int = 0) -> Iterator[str]:
    """The places of all values inside of one; of lists the first item."""
    if depth > DEEPEST:
        return
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}", depth + 1)
    elif isinstance(value, list):
        if value:
            yield from leaves(value[0], f"{path}.0", depth + 1)
    elif value is not None:
        yield path
