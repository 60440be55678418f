"""How a CSV file is written, by the weight of evidence over its first rows. Pure."""

from __future__ import annotations

import html.entities
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from phi3studio.domain.datasets.source import Source
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import Phrase
from phi3studio.worker.data.reading.read_csv import Dialect, continues, python_conversation, records

_DELIMITERS = (",", ";", "\t", "|")
_SAMPLE_RECORDS = 300
_MOST_COLUMNS = 50_000
_MOST_PREAMBLE = 10
_WRITTEN_SO = 3
# What Anki writes above its cards: “#separator:tab”, “#columns:Front\tBack”, “#tags column:3”.
_ANKI = re.compile(r"#(separator|html|columns|notetype|deck|tags|(?:\w+ )?\w+ column):(.*)")
_ANKI_DELIMITERS = {
    "comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "space": " ", "colon": ":",
}  # fmt: skip
_ENTITY = re.compile(r"&(#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,10}[0-9]{0,2})$")
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T].*)?")
_IDENTIFIER = re.compile(r"[^\W\d]\w*([ _./-]?\w+){0,3}")
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
    return lines[:-1] if lines[-1][1] == "\n" else lines


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
    names = column_names(rows, header)
    if named and not header:
        names = tuple(named.get(at) or name for at, name in enumerate(names))
    literals = tuple(at for at in range(len(names)) if _is_literal(rows[header:], at))
    head = tuple(rows[0]) if header and rows else ()
    return replace(found, header=header, names=names, head=head, skip=skip, literals=literals)


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


def _ends_in_entity(cell: str) -> bool:
    """Whether a semicolon after this text would close an HTML entity."""
    found = _ENTITY.search(cell[-14:])
    return found is not None and (found[1][0] == "#" or found[1] + ";" in html.entities.html5)


# --- header ----------------------------------------------------------------------------------


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


def names_columns(rows: Sequence[Record]) -> bool:
    """Whether the first of these rows, and nothing in it but that, names columns of the others."""
    names = [cell.strip() for cell in rows[0] if cell.strip()]
    plain = all(_IDENTIFIER.fullmatch(name) and len(name) <= 40 for name in names)
    return plain and len(names) > 1 and has_header(rows)


def _has_known(row: Record) -> bool:
    """Whether all cells could be names of columns, and some is a usual one."""
    names = [cell.strip() for cell in row]
    return all(map(_IDENTIFIER.fullmatch, names)) and any(n.casefold() in _KNOWN for n in names)


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
    first = [cell.strip() for cell in rows[0]] if header else [""] * len(rows[0])
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
