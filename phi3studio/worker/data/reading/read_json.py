"""Rows of JSON lines and JSON documents.

Both readers yield ``(row, bytes)``: the row and about how large it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import orjson

from phi3studio.domain.errors import InputError
from phi3studio.worker.data.reading.broken_lines import BrokenLine, Report, too_long
from phi3studio.worker.data.reading.encoding import LINE_BYTES, lines
from phi3studio.worker.data.reading.source_files import CHUNK, DataFile

Sized = tuple[dict[str, Any], int]
_WHOLE_BYTES = 16 * CHUNK
_DEEPEST = 200
_LARGE = float(2**63)


def json_lines(pieces: Iterator[bytes], report: Report) -> Iterator[Sized]:
    """One object a line; blank lines are passed over."""
    loads = orjson.loads
    for number, line in lines(pieces):
        if line is None:
            report(too_long(number))
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
    value = json.loads(text)
    return _whole_characters(value) if "\\u" in text else value


def _whole_characters(value: Any) -> Any:
    """*value* with halves of surrogate pairs, which are no text, replaced by U+FFFD."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole_characters(item) for item in value]
    if isinstance(value, dict):
        return {_whole_characters(key): _whole_characters(item) for key, item in value.items()}
    return value


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


def json_document(file: DataFile, pieces: Iterator[bytes]) -> Iterator[Sized]:
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
