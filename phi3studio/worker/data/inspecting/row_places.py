"""Rows as the recognisers of structures look at them: columns, places inside of them, headings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from phi3studio.domain.datasets.source_report import ShapeProposal
from phi3studio.domain.template import escape, lookup

Rows = Sequence[Mapping[str, Any]]
Row = TypeVar("Row", bound=Mapping[str, Any])
Found = list[ShapeProposal]
DEEPEST = 5
_MOST_COLUMNS = 1000


def at(row: Mapping[str, Any], path: str) -> Any:
    """The value at a path, ``None`` where there is none."""
    try:
        return lookup(row, path)
    except KeyError:
        return None


def example(rows: Rows, column: str) -> Any:
    """The first value of a column that says something; ``None`` where none does."""
    values = (row.get(column) for row in rows)
    return next((value for value in values if _says(value)), None)


def is_text(rows: Rows, column: str) -> bool:
    """Whether a column holds a text in most rows, and nothing else in any."""
    values = [value for row in rows if _says(value := row.get(column))]
    return 2 * len(values) > len(rows) and all(isinstance(value, str) for value in values)


def usual(rows: Sequence[Row]) -> Sequence[Row]:
    """The rows without the odd ones: those that fill less than half of the columns that most
    rows fill. A row of notes or of nothing does not change what the others are."""
    filled = [{name for name, value in row.items() if _says(value)} for row in rows]
    counts = Counter(name for names in filled for name in names)
    common = {name for name, count in counts.items() if 2 * count > len(rows)}
    whole = zip(rows, filled, strict=True)
    return [row for row, names in whole if 2 * len(names & common) >= len(common) > 0] or rows


def _says(value: Any) -> bool:
    return value is not None and value not in ("", [], {})


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
    """The texts of an object, as the first row that has it has them."""
    value = example(rows, column)
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
