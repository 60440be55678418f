"""Tables next to one another or below one another on one sheet, the sums below a table, and records
below one another. Pure.

Only one of several tables is read: the columns of two have nothing to do with one another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from phi3studio.domain.messages import Phrase
from phi3studio.worker.data.reading.broken_lines import BrokenLine
from phi3studio.worker.data.reading.headers import Record, has_header, is_named, preamble

Numbered = tuple[int, Record]
"""A row's number and its cells as texts; after an empty row a number is missing."""
LEAST_ROWS = 3
_MOST_FIELDS = 40
_LEAST_COLUMNS = 2
_SAMPLE = 100
_TOTAL = re.compile(
    r"((grand |sub)?totals?|sum|average|avg|mean|median|count|(gesamt|zwischen)?summe|gesamt"
    r"|durchschnitt|mittelwert|anzahl|totale( generale)?|somma|media|mediana|conteggio"
    r"|total général|somme|moyenne|promedio|suma|recuento|итого|среднее|合計|合计|平均)"
    r"(\s*[:=]\s*[-+\d][\d.,'\s]*)?",
    re.IGNORECASE,
)
_AMOUNT = re.compile(r"[-+(]?\s*[€$£¥]?\s*\d[\d.,'’\s]*\s*([%€$£¥)]|[A-Z]{3})?")


@dataclass(frozen=True)
class OtherTable:
    """A table that is not read: the number of its first row, the names and the number of its
    rows, and the columns that it alone has, from 0; none where it stands below the other."""

    number: int
    names: tuple[str, ...]
    rows: int
    columns: tuple[int, ...] = ()

    def said(self) -> BrokenLine:
        """What is said of it."""
        says = Phrase("line.second_table", names=self.names, rows=self.rows)
        return BrokenLine(self.number, says, used=True)


def is_total(cells: Sequence[str]) -> bool:
    """Whether a row is the sum or mean of those above: its only word says so, the rest are
    numbers."""
    filled = [text for cell in cells if (text := cell.strip())]
    words = [text for text in filled if not _AMOUNT.fullmatch(text)]
    if len(words) != 1:
        return False
    found = _TOTAL.fullmatch(words[0].strip(" :"))
    return found is not None and (len(filled) > 1 or found.lastindex == found.re.groups)


def beside(rows: Sequence[Numbered]) -> list[OtherTable]:
    """The tables next to the one with the most rows: an empty column parts them, they have names
    of their own, and begin or end at other rows."""
    width = max((len(row) for _, row in rows), default=0)
    filled = [any(at < len(row) and row[at].strip() for _, row in rows) for at in range(width)]
    spans = [list(span) for some, span in groupby(range(width), key=filled.__getitem__) if some]
    if len(spans) < _LEAST_COLUMNS:
        return []
    inside = {at: _of_columns(rows, span) for at, span in enumerate(spans)}
    main = max(inside, key=lambda at: (len(spans[at]) > 1, len(inside[at]), -at))
    found: list[OtherTable] = []
    for at, block in inside.items():
        if at == main or (block[0][0], block[-1][0]) == (inside[main][0][0], inside[main][-1][0]):
            continue
        names = [cell for cell in block[0][1] if cell.strip()]
        # Notes that a few rows have are a column of the table.
        dense = block[-1][0] - block[0][0] == len(block) - 1
        if dense and len(block) >= LEAST_ROWS and is_named(block[0][1]):
            found.append(OtherTable(block[0][0], tuple(names), len(block) - 1, tuple(spans[at])))
    return found


def _of_columns(rows: Sequence[Numbered], span: Sequence[int]) -> list[Numbered]:
    cut = ((number, [*row[span[0] : span[-1] + 1]]) for number, row in rows)
    return [(number, row) for number, row in cut if any(cell.strip() for cell in row)]


def below(rows: Sequence[Numbered]) -> tuple[list[int], list[OtherTable], list[int]]:
    """The places of the rows of the table with the most rows, the other tables, and the places
    of the titles above the names of its columns where these stand again."""
    tables: list[list[int]] = [[]]
    titles: list[int] = []
    gaps = [at for at, (above, row) in enumerate(pairwise(rows), 1) if row[0] > above[0] + 1]
    ends = [*gaps[1:], len(rows)][: len(gaps)]
    tables[0] = list(range(gaps[0] if gaps else len(rows)))
    current = tables[0]
    for begin, end in zip(gaps, ends, strict=True):
        block = [row for _, row in rows[begin:end]]
        known = [[row for _, row in rows[t[0] : t[-1] + 1][:_SAMPLE]] for t in tables if t]
        title, table = begins(block, known)
        if table is None:
            current += range(begin, end)
        elif table < len(tables):
            current = tables[table]
            titles += range(begin, begin + title)
            current += range(begin + title, end)
        else:
            current = list(range(begin + title, end))
            tables.append(current)
    main = max(tables, key=len)
    others = [
        OtherTable(
            rows[t[0]][0],
            tuple(cell for cell in rows[t[0]][1] if cell.strip()),
            sum(rows[at][1] != rows[t[0]][1] for at in t),
        )
        for t in tables
        if t is not main
    ]
    return main, others, titles


def begins(block: Sequence[Record], known: Sequence[Sequence[Record]]) -> tuple[int, int | None]:
    """How many titles stand above a block of rows, and which table it belongs to: one that is
    *known*, because it has its names, a new one (their number), or none that it names.

    Of two tables whose names are just words, the names are the shortest.
    """
    title = preamble(block)
    names = stripped(block[title])
    for at, rows in enumerate(known):
        if names == stripped(rows[0]):
            return title, at
    new = title, len(known)
    columns = {at for at, cell in enumerate(names) if cell}
    named = len(columns) > 1 and is_named(block[title]) and has_header(block[title:])
    if len(block) - title < LEAST_ROWS or not named:
        return 0, None
    if columns != _columns(known[0]) and columns == _columns(block[title:]):
        return new
    if is_named(block[title], usual=True):
        return new
    others = [*block[title + 1 :], *(row for rows in known for row in rows)]
    shortest = all(
        len(name) <= len(row[at].strip())
        for at, name in enumerate(names)
        for row in others
        if name and at < len(row) and row[at].strip()
    )
    return new if shortest else (0, None)


def stripped(row: Record) -> list[str]:
    """The cells without spaces around them, up to the last with text."""
    cells = [cell.strip() for cell in row]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _columns(rows: Sequence[Record]) -> set[int]:
    return {at for row in rows for at, cell in enumerate(row) if cell.strip()}


def stacked(rows: Sequence[Numbered]) -> tuple[list[str], list[dict[str, int]]] | None:
    """The fields of records below one another, a field a row with its name before it, and for each
    record the rows of its fields; ``None`` where the rows are no such records.

    A form filled in many times: “Question | …”, “Answer | …”, an empty row, and again.
    """
    filled = sorted(_columns([row for _, row in rows]))
    if len(filled) != _LEAST_COLUMNS:
        return None
    names: dict[str, None] = {}
    found: list[dict[str, int]] = []
    before = -1
    for at, (number, row) in enumerate(rows):
        name = row[filled[0]].strip()
        if number != before + 1:
            found.append({})
        if not is_named([name]) or name in found[-1]:
            return None
        names[name] = None
        found[-1][name] = at
        before = number
    enough = len(found) >= LEAST_ROWS and _LEAST_COLUMNS <= len(names) <= _MOST_FIELDS
    alike = 2 * sum(len(record) == len(names) for record in found) > len(found)
    return (list(names), found) if enough and alike else None


def totals(rows: Sequence[Record]) -> Iterator[int]:
    """The places of the sums at the end of a table, the last one first."""
    for at in range(len(rows) - 1, LEAST_ROWS - 2, -1):
        if is_total(rows[at]):
            yield at
        elif any(cell.strip() for cell in rows[at]):
            return
