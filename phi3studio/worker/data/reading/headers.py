"""Whether a table has names above its columns, what they are, and what stands above them. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from phi3studio.domain.template import as_column

_MOST_PREAMBLE = 10
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T].*)?")
_IDENTIFIER = re.compile(r"[^\W\d]\w*([ _./-]?\w+){0,3}")
_NAME = re.compile(rf"{_IDENTIFIER.pattern}[.:*]?")
_KNOWN = frozenset(
    [
        "answer",
        "answers",
        "category",
        "class",
        "comment",
        "completion",
        "content",
        "context",
        "conversation",
        "conversations",
        "date",
        "email",
        "feedback",
        "id",
        "input",
        "instruction",
        "intent",
        "label",
        "labels",
        "message",
        "messages",
        "name",
        "output",
        "prompt",
        "query",
        "question",
        "reply",
        "response",
        "rating",
        "score",
        "sentence",
        "sentiment",
        "source",
        "split",
        "summary",
        "system",
        "tag",
        "target",
        "text",
        "timestamp",
        "title",
        "topic",
        "translation",
        "type",
        "url",
        "user",
    ]
)
Record = list[str]


def preamble(rows: Sequence[Record]) -> int:
    """How many records stand above the table: titles and comments, and names of groups of
    columns."""
    width, count = Counter(map(len, rows)).most_common(1)[0] if rows else (0, 0)
    if width < 2 or count < 3:
        return 0
    head = rows[: _MOST_PREAMBLE + 1]
    several = [at for at, row in enumerate(head) if sum(bool(cell.strip()) for cell in row) > 1]
    if not several:
        return 0
    first = several[0]
    return next((at for at in several[1:] if _is_below_comments(rows, first, at)), first)


def _is_below_comments(rows: Sequence[Record], first: int, at: int) -> bool:
    """Whether a record names the columns, and those from *first* on are comments or titles with
    delimiters in them, or name groups of columns."""
    above = rows[first:at]
    fewer = at == first + 1 and "" in (cell.strip() for cell in rows[first])
    return (
        _has_known(rows[at])
        and (fewer or all(r[0].startswith("#") or len(r) != len(rows[at]) for r in above))
        and not any(map(_has_known, above))
        and has_header(rows[at:])
    )


def _has_known(row: Record) -> bool:
    """Whether all cells could be names of columns, and some is a usual one."""
    return all(cell.strip() for cell in row) and is_named(row, usual=True)


def is_named(row: Record, *, usual: bool = False) -> bool:
    """Whether all that a record holds could be names of columns; *usual*: and one often is."""
    names = [text for cell in row if (text := cell.strip())]
    plain = bool(names) and all(_NAME.fullmatch(name) for name in names)
    return plain and (not usual or any(name.casefold() in _KNOWN for name in names))


def has_header(rows: Sequence[Record]) -> bool:
    """Whether the first row names the columns: evidence for and against, column by column."""
    if len(rows) < 2:
        return True
    first = [cell.strip() for cell in rows[0]]
    named = [name for name in first if name]
    if not named:
        return False
    below = [
        [
            row[at].strip()
            for row in rows[1:]
            if len(row) > at and row != rows[0] and row[at].strip()
        ]
        for at in range(len(first))
    ]
    typed = [_is_typed(values) for values in below]
    if _counted(named) and not all(t or not values for t, values in zip(typed, below, strict=True)):
        return True  # 0, 1, 2 … over texts: the names that pandas gives
    years = [int(name) for name in named if re.fullmatch("(19|20)[0-9]{2}", name)]
    if len(years) > 1 and len(years) < len(named) and len({b - a for a, b in pairwise(years)}) == 1:
        return True
    evidence = 0.0
    if all(_IDENTIFIER.fullmatch(name) and len(name) <= 40 for name in named):
        evidence += 1
    if len(set(named)) < len(named):
        evidence -= 1
    for name, values, is_typed in zip(first, below, typed, strict=True):
        if name:
            evidence += _of_column(name, values, is_typed)
    return evidence >= 0


def _of_column(name: str, values: Sequence[str], typed: bool) -> float:
    """Evidence of one column for a header (above zero) or against it."""
    if not values:
        return 0.5
    again = values.count(name)
    if again and again * 100 >= len(values):
        return -3.0  # a label, not a name
    if _looks_typed(name):
        return -2.0 if typed else 0.0
    evidence = 2.0 if typed else 0.0
    if name.casefold().strip(" :*") in _KNOWN:
        evidence += 2
    mean = sum(map(len, values)) / len(values)
    if name.endswith(("?", ":")):
        alike = sum(value.endswith(name[-1]) for value in values) / len(values)
        return evidence + (1 if alike < 0.2 else -1)
    if name.endswith((".", "!")) or len(name.split()) > 8 or len(name) > 64:
        return evidence - (1 if mean * 2 > len(name) else 0.5)
    if len(name.split()) > 3 and len(name) < mean * 2 < 4 * len(name):
        return evidence - 2  # a sentence as long as those below
    if len(name) <= 40 and mean >= 3 * len(name):
        evidence += 1
    return evidence


def _counted(names: Sequence[str]) -> bool:
    return list(names) == [str(at) for at in range(len(names))]


def _looks_typed(text: str) -> bool:
    if _DATE.fullmatch(text):
        return True
    try:
        float(text.replace(",", ".", 1).rstrip("%"))
        return True
    except ValueError:
        return False


def _is_typed(values: Sequence[str]) -> bool:
    """Whether nearly all values are numbers or dates."""
    return bool(values) and sum(map(_looks_typed, values)) >= 0.8 * len(values)


def column_names(rows: Sequence[Record], header: bool) -> tuple[str | None, ...]:
    """Names that all differ; ``None`` for a column without name and values, and for one that only
    counts the rows, as pandas and R write it."""
    if not rows:
        return ()
    data = rows[1:] if header else rows
    if header:
        data = [row[: len(rows[0])] if continues(row, len(rows[0])) else row for row in data]
    widths = Counter(len(row) for row in data)
    width = max(widths.items(), key=lambda item: (item[1], item[0]))[0] if data else 0
    first = list(map(as_column, rows[0])) if header else [""] * len(rows[0])
    if header and width == len(first) + 1:
        wide = [row for row in data if len(row) == width]
        if all(len(row) < width or not row[-1].strip() for row in data):
            first = [*first, ""]  # trailing delimiters
        elif len(wide) > 0.9 * len(data) > 2 * sum(row[1].startswith(" ") for row in wide):
            first = ["", *first]  # R's row names
    first += [""] * (width - len(first) if not header else 0)
    names: list[str | None] = []
    copies: dict[str, int] = {}
    for at, cell in enumerate(first):
        if header and not cell and _says_nothing(data, at):
            names.append(None)
            continue
        name = unique = cell or f"column{at + 1}"
        while unique in copies:
            copies[name] += 1
            unique = f"{name}_{copies[name]}"
        copies[unique] = 1
        names.append(unique)
    if all(name is None for name in names):
        return tuple(f"column{at + 1}" for at in range(len(names)))
    return tuple(names)


def _says_nothing(data: Sequence[Record], at: int) -> bool:
    values = [row[at].strip().rstrip("\r") for row in data if len(row) > at]
    if not any(values):
        return True
    start = 1 if values[0] == "1" else 0
    return at == 0 and values == [str(start + place) for place in range(len(values))]


def continues(cells: list[str], width: int) -> bool:
    """Whether a record with more than *width* cells has a sentence without quotes at its end:
    there, and nowhere before, a space follows each delimiter."""
    return (
        len(cells) > width > 1
        and all(cell[:1] == " " and cell.strip() for cell in cells[width:])
        and not any(cell[:1] == " " for cell in cells[1:width])
    )
