"""How a CSV file is written, by the weight of evidence over its first rows. Pure."""

from __future__ import annotations

import html.entities
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from phi3studio.domain.datasets.source import Source
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import Phrase
from phi3studio.worker.data.reading.headers import Record, column_names, has_header, preamble
from phi3studio.worker.data.reading.read_csv import (
    Dialect,
    python_conversation,
    records,
    split_returns,
)

_DELIMITERS = (",", ";", "\t", "|", "^", "~")
_SAMPLE_RECORDS = 300
_MOST_COLUMNS = 50_000
_WRITTEN_SO = 3
# What Anki writes above its cards: “#separator:tab”, “#columns:Front\tBack”, “#tags column:3”.
_ANKI = re.compile(r"#(separator|html|columns|notetype|deck|tags|(?:\w+ )?\w+ column):(.*)")
_ANKI_DELIMITERS = {
    "comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "space": " ", "colon": ":",
}  # fmt: skip
_ENTITY = re.compile(r"&(#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,10}[0-9]{0,2})$")
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)


def table_delimiter(text: str) -> str | None:
    """The delimiter of a text that is a table: nearly all records have as many columns as the
    first, above one."""
    lines = _numbered(text)
    found = _written(Source(source="."), text, lines, None)
    defects, width = _defects(lines, found)
    rows = [cells for _, cells in _read(lines, found) if not isinstance(cells, Phrase) and cells]
    fits = len(rows) > 1 and width > 1 and len(rows[0]) == width and defects <= 0.1
    return found.delimiter if fits else None


def is_anki(text: str) -> bool:
    """Whether a text is an export of Anki's cards."""
    return text.removeprefix("\ufeff").startswith("#separator:")


def _anki(lines: Sequence[tuple[int, str]]) -> tuple[int, str, dict[int, str]]:
    """How many lines stand above the cards, their delimiter, and names of columns, from 0."""
    delimiter, names, count = "\t", dict[int, str](), 0
    for _, line in lines:
        found = _ANKI.fullmatch(line.rstrip("\r\n"))
        if found is None:
            break
        count += 1
        key, value = found[1], found[2].strip()
        if key == "separator":
            delimiter = _ANKI_DELIMITERS.get(value.casefold(), value[:1] or "\t")
        elif key == "columns":
            names.update(enumerate(found[2].split(delimiter)))
        elif key.endswith(" column") and value.isdecimal():
            name = key.removesuffix(" column")
            # A card's tags are no label of it.
            names.setdefault(int(value) - 1, "tags metadata" if name == "tags" else name)
    return count, delimiter, names


def _numbered(text: str) -> list[tuple[int, str]]:
    text = text.replace("\ufeff", "")  # joined files have marks in the middle
    lines = [(at, line + "\n") for at, line in enumerate(text.split("\n"), start=1)]
    lines = lines[:-1] if lines[-1][1] == "\n" else lines
    return [(at, part) for at, line in lines for part in split_returns(line)]


def recognise(source: Source, kind: str, text: str) -> Dialect:
    """The dialect of the file that begins with *text*; what the source names is not guessed."""
    lines = _numbered(text)
    skip, delimiter = 0, source.delimiter
    separator = _SEPARATOR_LINE.fullmatch(lines[0][1].strip("\r\n")) if lines else None
    if separator is not None:
        skip, delimiter = 1, delimiter or separator[1]
    named: dict[int, str] = {}
    if is_anki(text):
        skip, written, named = _anki(lines)
        delimiter = delimiter or written
    if delimiter is None and kind == "tsv" and any("\t" in line for _, line in lines):
        delimiter = "\t"
    found = _written(source, text, lines[skip:], delimiter)
    sample = [
        (at, cells)
        for at, cells in _read(lines[skip:], found)
        if not isinstance(cells, Phrase) and cells
    ]
    if sample and len(sample[0][1]) > _MOST_COLUMNS:
        raise InputError(
            "data.too_many_columns",
            line=sample[0][0],
            columns=len(sample[0][1]),
            most=_MOST_COLUMNS,
        )
    above = 0 if named else preamble([cells for _, cells in sample])
    if above:
        skip = sample[above][0] - 1
    rows = [cells for _, cells in sample[above:]]
    header = source.header if source.header is not None else not is_anki(text) and has_header(rows)
    ended = header and _ends_with_delimiter(rows)
    kept = [rows[0], *(row[:-1] for row in rows[1:])] if ended else rows
    names = column_names(kept, header)
    if named and not header:
        names = tuple(named.get(at) or name for at, name in enumerate(names))
    literals = tuple(at for at in range(len(names)) if _is_literal(rows[header:], at))
    head = tuple(rows[0]) if header and rows else ()
    found = replace(found, header=header, names=names, head=head, skip=skip)
    return replace(found, ended=ended, literals=literals)


# --- delimiter and quote ---------------------------------------------------------------------


def _written(
    source: Source, text: str, lines: Sequence[tuple[int, str]], delimiter: str | None
) -> Dialect:
    """The delimiter and quote with which the most records have an equal number of columns."""
    best, best_score = Dialect(delimiter or ",", '"'), -1.0
    for candidate in (delimiter,) if delimiter else _DELIMITERS:
        if candidate not in text and best_score >= 0:
            continue
        dialect, bad, width = min(
            ((d, *_defects(lines, d)) for d in _quotings(source, text, lines, candidate)),
            key=lambda found: found[1],
        )
        score = 1 - bad + min(width, 20) / 1000 if width > 1 else 0.0
        # What is followed by a space is rather part of a sentence.
        if _in_sentences(text, lines, dialect, width):
            score -= 0.05
        if score > best_score + 1e-9:
            best, best_score = dialect, score
    if not delimiter and _in_sentences(text, lines, best, _defects(lines, best)[1]):
        first = next((c for _, c in _read(lines, best) if c and not isinstance(c, Phrase)), [])
        unused = [sign for sign in _DELIMITERS if sign not in text]
        if len(first) == 1 and unused:
            return replace(best, delimiter=unused[-1])  # one column of sentences
    return best


def _in_sentences(
    text: str, lines: Sequence[tuple[int, str]], dialect: Dialect, width: int
) -> bool:
    """Whether most delimiters are followed by a space; in a table, those outside of quotes."""
    if dialect.spaced or width < 2:
        return text.count(dialect.delimiter + " ") * 2 > text.count(dialect.delimiter)
    cells = [
        cell
        for _, record in _read(lines, dialect)
        if not isinstance(record, Phrase)
        for cell in record[1:]
    ]
    return sum(cell.startswith(" ") for cell in cells) * 2 > len(cells)


def _quotings(
    source: Source, text: str, lines: Sequence[tuple[int, str]], delimiter: str
) -> list[Dialect]:
    if source.quote is not None:
        escape = "\\" if source.quote and "\\" + source.quote in text else ""
        plain = Dialect(delimiter, source.quote, checked=False)
        found = [plain, *([replace(plain, escape=escape)] if escape else [])]
        return (
            [*found, replace(plain, spaced=True)] if f"{delimiter} {plain.quote}" in text else found
        )
    usual = Dialect(delimiter, '"')
    # Stray quotes are rare: values over several lines that are not come from the writer.
    loose = replace(usual, checked=False)
    if _several_lines(lines, loose) >= _WRITTEN_SO and not _defects(lines, loose)[0]:
        usual = loose
    found = [usual, Dialect(delimiter, "")]
    if f'{delimiter} "' in text:
        found.insert(1, replace(usual, spaced=True))
    if '\\"' in text:
        found.insert(1, Dialect(delimiter, '"', escape="\\"))
    if f"{delimiter}'" in text and f"'{delimiter}" in text and '"' not in text:
        found.insert(0, Dialect(delimiter, "'"))
    return found


def _read(lines: Sequence[tuple[int, str]], dialect: Dialect) -> list[tuple[int, Record | Phrase]]:
    found: list[tuple[int, Record | Phrase]] = []
    for item in records(lines, dialect):
        found.append(item)
        if len(found) >= _SAMPLE_RECORDS:
            break
    return found


def _several_lines(lines: Sequence[tuple[int, str]], dialect: Dialect) -> int:
    """How many records have a line break in a value."""
    return sum(
        not isinstance(cells, Phrase) and any("\n" in cell for cell in cells)
        for _, cells in _read(lines, dialect)
    )


def _defects(lines: Sequence[tuple[int, str]], dialect: Dialect) -> tuple[float, int]:
    """The share of records that do not fit this dialect, and how many columns the others have."""
    widths: Counter[int] = Counter()
    bad = total = 0
    for _, cells in _read(lines, dialect):
        if isinstance(cells, Phrase):
            bad += 1
        elif not cells:
            continue
        elif not dialect.quote and any(
            len(c) > 1 and c[0] == '"' and c.rstrip("\r").endswith('"') for c in cells
        ):
            bad += 1  # a quoted value, were quotes read
        elif dialect.delimiter == ";" and any(map(_ends_in_entity, cells[:-1])):
            bad += 1  # the end of “&amp;”, not of a value
        else:
            widths[len(cells)] += 1
        total += 1
    if not widths:
        return 1.0, 0
    width, fitting = max(widths.items(), key=lambda item: (item[1], item[0]))
    return (bad + widths.total() - fitting) / total, width


def _ends_with_delimiter(rows: Sequence[Record]) -> bool:
    """Whether all records but the names end with a delimiter more."""
    data = rows[1:]
    return bool(data) and all(len(row) > len(rows[0]) and not row[-1].strip() for row in data)


def _ends_in_entity(cell: str) -> bool:
    """Whether a semicolon after this text would close an HTML entity."""
    found = _ENTITY.search(cell[-14:])
    return found is not None and (found[1][0] == "#" or found[1] + ";" in html.entities.html5)


def _is_literal(data: Sequence[Record], at: int) -> bool:
    """Whether a column holds conversations as Python writes them and JSON does not."""
    cells = [row[at] for row in data[:20] if len(row) > at and row[at].strip()]
    return bool(cells) and all(
        python_conversation(cell) is not None and not _is_json(cell) for cell in cells
    )


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
