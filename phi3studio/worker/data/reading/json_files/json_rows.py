"""Rows of JSON lines, and how any JSON value becomes a row."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from phi3studio.domain.messages import Phrase
from phi3studio.worker.data.reading.broken_lines import BrokenLine, Report, not_utf8, too_long
from phi3studio.worker.data.reading.encoding import lines
from phi3studio.worker.data.reading.headers import has_header

Sized = tuple[dict[str, Any], int]
"""A row, and about how many bytes it has."""
_PYTHON = re.compile(r"\[?\s*\{\s*'[^'\n]*'\s*:")
# The keys of a document's rows, the likeliest first; those of conversations, and what stands next
# to the rows in the pages of an interface's answers.
HOLDERS = (
    *("data", "rows", "records", "examples", "items", "instances", "samples", "conversations"),
    *("dialogues", "dialogs", "questions", "documents", "results", "dataset", "entries"),
)
_TALKS = ("conversations", "dialogues", "dialogs")
_PAGING = frozenset(
    [
        *("page", "per_page", "page_size", "offset", "limit", "total", "total_count", "count"),
        *("total_pages", "next", "previous", "next_page", "next_cursor", "cursor", "has_more"),
        *("has_next", "paging", "pagination", "links", "meta"),
    ]
)
_DEEPEST = 200
_LARGE = float(2**63)


def json_lines(pieces: Iterator[bytes], report: Report) -> Iterator[Sized]:
    """One object a line, or one page of them; blank lines are passed over."""
    loads = orjson.loads
    maker: RowMaker | None = None
    objects = False
    page = ""
    for number, line in lines(pieces):
        if line is None:
            report(too_long(number))
            continue
        try:
            value = loads(line)
            if _may_have_lost_digits(value):
                value = _patient(line)
        except (ValueError, RecursionError):
            line = line.strip().removeprefix(codecs.BOM_UTF8).rstrip(b",").lstrip(b"\x1e")
            if line in (b"", b"[", b"]"):
                continue
            try:
                value = _patient(line)
            except UnicodeDecodeError as exc:
                report(not_utf8(number, exc))
                continue
            except (ValueError, RecursionError) as exc:
                report(BrokenLine(number, json_reason(exc)))
                continue
        if type(value) is dict:
            if line.count(b'":') > len(value):
                key = repeated_key(value, line.decode("utf-8", "replace"))
                if key is not None:
                    reason = Phrase("line.repeated_key", key=key)
                    report(BrokenLine(number, reason, used=True))
            page = page if objects else page_key([value])
            objects = True
            items = items_of(value, page)
        elif not objects and _is_list_of_rows(value):
            items = value
        else:
            items = [value]
        for item in items:
            if type(item) is dict:
                yield item, len(line) // len(items)
                continue
            maker = maker or RowMaker(({}, item) if objects else (item,))
            row = maker.row(item)
            if row is None:
                report(BrokenLine(number, Phrase("line.no_object")))
            elif row:
                yield row, len(line) // len(items)


def page_key(values: Sequence[Any]) -> str:
    """The key of the rows in answers that an interface gave page by page; empty for others: what
    stands next to a page's rows tells of paging, and is no text that they are about."""
    if not values or not all(type(value) is dict for value in values):
        return ""
    keys = [key for key in values[0] if all(type(value.get(key)) is list for value in values)]
    if len(keys) != 1 or keys[0] not in HOLDERS or _PAGING.isdisjoint(values[0]):
        return ""
    rows = [row for value in values for row in value[keys[0]]]
    if not rows or not all(type(row) is dict and not is_turn(row) for row in rows):
        return ""
    if keys[0] in _TALKS and not all(list in map(type, row.values()) for row in rows):
        return ""  # its turns are objects of a kind of their own
    beside = (text for value in values for text in value.values() if type(text) is str)
    return "" if any(text.count(" ") > 1 for text in beside) else keys[0]


def items_of(value: Any, page: str) -> list[Any]:
    """The rows of a page that has them at the key *page*; any other value as the only one."""
    items = value.get(page) if page and type(value) is dict else None
    return items if type(items) is list else [value]


def _is_list_of_rows(value: Any) -> bool:
    """Whether a line is a list of rows, as a program writes that appends its results."""
    return (
        type(value) is list
        and bool(value)
        and all(type(item) is dict for item in value)
        and not all(map(is_turn, value))
    )


class RowMaker:
    """Rows from JSON values: objects as they are, lists of turns as conversations, other lists by
    the names in the first, texts. *sample* are the first values."""

    def __init__(self, sample: Sequence[Any], names: list[str] | None = None) -> None:
        self._names = names
        self._head: list[Any] | None = None
        self._objects = any(type(value) is dict for value in sample)
        self._wrapped = bool(sample) and all(
            type(value) is dict and {"row_idx", "row"} <= set(value) for value in sample
        )
        if names is None and sample and type(sample[0]) is list and sample[0]:
            texts = [[str(cell) for cell in row] for row in sample if type(row) is list]
            if _is_head(sample[0]) and has_header(texts):
                self._head = sample[0]
                self._names = [str(cell) for cell in sample[0]]

    def row(self, value: Any) -> dict[str, Any] | None:
        """The row of a value, empty for the one that names the columns; ``None`` for no row."""
        if type(value) is dict:
            inner = value.get("row") if self._wrapped else value
            return inner if type(inner) is dict else value
        if (
            type(value) is list
            and value
            and all(type(item) is dict and is_turn(item) for item in value)
        ):
            return {"messages": value}
        if self._objects:
            return None  # the others are objects: this one is a mistake
        if type(value) is str:
            return {"text": value}
        if type(value) is not list or not value:
            return None
        if value == self._head:
            self._head = None
            return {}
        if any(type(item) is dict for item in value):
            return None
        if self._names is None:
            self._names = [f"column{at + 1}" for at in range(len(value))]
        if len(value) > len(self._names):
            return None
        return dict(zip(self._names, value, strict=False))


def _is_head(cells: list[Any]) -> bool:
    return all(type(cell) is str and cell for cell in cells) and len(set(cells)) == len(cells)


def is_turn(value: dict[str, Any]) -> bool:
    """Whether an object is one message of a conversation."""
    return ("role" in value and ("content" in value or "tool_calls" in value)) or (
        "from" in value and "value" in value
    )


def repeated_key(value: Any, text: str) -> str | None:
    """A key that an object in *text*, the JSON of *value*, has twice: the last value counts."""
    if text.count('":') + text.count('" :') <= _keys(value):
        return None
    found: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        row = dict(pairs)
        if len(row) < len(pairs):
            seen: set[str] = set()
            found.extend(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        return row

    try:
        json.loads(text, object_pairs_hook=look)
    except (ValueError, RecursionError):
        return None
    return found[0] if found else None


def _keys(value: Any) -> int:
    if type(value) is dict:
        return len(value) + sum(
            _keys(item) for item in value.values() if type(item) in (dict, list)
        )
    if type(value) is list:
        return sum(_keys(item) for item in value if type(item) in (dict, list))
    return 0


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
    if is_too_deep(text):
        raise RecursionError
    value = json.loads(text)
    return whole_characters(value) if "\\u" in text else value


def whole_characters(value: Any) -> Any:
    """*value* with halves of surrogate pairs, which are no text, replaced by U+FFFD."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [whole_characters(item) for item in value]
    if isinstance(value, dict):
        return {whole_characters(key): whole_characters(item) for key, item in value.items()}
    return value


def is_too_deep(text: str) -> bool:
    """Whether lists and objects in a JSON text are nested more deeply than any data."""
    return text.count("[") + text.count("{") > _DEEPEST and _depth(text) > _DEEPEST


def _depth(text: str) -> int:
    deepest = depth = 0
    for character in text:
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


# What Python's parser says → the variant of our message.
_JSON_REASONS = (
    ("Expecting ','", "comma"),
    ("Expecting ':'", "colon"),
    ("Expecting property name", "name"),
    ("Expecting value", "value"),
    ("Extra data", "extra"),
    ("Invalid control", "control"),
    ("Invalid \\", "escape"),
)


def is_python(text: str) -> bool:
    """Whether a text begins with a Python dictionary, or a list of them."""
    return _PYTHON.match(text.lstrip()) is not None


def json_reason(exc: Exception) -> Phrase:
    """What is wrong with a JSON text."""
    if isinstance(exc, json.JSONDecodeError):
        if is_python(exc.doc):
            return Phrase("line.python")
        before = exc.doc[max(0, exc.pos - 100) : exc.pos].rstrip()
        if before.endswith(",") and exc.doc[exc.pos : exc.pos + 1] in ("}", "]"):
            return Phrase("line.trailing_comma", column=exc.colno)
        if exc.doc.startswith(("//", "/*", "#"), exc.pos):
            return Phrase("line.comment", column=exc.colno)
        if exc.msg.startswith("Unterminated"):
            return Phrase("line.open_text", column=exc.colno)
        known = (name for begins, name in _JSON_REASONS if exc.msg.startswith(begins))
        return Phrase("line.json", variant=next(known, ""), reason=exc.msg, column=exc.colno)
    if isinstance(exc, RecursionError):
        return Phrase("line.deep")
    return Phrase("line.json", reason=str(exc), column=1)
