"""What a workbook's XML says of a sheet's rows and columns and the reader of cells does not.

Excel's .xlsx and OpenDocument's .ods; other workbooks have no marks that could be read.
"""

from __future__ import annotations

import contextlib
import functools
import html
import posixpath
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from phi3studio.worker.data.reading.source_files import CHUNK

# A row begins, columns are described, a cell is an error, or it ends with its formula: its value,
# if any, is empty.
_EXCEL = re.compile(
    rb"<(?:\w+:)?row\b([^>]*)>|<(?:\w+:)?col\b([^>]*)>|<(?:\w+:)?c\b[^>]*\bt=[\"'](e)[\"']"
    rb"|(?:</(?:\w+:)?f>|<(?:\w+:)?f\b[^>]*/>)\s*"
    rb"(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
_OPEN = re.compile(
    rb"<table:table-row\b([^>]*)>|<table:table(\s[^>]*)>|<table:table-column\b([^>]*)>"
)
_NUMBER = re.compile(rb"\br=[\"'](\d{1,7})[\"']")
_HIDDEN = re.compile(rb"\bhidden=[\"'](?:1|true)|table:visibility=[\"'](?:collapse|filter)")
_REPEATED = re.compile(rb"table:number-(?:rows|columns)-repeated=[\"'](\d{1,7})[\"']")
_SPAN = re.compile(rb"\b(min|max)=[\"'](\d{1,5})[\"']")
_CELL = re.compile(rb"<(?:\w+:)?c\b([^>]*)>")
_CELL_STYLE = re.compile(rb"\bs=[\"'](\d{1,6})[\"']")
_CELL_COLUMN = re.compile(rb"\br=[\"']([A-Z]{1,3})\d")
_CELL_FORMATS = re.compile(rb"<(?:\w+:)?cellXfs\b.*?</(?:\w+:)?cellXfs>", re.DOTALL)
_PADDED = re.compile("0{2,20}")
_MOST_ROWS = 2**20
_MOST_COLUMNS = 2**14
_LONGEST_ROW = 64 * CHUNK


@dataclass(frozen=True)
class SheetMarks:
    """Rows, counted from 1: those that nobody sees, hidden by hand or by a filter, those with a
    formula whose result the file does not hold, and those with an error (#N/A). Columns,
    counted from 1, that nobody sees, and those whose numbers are shown with zeros before them,
    with how many digits."""

    hidden: frozenset[int] = frozenset()
    uncomputed: frozenset[int] = frozenset()
    failed: frozenset[int] = frozenset()
    hidden_columns: frozenset[int] = frozenset()
    padded: Mapping[int, int] = field(default_factory=dict)


def sheet_marks(path: Path, sheet: str) -> SheetMarks:
    """The marks of a sheet; none where the workbook is of another kind, or damaged."""
    damaged = (OSError, ValueError, KeyError, StopIteration, zipfile.BadZipFile, zlib.error)
    with contextlib.suppress(*damaged), zipfile.ZipFile(path) as archive:
        if "content.xml" in archive.namelist():
            return _open_document(_rows(archive, "content.xml"), sheet)
        part, styles = _part(archive, sheet), _padded_styles(archive)
        marks = _excel(_rows(archive, part))
        return replace(marks, padded=_padded(_rows(archive, part), styles)) if styles else marks
    return SheetMarks()


def _part(archive: zipfile.ZipFile, sheet: str) -> str:
    """The name of the sheet's part in an .xlsx."""
    book, links = (
        [_attributes(found[1]) for found in re.finditer(tag, archive.read(f"xl/{part}"))]
        for part, tag in (
            ("workbook.xml", rb"<(?:\w+:)?sheet\b([^>]*)>"),
            ("_rels/workbook.xml.rels", rb"<(?:\w+:)?Relationship\b([^>]*)>"),
        )
    )
    key = next(item["id"] for item in book if item["name"] == sheet)
    target = next(link["Target"] for link in links if link["Id"] == key)
    return posixpath.normpath(posixpath.join("/xl", target)).lstrip("/")


def _padded_styles(archive: zipfile.ZipFile) -> dict[bytes, int]:
    """The numbers of the cells' styles that show zeros before a number, and how many digits."""
    if "xl/styles.xml" not in archive.namelist():
        return {}
    styles = archive.read("xl/styles.xml")
    tags = (_attributes(tag[1]) for tag in re.finditer(rb"<(?:\w+:)?numFmt\b([^>]*)>", styles))
    digits = {
        tag["numFmtId"]: len(tag["formatCode"])
        for tag in tags
        if _PADDED.fullmatch(tag.get("formatCode", ""))
    }
    cells = _CELL_FORMATS.search(styles)
    if not digits or cells is None:
        return {}
    kinds = [_attributes(tag[1]) for tag in re.finditer(rb"<(?:\w+:)?xf\b([^>]*)>", cells[0])]
    return {
        str(at).encode(): digits[kind["numFmtId"]]
        for at, kind in enumerate(kinds)
        if kind.get("numFmtId") in digits
    }


def _padded(pieces: Iterator[bytes], styles: Mapping[bytes, int]) -> dict[int, int]:
    """The columns most of whose cells have one of these styles."""
    found: dict[int, Counter[int]] = {}
    for tag in (tag[1] for piece in pieces for tag in _CELL.finditer(piece)):
        place, style = _CELL_COLUMN.search(tag), _CELL_STYLE.search(tag)
        if place is not None:
            column = functools.reduce(lambda n, letter: 26 * n + letter - 64, place[1], 0)
            digits = styles.get(style[1], 0) if style else 0
            found.setdefault(column, Counter())[digits] += 1
    usual = {column: counts.most_common(1)[0][0] for column, counts in found.items()}
    return {column: digits for column, digits in usual.items() if digits}


def _attributes(tag: bytes) -> dict[str, str]:
    """The attributes in a tag, without their prefixes."""
    found = re.finditer(rb"(?:\w+:)?(\w+)\s*=\s*([\"'])(.*?)\2", tag, re.DOTALL)
    return {item[1].decode(): html.unescape(item[3].decode()) for item in found}


def _rows(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """A part's text in pieces that end with a row."""
    rest = b""
    with archive.open(name) as stream:
        while piece := stream.read(CHUNK):
            whole, end, rest = (rest + piece).rpartition(b"row>")
            yield whole + end
            if len(rest) > _LONGEST_ROW:
                raise ValueError("no row is that long")
    yield rest


def _excel(pieces: Iterator[bytes]) -> SheetMarks:
    hidden, uncomputed, failed, columns, row = set[int](), set[int](), set[int](), set[int](), 0
    for found in (found for piece in pieces for found in _EXCEL.finditer(piece)):
        if found[2] is not None:
            span = {name: int(number) for name, number in _SPAN.findall(found[2])}
            if _HIDDEN.search(found[2]) and len(span) == 2:
                columns.update(range(span[b"min"], min(span[b"max"], _MOST_COLUMNS) + 1))
        elif found[3] is not None:
            failed.add(row)
        elif found[1] is None:
            uncomputed.add(row)
        else:
            number = _NUMBER.search(found[1])
            row = int(number[1]) if number else row + 1
            if _HIDDEN.search(found[1]):
                hidden.add(row)
    return SheetMarks(
        frozenset(hidden), frozenset(uncomputed), frozenset(failed), frozenset(columns)
    )


def _open_document(pieces: Iterator[bytes], sheet: str) -> SheetMarks:
    hidden, columns = set[int](), set[int]()
    row, column, inside = 0, 0, False
    for found in (found for piece in pieces for found in _OPEN.finditer(piece)):
        if found[2] is not None:
            inside = _attributes(found[2]).get("name") == sheet
            continue
        if not inside:
            continue
        of_row = found[1] is not None
        tag = found[1] if of_row else found[3]
        times = _REPEATED.search(tag)
        count = min(int(times[1]), _MOST_ROWS if of_row else _MOST_COLUMNS) if times else 1
        begin = row if of_row else column
        if _HIDDEN.search(tag):
            (hidden if of_row else columns).update(range(begin + 1, begin + count + 1))
        row, column = (row + count, column) if of_row else (row, column + count)
    return SheetMarks(frozenset(hidden), hidden_columns=frozenset(columns))
