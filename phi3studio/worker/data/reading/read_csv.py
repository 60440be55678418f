"""Rows of CSV files. A record that cannot be read costs its own line, not those after it."""

from __future__ import annotations

import ast
import codecs
import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from phi3studio.domain.messages import Phrase
from phi3studio.worker.data.reading.broken_lines import BrokenLine, Report, not_utf8, too_long
from phi3studio.worker.data.reading.encoding import LINE_BYTES, lines
from phi3studio.worker.data.reading.headers import continues
from phi3studio.worker.data.reading.several_tables import LEAST_ROWS, totals
from phi3studio.worker.data.reading.source_files import CHUNK

csv.field_size_limit(LINE_BYTES)
Line = tuple[int, str]
_BOM = codecs.BOM_UTF8.decode()
_MOST_NAMED = 12
_HELD = LEAST_ROWS + 4  # more than the sums below a table
_LITERAL_CHARACTERS = 500_000
_RETURN = re.compile(r"(?<=\r)(?!\n)")
_ARRAY_BREAK = re.compile(r"\}\s*\n\s*\{")


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is written. ``quote`` is empty where quotes have no meaning, ``escape``
    where quotes inside of values are doubled. ``checked``: the quote was recognised, not named,
    so a value over several lines may be the work of two stray quotes. ``spaced``: delimiters are
    followed by a space. ``ended``: each record ends with a delimiter more.

    ``names`` are the columns' names, ``None`` for one without name and values; ``head`` is the
    first record if it holds the names. Data begins after ``skip`` lines. ``literals`` are columns
    (from 0) of conversations written as Python writes lists."""

    delimiter: str
    quote: str
    header: bool = True
    escape: str = ""
    checked: bool = True
    spaced: bool = False
    ended: bool = False
    names: tuple[str | None, ...] = ()
    head: tuple[str, ...] = ()
    skip: int = 0
    literals: tuple[int, ...] = ()

    def reader_options(self) -> dict[str, Any]:
        """Arguments of :func:`csv.reader`; strict, so that a stray quote is an error."""
        options: dict[str, Any] = {"delimiter": self.delimiter, "strict": True}
        options["skipinitialspace"] = self.spaced
        if self.escape:
            options["escapechar"] = self.escape
        return options | ({"quotechar": self.quote} if self.quote else {"quoting": csv.QUOTE_NONE})


def records(source: Iterable[Line], dialect: Dialect) -> Iterator[tuple[int, list[str] | Phrase]]:
    """The number of each record's first line (from 1), and its cells or what is wrong with it.

    After a broken record reading goes on at the line after its first. One with quotes inside of a
    quoted value that are not doubled is read nevertheless.
    """
    fresh = iter(source)
    again: list[Line] = []
    taken: list[Line] = []

    def feed() -> Iterator[str]:
        while True:
            item = again.pop() if again else next(fresh, None)
            if item is None:
                return
            taken.append(item)
            yield item[1]

    options = dialect.reader_options()
    reader = csv.reader(feed(), **options)
    while True:
        taken.clear()
        try:
            cells = next(reader)
            if len(taken) == 1 or not _merged(taken, cells, dialect):
                yield taken[0][0], cells
                continue
            broken = Phrase("line.merged", last=taken[-1][0])
        except StopIteration:
            return
        except csv.Error as exc:
            if not taken:
                return
            broken = _csv_reason(str(exc), dialect)
        yield taken[0][0], _mended(taken[0][1], dialect) or broken
        again += reversed(taken[1:])
        reader = csv.reader(feed(), **options)


class Mended(list[str]):
    """The cells of a record with single quotes inside of quoted values."""


def _mended(line: str, dialect: Dialect) -> Mended | None:
    """The cells of a line, each quote in it doubled that neither opens nor closes a value: what
    people write by hand, or with a program that only puts quotes around values."""
    quote, delimiter = re.escape(dialect.quote), re.escape(dialect.delimiter)
    if not quote or dialect.spaced or dialect.escape:
        return None
    inner = f"(?<=[^{delimiter}{quote}]){quote}(?=[^{delimiter}{quote}\r\n])"
    doubled = re.sub(inner, dialect.quote * 2, line)
    try:
        (cells,) = csv.reader([doubled], **dialect.reader_options())
    except (csv.Error, ValueError):
        return None
    return Mended(cells) if doubled != line and len(cells) > 1 else None


def _merged(taken: list[Line], cells: list[str], dialect: Dialect) -> bool:
    """Whether two stray quotes joined several rows: each line alone has all the columns."""
    width = len(cells)
    if not dialect.checked or width < 2 or len(taken) < (4 if width == 2 else 3):
        return False
    return all(text.count(dialect.delimiter) == width - 1 for _, text in taken)


def _csv_reason(text: str, dialect: Dialect) -> Phrase:
    if "unexpected end" in text:
        return Phrase("line.unclosed")
    if "field larger" in text:
        return Phrase("line.long_value", limit=LINE_BYTES // CHUNK)
    if "expected after" in text:
        return Phrase("line.quote", delimiter=dialect.delimiter)
    return Phrase("line.csv", reason=text)


def split_returns(line: str) -> list[str]:
    """The lines of a text that ends with a line feed: some of them may end as on the first Macs."""
    return _RETURN.split(line) if line.find("\r", 0, -2) >= 0 else [line]


def csv_rows(
    pieces: Iterator[bytes], dialect: Dialect, report: Report
) -> Iterator[tuple[dict[str, Any], int]]:
    """``(row, bytes)`` of each record."""
    consumed = 0

    def text() -> Iterator[Line]:
        nonlocal consumed
        for number, line in lines(pieces):
            if line is None:
                report(too_long(number))
                continue
            if number <= dialect.skip:
                if line.strip(b" \t\r,;|") and not line.lower().lstrip(b'"').startswith(b"sep="):
                    report(BrokenLine(number, Phrase("line.above"), used=True))
                continue
            consumed += len(line)
            if line.startswith(codecs.BOM_UTF8):  # files joined with `cat`
                line = line.removeprefix(codecs.BOM_UTF8)
            try:
                decoded = line.decode("utf-8") + "\n"
            except UnicodeDecodeError as exc:
                report(not_utf8(number, exc))
                continue
            yield from ((number, part) for part in split_returns(decoded))

    names = dialect.names
    head = list(dialect.head) if dialect.head else None
    left_out = [at for at, name in enumerate(names) if name is None]
    before, first = 0, True
    unseen = {at for at, name in enumerate(names) if name is not None}
    if dialect.head and names[:1] == (None,):
        says = Phrase("line.row_numbers")
        report(BrokenLine(dialect.skip + 1, says, used=True))
    for number, cells in _without_totals(records(text(), dialect), report):
        size, before = consumed - before, consumed
        if isinstance(cells, Phrase):
            report(BrokenLine(number, cells))
            continue
        if not cells:
            continue
        if isinstance(cells, Mended):
            report(BrokenLine(number, Phrase("line.inner_quotes"), used=True))
        if dialect.ended and len(cells) > len(names) and not cells[-1].strip():
            cells = cells[:-1]
        if cells == head:
            if not first:
                report(BrokenLine(number, Phrase("line.repeated_header"), used=True))
            first = False
            continue
        first = False
        if not names:
            names = tuple(f"column{at + 1}" for at in range(len(cells)))
        if continues(cells, len(names)):
            last = dialect.delimiter.join(cells[len(names) - 1 :])
            cells = [*cells[: len(names) - 1], last]
            report(BrokenLine(number, Phrase("line.open_end", column=names[-1]), used=True))
        if len(cells) > len(names) and any(cell.strip() for cell in cells[len(names) :]):
            reason = Phrase("line.wide", values=len(cells), columns=len(names))
            report(BrokenLine(number, reason))
            continue
        if unseen:
            unseen -= {at for at in unseen if at < len(cells) and cells[at].strip()}
        row: dict[Any, Any] = dict(zip(names, cells, strict=False))
        if left_out:
            row.pop(None, None)
            if any(at and at < len(cells) and cells[at].strip() for at in left_out):
                report(BrokenLine(number, Phrase("line.unnamed"), used=True))
        for at in dialect.literals:
            if at < len(cells):
                row[names[at]] = python_conversation(cells[at]) or cells[at]
        yield row, size
    if dialect.head and len(unseen) < len(names):
        empty = [names[at] for at in sorted(unseen)]
        if empty:
            says = Phrase("line.empty_columns", columns=empty[:_MOST_NAMED])
            report(BrokenLine(dialect.skip + 1, says, used=True))


def _without_totals(
    found: Iterator[tuple[int, list[str] | Phrase]], report: Report
) -> Iterator[tuple[int, list[str] | Phrase]]:
    """The records without the sums at the end of the table."""
    held: deque[tuple[int, list[str] | Phrase]] = deque()
    for item in found:
        held.append(item)
        if len(held) > _HELD:
            yield held.popleft()
    last = list(held)
    rows = [[] if isinstance(cells, Phrase) else cells for _, cells in last]
    for at in list(totals(rows)):
        report(BrokenLine(last.pop(at)[0], Phrase("line.total"), used=True))
    yield from last


def python_conversation(text: str) -> list[Any] | None:
    """The messages in a list as Python (and NumPy, without commas) writes it; ``None`` for other
    text."""
    text = text.strip()
    if not text.startswith(("[{", "array([{")) or len(text) > _LITERAL_CHARACTERS:
        return None
    if text.startswith("array("):
        text = re.sub(r"^array\(|(,\s*dtype=object)?\)$", "", text)
    for attempt in (text, _ARRAY_BREAK.sub("}, {", text)):
        try:
            value = ast.literal_eval(attempt)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(value, list) and all(
            isinstance(turn, dict) and ("role" in turn or "from" in turn) for turn in value
        ):
            return value
    return None
