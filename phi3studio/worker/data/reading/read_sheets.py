"""Rows of Excel and OpenDocument workbooks."""

from __future__ import annotations

import datetime
import zipfile
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from typing import Any

from phi3studio.domain.errors import InputError, first_line, is_fault
from phi3studio.domain.messages import Phrase
from phi3studio.worker.data.reading.broken_lines import BrokenLine, Report
from phi3studio.worker.data.reading.headers import column_names, has_header, is_named, preamble
from phi3studio.worker.data.reading.json_files.json_rows import Sized
from phi3studio.worker.data.reading.several_tables import below, beside, stacked, stripped, totals
from phi3studio.worker.data.reading.sheet_marks import sheet_marks
from phi3studio.worker.data.reading.source_files import CHUNK, DataFile

_BOMB_BYTES = 128 * CHUNK
_BOMB_RATIO = 200
_MOST_BYTES = 2048 * CHUNK
_SAMPLE = 300
_LEAST_COLUMNS = 2
Numbered = tuple[int, list[Any]]
"""A row's number in the sheet, from 1, and its cells."""


def sheet_names(file: DataFile, wanted: str | None = None) -> list[str]:
    """The sheets that have rows, in their order, but first the one to read; only *wanted*, if it
    is named.

    That is the first that is visible and a table of no less than a third of the largest's rows: a
    cover, notes, and the lists behind a form's choices are none.
    """
    import python_calamine

    book = _open(file)
    names: list[str] = list(book.sheet_names)
    if wanted is not None:
        if wanted not in names:
            raise InputError("data.no_sheet", path=file.path, name=wanted, names=names)
        return [wanted]
    sheets = {name: _cells(file, book, name, _SAMPLE) for name in names}
    found = [name for name in names if len(sheets[name]) > 1]
    if not found:
        raise InputError("data.empty", source=file.path)
    hidden = {
        meta.name
        for meta in book.sheets_metadata
        if meta.visible != python_calamine.SheetVisibleEnum.Visible
    }
    largest = max((len(sheets[name]) for name in found if name not in hidden), default=0)

    def rank(name: str) -> tuple[bool, bool, bool]:
        rows = sheets[name]
        return name not in hidden, _is_table(rows), 3 * len(rows) >= largest

    best = max(found, key=rank)
    return sorted(found, key=lambda name: name != best)


def _is_table(rows: Sequence[list[Any]]) -> bool:
    wide = [row for row in rows if sum(cell != "" for cell in row) > 1]
    return len(wide) > 1


def sheet_rows(file: DataFile, header: bool | None, report: Report) -> Iterator[Sized]:
    """The rows of the sheet that ``file.inside`` names. Whole numbers are integers, dates ISO
    texts, empty cells ``None``; empty rows, and columns without name and values, are left out."""
    name = file.inside[0]
    top, left, cells, grouped = _whole(file, _open(file), name)
    numbered = [
        (at, row) for at, row in enumerate(cells, start=top) if any(cell != "" for cell in row)
    ]
    above = _above(numbered, grouped)
    for number, _ in numbered[:above]:
        report(BrokenLine(number, Phrase("line.above"), used=True))
    numbered = numbered[above:]
    records = _records(numbered)
    if records:
        fields = [str(cell) for cell in records[0][1]]
        report(BrokenLine(records[0][0], Phrase("line.stacked", columns=fields), used=True))
        numbered, header = records, True
    numbered = _one_table(numbered, report)
    for at in list(totals(_texts(numbered, whole=True))):
        report(BrokenLine(numbered.pop(at)[0], Phrase("line.total"), used=True))
    marks = sheet_marks(file.path, name)
    for column, digits in marks.padded.items():
        _pad(numbered, column - left, digits)
    for number, _ in numbered:
        if number in marks.hidden:
            report(BrokenLine(number, Phrase("line.hidden"), used=True))
        if number in marks.uncomputed:
            report(BrokenLine(number, Phrase("line.uncomputed"), used=True))
        if number in marks.failed:
            report(BrokenLine(number, Phrase("line.failed_formula"), used=True))
    texts = _texts(numbered)
    with_header = has_header(texts) if header is None else header
    if with_header:
        numbered = _with_names_once(numbered, report)
    table = [row for _, row in numbered]
    names = column_names(texts, with_header)
    unseen = [title for at, title in enumerate(names, left) if at in marks.hidden_columns and title]
    if unseen:
        report(BrokenLine(numbered[0][0], Phrase("line.hidden_columns", columns=unseen), used=True))
    empty = [
        name
        for at, name in enumerate(names)
        if name and not any(at < len(row) and row[at] != "" for row in table[with_header:])
    ]
    if empty and len(table) > with_header:
        formulas = len(marks.uncomputed) >= len(table) - with_header
        if formulas and len([name for name in names if name]) - len(empty) < _LEAST_COLUMNS:
            raise InputError("data.uncomputed", path=file.path, columns=empty)
        report(BrokenLine(numbered[0][0], Phrase("line.empty_columns", columns=empty), used=True))
    for row in table[with_header:]:
        values = {name: _plain(cell) for name, cell in zip(names, row, strict=False) if name}
        yield values, sum(len(str(value)) for value in values.values())


def _above(numbered: Sequence[Numbered], grouped: Container[int]) -> int:
    """How many rows stand above the table; one with cells over several columns names groups of
    them, if the next has names."""
    texts = _texts(numbered)
    above = preamble(texts)
    while (
        above + 1 < len(texts)
        and numbered[above][0] in grouped
        and sum(map(bool, texts[above + 1])) > sum(map(bool, texts[above]))
        and is_named(texts[above + 1])
    ):
        above += 1
    return above


def _records(numbered: Sequence[Numbered]) -> list[Numbered]:
    """A table of records that stand below one another, if these rows are; their fields' names
    first."""
    found = stacked(_with_numbers(numbered))
    if found is None:
        return []
    names, records = found
    last = max(at for _, row in numbered for at, cell in enumerate(row) if cell != "")
    rows: list[Numbered] = [(numbered[0][0], list(names))]
    for record in records:
        cells = [numbered[record[name]][1][last] if name in record else "" for name in names]
        rows.append((numbered[min(record.values())][0], cells))
    return rows


def _with_names_once(numbered: Sequence[Numbered], report: Report) -> list[Numbered]:
    """The rows without those that repeat the first, the columns' names: a sheet that was laid out
    to be printed has them on each page."""
    kept = [numbered[0]] if numbered else []
    texts = _texts(numbered, whole=True)
    for (number, row), cells in zip(numbered[1:], texts[1:], strict=True):
        if stripped(cells) == stripped(texts[0]):
            report(BrokenLine(number, Phrase("line.repeated_header"), used=True))
        else:
            kept.append((number, row))
    return kept


def _pad(numbered: Sequence[Numbered], at: int, digits: int) -> None:
    """Numbers of a column as the sheet shows them: 42 as 00042 is a code, not an amount."""
    for _, row in numbered:
        if 0 <= at < len(row) and type(value := _plain(row[at])) is int:
            row[at] = f"{value:0{digits}d}"


def _one_table(numbered: Sequence[Numbered], report: Report) -> list[Numbered]:
    """The rows of the table with the most of them; what the others are is said."""
    others = beside(_with_numbers(numbered))
    aside = {at for other in others for at in other.columns}
    rows = [
        (number, ["" if at in aside else cell for at, cell in enumerate(row)])
        for number, row in numbered
    ]
    rows = [(number, row) for number, row in rows if any(cell != "" for cell in row)]
    kept, under, titles = below(_with_numbers(rows))
    for other in (*others, *under):
        report(other.said())
    for at in titles:
        report(BrokenLine(rows[at][0], Phrase("line.above"), used=True))
    return [rows[at] for at in kept]


def _with_numbers(numbered: Sequence[Numbered]) -> list[tuple[int, list[str]]]:
    numbers = (number for number, _ in numbered)
    return list(zip(numbers, _texts(numbered, whole=True), strict=True))


def _texts(numbered: Sequence[Numbered], *, whole: bool = False) -> list[list[str]]:
    """The first rows' cells as texts; those of the *whole* table."""
    rows = numbered if whole else numbered[:_SAMPLE]
    return [
        ["" if (value := _plain(cell)) is None else str(value) for cell in row] for _, row in rows
    ]


def _plain(cell: Any) -> Any:
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return int(cell)
    if isinstance(cell, datetime.datetime):
        midnight = (cell.hour, cell.minute, cell.second, cell.microsecond) == (0, 0, 0, 0)
        return cell.date().isoformat() if midnight else cell.isoformat(sep=" ")
    if isinstance(cell, (datetime.date, datetime.time)):
        return cell.isoformat()
    if isinstance(cell, datetime.timedelta):
        return str(cell)
    return None if cell == "" else cell


def _open(file: DataFile) -> Any:
    import python_calamine

    _measure(file)
    try:
        return python_calamine.load_workbook(str(file.path))
    except python_calamine.PasswordError as exc:
        raise InputError("data.broken_spreadsheet", variant="locked", path=file.path) from exc
    except BaseException as exc:
        raise _broken(file, exc) from exc


def _cells(file: DataFile, book: Any, name: str, most: int | None = None) -> Sequence[list[Any]]:
    try:
        sheet = book.get_sheet_by_name(name)
        rows: list[list[Any]] = sheet.to_python(skip_empty_area=True, nrows=most)
        return rows
    except BaseException as exc:
        raise _broken(file, exc) from exc


def _whole(
    file: DataFile, book: Any, name: str
) -> tuple[int, int, Sequence[list[Any]], frozenset[int]]:
    """The numbers of the first row and column that have cells, the rows from there on, and the
    numbers of those with cells over several columns; a cell that was merged over several rows has
    its value in each of them."""
    cells = _cells(file, book, name)
    sheet = book.get_sheet_by_name(name)
    top, left = sheet.start or (0, 0)
    done: Counter[int] = Counter()
    merged = sheet.merged_cell_ranges or ()
    grouped = frozenset(
        row + 1 for (row, begin), (last, end) in merged if row == last and begin < end
    )
    for (first, column), (last, _) in sorted(merged):
        at, begin = column - left, first - top
        if not 0 <= begin < len(cells) or not 0 <= at < len(cells[begin]):
            continue
        end = min(last - top + 1, len(cells))
        for row in cells[max(begin + 1, done[at]) : end]:
            if row[at] == "":
                row[at] = cells[begin][at]
        done[at] = max(done[at], end)
    return top + 1, left + 1, cells, grouped


def _broken(file: DataFile, exc: BaseException) -> BaseException:
    """What a damaged workbook raises."""
    if not is_fault(exc):
        return exc
    return InputError("data.broken_spreadsheet", path=file.path, reason=first_line(exc))


def _measure(file: DataFile) -> None:
    """Refuse what would not fit into memory: a sheet is read as a whole."""
    try:
        with zipfile.ZipFile(file.path) as archive:
            size = sum(info.file_size for info in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError):
        return  # an old .xls, or damaged: opening it will say so
    if size > _MOST_BYTES or (size > _BOMB_BYTES and size > _BOMB_RATIO * file.size):
        raise InputError("data.bomb", variant="spreadsheet", path=file.path)
