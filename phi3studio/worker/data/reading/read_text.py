"""Rows of text files: CSV, plain text, and by way of ``read_json`` JSON.

Every reader yields ``(row, bytes)``: the row and about how large it is. A line that cannot be
used is reported, and reading goes on if the report returns.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any

from phi3studio.domain.errors import InputError
from phi3studio.worker.data.reading.broken_lines import BrokenLine, Report, too_long
from phi3studio.worker.data.reading.encoding import LINE_BYTES, as_utf8, lines
from phi3studio.worker.data.reading.read_json import Sized, json_document, json_lines
from phi3studio.worker.data.reading.sniff import Dialect, Layout
from phi3studio.worker.data.reading.source_files import (
    CHUNK,
    Bounded,
    DataFile,
    chunks,
)

_MOST_COLUMNS = 50_000


def text_rows(layout: Layout, file: DataFile, raw: Bounded, report: Report) -> Iterator[Sized]:
    """The rows of one file."""
    pieces = as_utf8(chunks(file, raw, layout.compression), layout.encoding.name)
    if layout.format == "jsonl":
        return json_lines(pieces, report)
    if layout.format == "json":
        return json_document(file, pieces)
    if layout.format == "text":
        return _text(pieces, layout.text_rows == "paragraph", report)
    assert layout.dialect is not None
    return _csv(pieces, layout.dialect, report)


# --- CSV -----------------------------------------------------------------------------------


def _csv(pieces: Iterator[bytes], dialect: Dialect, report: Report) -> Iterator[Sized]:
    consumed = 0

    def text() -> Iterator[str]:
        nonlocal consumed
        for number, line in lines(pieces):
            if line is None:
                report(too_long(number))
                line = b""
            consumed += len(line)
            try:
                yield line.decode("utf-8") + "\n"
            except UnicodeDecodeError as exc:
                report(
                    BrokenLine(
                        number,
                        f"byte 0x{line[exc.start]:02X} is not valid UTF-8",
                        "Save the file as UTF-8, or name its encoding in data.encoding.",
                    )
                )
                yield "\n"

    reader = csv.reader(text(), **dialect.reader_options())  # type: ignore[arg-type]
    names: list[str] | None = None
    while True:
        start, before = reader.line_num + 1, consumed
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as exc:
            hint = "Correct the line, or name the delimiter and quote character in the recipe."
            report(BrokenLine(start, _csv_reason(str(exc)), hint))
            continue
        if not cells:
            continue
        if names is None:
            if len(cells) > _MOST_COLUMNS:
                raise InputError(
                    "data.too_many_columns",
                    f"Line {start} has {len(cells)} columns; at most {_MOST_COLUMNS} can be used.",
                    "Check data.delimiter, or leave out the columns that are not needed.",
                )
            names = _names(cells, dialect.header)
            if dialect.header:
                continue
        if len(cells) > len(names):
            report(
                BrokenLine(
                    start,
                    f"more values than columns ({len(cells)}, not {len(names)})",
                    "Put quotes around values that contain the delimiter, "
                    "or name the right one in data.delimiter.",
                )
            )
            continue
        row: dict[str, Any] = dict(zip(names, cells, strict=False))
        yield row, consumed - before


def _csv_reason(text: str) -> str:
    if "unexpected end" in text:
        return "a quoted value begins here and is never closed"
    if "field larger" in text:
        return f"a value is longer than {LINE_BYTES // CHUNK} MiB; perhaps a quote is never closed"
    return text


def _names(cells: list[str], header: bool) -> list[str]:
    """Column names: all different, none empty."""
    names: list[str] = []
    copies: dict[str, int] = {}
    for number, cell in enumerate(cells, start=1):
        name = cell.strip() if header else ""
        name = unique = name or f"column{number}"
        while unique in copies:
            copies[name] += 1
            unique = f"{name}_{copies[name]}"
        copies[unique] = 1
        names.append(unique)
    return names


# --- plain text ----------------------------------------------------------------------------


def _text(pieces: Iterator[bytes], paragraphs: bool, report: Report) -> Iterator[Sized]:
    held: list[str] = []
    size = 0
    for number, line in lines(pieces):
        if line is None:
            report(too_long(number))
            continue
        try:
            text = line.decode("utf-8").rstrip("\r")
        except UnicodeDecodeError as exc:
            report(
                BrokenLine(
                    number,
                    f"byte 0x{line[exc.start]:02X} is not valid UTF-8",
                    "Save the file as UTF-8, or name its encoding in data.encoding.",
                )
            )
            continue
        blank = not text.strip()
        if not paragraphs:
            if not blank:
                yield {"text": text}, len(line)
            continue
        if not blank and size <= LINE_BYTES:
            held.append(text)
            size += len(line)
        elif held:
            yield {"text": "\n".join(held)}, size
            held, size = ([], 0) if blank else ([text], len(line))
    if held:
        yield {"text": "\n".join(held)}, size
