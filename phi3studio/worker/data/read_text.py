"""Rows of text files: JSON lines, JSON documents, CSV and plain text.

Every reader yields ``(row, bytes)``: the row and about how large it is. A line that cannot be
used is reported, and reading goes on if the report returns.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from phi3studio.domain.errors import InputError
from phi3studio.worker.data.encoding import LINE_BYTES, as_utf8, lines
from phi3studio.worker.data.files import CHUNK, Bounded, DataFile, chunks
from phi3studio.worker.data.sniff import Dialect, Layout

Sized = tuple[dict[str, Any], int]
_WHOLE_BYTES = 16 * CHUNK
_DEEPEST = 200
_MOST_COLUMNS = 50_000
_LARGE = float(2**63)


@dataclass(frozen=True)
class BrokenLine:
    """A line (from 1) that is no row, why, and what to do about it."""

    line: int
    reason: str
    hint: str


Report = Callable[[BrokenLine], None]


def text_rows(layout: Layout, file: DataFile, raw: Bounded, report: Report) -> Iterator[Sized]:
    """The rows of one file."""
    pieces = as_utf8(chunks(file, raw, layout.compression), layout.encoding.name)
    if layout.format == "jsonl":
        return _jsonl(pieces, report)
    if layout.format == "json":
        return _json(file, pieces)
    if layout.format == "text":
        return _text(pieces, layout.text_rows == "paragraph", report)
    assert layout.dialect is not None
    return _csv(pieces, layout.dialect, report)


def _too_long(number: int) -> BrokenLine:
    return BrokenLine(
        number,
        f"the line is longer than {LINE_BYTES // CHUNK} MiB",
        "Check that the file has line breaks between its rows.",
    )


# --- JSON ----------------------------------------------------------------------------------


def _jsonl(pieces: Iterator[bytes], report: Report) -> Iterator[Sized]:
    loads = orjson.loads
    for number, line in lines(pieces):
        if line is None:
            report(_too_long(number))
            continue
        try:
            value = loads(line)
            if _may_have_lost_digits(value):
                value = _patient(line)
        except (ValueError, RecursionError) as exc:
            if not line.strip():
                continue
            try:
                value = _patient(line)
            except (ValueError, RecursionError) as patient:
                report(BrokenLine(number, _reason(line, patient, exc), "Correct the line."))
                continue
        if type(value) is dict:
            yield value, len(line)
        else:
            report(BrokenLine(number, "the line is not a JSON object", "Write {…} on every line."))


def _may_have_lost_digits(value: Any) -> bool:
    """Whether there is a large float: orjson makes one of an integer beyond 64 bits."""
    if type(value) is float:
        return not -_LARGE < value < _LARGE
    if type(value) is dict:
        value = value.values()
    elif type(value) is not list:
        return False
    for item in value:
        kind = type(item)
        if kind is not str and kind is not int and _may_have_lost_digits(item):
            return True
    return False


def _patient(line: bytes) -> Any:
    """What Python reads and orjson does not: NaN, large numbers, lone surrogates."""
    text = line.decode("utf-8")
    if text.count("[") + text.count("{") > _DEEPEST and _depth(text) > _DEEPEST:
        raise ValueError("lists or objects are nested too deeply")
    return json.loads(text)


def _depth(text: str) -> int:
    deepest = depth = 0
    for character in text:
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _reason(line: bytes, exc: Exception, first: Exception) -> str:
    if isinstance(exc, UnicodeDecodeError):
        return f"byte 0x{line[exc.start]:02X} at column {exc.start + 1} is not valid UTF-8"
    if isinstance(exc, json.JSONDecodeError):
        return f"{exc.msg} at column {exc.colno}"
    if isinstance(exc, RecursionError):
        return "lists or objects are nested too deeply"
    return str(exc) or str(first)


def _json(file: DataFile, pieces: Iterator[bytes]) -> Iterator[Sized]:
    """A list of objects, or an object that holds one; large documents are read in a stream."""
    held = bytearray()
    for piece in pieces:
        held += piece
        if len(held) > _WHOLE_BYTES:
            yield from _json_stream(file, held, pieces)
            return
    try:
        value = orjson.loads(held)
        if _may_have_lost_digits(value):
            value = _patient(bytes(held))
    except (ValueError, RecursionError) as exc:
        try:
            value = _patient(bytes(held))
        except UnicodeDecodeError as patient:
            line = held.count(b"\n", 0, patient.start) + 1
            raise _broken_json(file, line, "a byte is not valid UTF-8") from exc
        except (ValueError, RecursionError) as patient:
            line = getattr(patient, "lineno", 1)
            raise _broken_json(file, line, getattr(patient, "msg", str(patient))) from exc
    size = len(held)
    del held
    found = _find_list(value)
    if found is None:
        raise _json_shape(file)
    share = size // max(1, len(found))
    for number, row in enumerate(found):
        if type(row) is not dict:
            raise _not_an_object(file, number)
        yield row, share


def _find_list(value: Any) -> list[Any] | None:
    """The rows in a document: itself, the first list of objects in it, or one object alone."""
    if isinstance(value, list):
        return value
    if not isinstance(value, dict):
        return None
    level = [value]
    for _ in range(4):
        for holder in level:
            for inner in holder.values():
                if isinstance(inner, list) and inner and all(type(row) is dict for row in inner):
                    # A lone example with a list of messages is a row, not a list of rows.
                    return [value] if "role" in inner[0] or "from" in inner[0] else inner
        level = [inner for holder in level for inner in holder.values() if type(inner) is dict]
    return [value] if value else []


def _json_stream(file: DataFile, held: bytearray, pieces: Iterator[bytes]) -> Iterator[Sized]:
    import ijson  # type: ignore[import-untyped]

    start = _Pieces(file, bytes(held[:CHUNK]), iter(()))
    prefix = ""
    try:
        for path, event, _ in ijson.parse(start, use_float=True):
            if event == "start_map" and (path == "item" or path.endswith(".item")):
                prefix = path
                break
            if path.count(".") > 6:
                break
    except (ijson.JSONError, InputError):
        pass
    if not prefix:
        raise _json_shape(file)
    content = _Pieces(file, bytes(held), pieces)
    held.clear()
    number, before = 0, 0
    try:
        for row in ijson.items(content, prefix, use_float=True, buf_size=65536):
            if type(row) is not dict:
                raise _not_an_object(file, number)
            size, before = content.given - before, content.given
            content.row_start = content.given
            number += 1
            yield row, size
    except (ijson.JSONError, RecursionError, UnicodeDecodeError) as exc:
        reason = str(exc).splitlines()[0] if str(exc) else "the document is nested too deeply"
        raise _broken_json(file, content.line, reason) from exc


class _Pieces:
    """A stream for ijson that knows the line it is at and refuses a row without end."""

    def __init__(self, file: DataFile, start: bytes, pieces: Iterator[bytes]) -> None:
        self._file = file
        self._held = start
        self._pieces = pieces
        self.given = 0
        self.row_start = 0
        self.line = 1

    def read(self, count: int = -1) -> bytes:
        if count == 0:
            return b""
        while not self._held:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._held = piece
        part = self._held[:count] if count > 0 else self._held
        self._held = self._held[len(part) :]
        self.given += len(part)
        self.line += part.count(b"\n")
        if self.given - self.row_start > LINE_BYTES:
            raise InputError(
                "data.row_too_long",
                f"{self._file.path}: the row at line {self.line} is longer than "
                f"{LINE_BYTES // CHUNK} MiB.",
                "Divide it, or remove it.",
            )
        return part


def _broken_json(file: DataFile, line: int, reason: str) -> InputError:
    return InputError(
        "data.broken_json",
        f"{file.path}, line {line}: {reason}.",
        "Correct the file at that line; if every line is an object of its own, "
        "set data.format: jsonl.",
    )


def _json_shape(file: DataFile) -> InputError:
    return InputError(
        "data.json_shape",
        f"{file.path} is not a list of JSON objects.",
        "Write [{…}, {…}], or an object that holds such a list.",
    )


def _not_an_object(file: DataFile, number: int) -> InputError:
    return InputError(
        "data.json_shape",
        f"{file.path}: element {number + 1} of the list is not a JSON object.",
        'Make every element an object such as {"question": …, "answer": …}.',
    )


# --- CSV -----------------------------------------------------------------------------------


def _csv(pieces: Iterator[bytes], dialect: Dialect, report: Report) -> Iterator[Sized]:
    consumed = 0

    def text() -> Iterator[str]:
        nonlocal consumed
        for number, line in lines(pieces):
            if line is None:
                report(_too_long(number))
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
            report(_too_long(number))
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
