"""JSON documents of any size: where their rows are, and the rows, read in a stream.

A document is a list, an object that holds one, several values after one another, or a table by
columns. Every element is decoded by Python's own decoder, whatever the document's size, so that
integers, NaN and floats come out alike.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import Phrase
from phi3studio.worker.data.meaning.part_names import parts_of
from phi3studio.worker.data.reading.broken_lines import BrokenLine, Report, too_long
from phi3studio.worker.data.reading.class_labels import Classes, class_names, put_names
from phi3studio.worker.data.reading.encoding import LINE_BYTES
from phi3studio.worker.data.reading.json_rows import (
    RowMaker,
    Sized,
    is_too_deep,
    is_turn,
    json_reason,
    repeated_key,
    whole_characters,
)
from phi3studio.worker.data.reading.source_files import CHUNK, DataFile

Path = tuple[str, ...]
_SAMPLE = 20
_KEYS = 200
_DEEPEST = 4
_ENOUGH = 1000
_TABLE_BYTES = 256 * CHUNK
_HOLDERS = (
    *("data", "rows", "records", "examples", "items", "instances", "samples", "conversations"),
    *("dialogues", "dialogs", "questions", "documents", "results", "dataset", "entries"),
)
_COLUMN_OF_TURNS = frozenset(("messages", "conversations", "conversation", "chosen", "rejected"))
_MANY_PAIRS = 4
"""An object of fewer texts is a row, whatever its names are."""
_SPACE = re.compile(r"[ \t\r\n\x1e\ufeff]*")


@dataclass(frozen=True)
class Plan:
    """Where the rows are: ``way`` is list (elements at ``path``), values (whole values after one
    another), one (the value at ``path`` is a row), conversation (a list of turns), pairs (an object
    whose names are texts too), or a table: columns, index, split, lists. ``parts`` are the plans of
    train, validation and test, ``left_out`` other lists of rows, ``aside`` texts that stand next to
    the rows; ``classes`` name labels that are numbers."""

    way: str
    path: Path = ()
    sample: tuple[Any, ...] = ()
    parts: Mapping[str, Plan] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    aside: tuple[str, ...] = ()
    classes: Classes = field(default_factory=dict)


@dataclass
class _Node:
    kind: str
    count: int = 0
    sample: list[Any] = field(default_factory=list)
    children: dict[str, _Node] = field(default_factory=dict)


class _Enough(Exception):  # noqa: N818
    """The document need not be read further to know where its rows are."""


class _Reader:
    """The text of a document, decoded value by value."""

    def __init__(self, file: DataFile, pieces: Iterator[bytes]) -> None:
        self._file = file
        self._pieces = pieces
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._scan = json.JSONDecoder().raw_decode
        self._ended = False
        self._line = 1
        self.text = ""
        self.at = 0

    def line(self, at: int) -> int:
        """The number of the line (from 1) of a position in ``text``."""
        return self._line + self.text.count("\n", 0, at)

    def _fill(self) -> bool:
        """Read on; ``False`` at the document's end."""
        if self.at > CHUNK:
            self._line += self.text.count("\n", 0, self.at)
            self.text, self.at = self.text[self.at :], 0
        piece = next(self._pieces, None)
        try:
            more = self._utf8.decode(piece or b"", final=piece is None)
        except UnicodeDecodeError as exc:
            line = self.line(len(self.text)) + exc.object.count(b"\n", 0, exc.start)
            byte = f"0x{exc.object[exc.start]:02X}"
            reason = Phrase("line.bytes", byte=byte, column=exc.start + 1)
            raise self.broken(line, reason) from exc
        self.text += more
        self._ended = piece is None
        return not self._ended

    def peek(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            match = _SPACE.match(self.text, self.at)
            assert match is not None
            self.at = match.end()
            if self.at < len(self.text):
                return self.text[self.at]
            if not self._fill():
                return ""

    def take(self, character: str) -> None:
        if self.peek() != character:
            raise self.broken(self.line(self.at), Phrase("line.expected", character=character))
        self.at += 1

    def comma(self) -> bool:
        """Pass over a comma if one is next."""
        if self.peek() == ",":
            self.at += 1
            return True
        return False

    def value(self, limit: int = LINE_BYTES) -> Any:
        """The next value; raises :class:`json.JSONDecodeError` with its position in ``text``."""
        self.peek()
        while True:
            try:
                value, end = self._scan(self.text, self.at)
            except json.JSONDecodeError as exc:
                cut = exc.msg.startswith("Unterminated") or exc.pos >= len(self.text) - 16
                if not cut or self._ended:
                    raise
            else:
                if end < len(self.text) or self._ended:
                    self.at = end
                    return value
            if len(self.text) - self.at > limit:
                raise InputError(
                    "data.row_too_long",
                    path=self._file.path,
                    line=self.line(self.at),
                    limit=limit // CHUNK,
                )
            held = len(self.text) - self.at
            while self._fill() and len(self.text) - self.at < 2 * held:
                pass

    def key(self) -> str:
        """The next value, which is the name of another."""
        if self.peek() not in ('"', ""):
            raise json.JSONDecodeError("Expecting property name", self.text, self.at)
        return str(self.value())

    def next_line_like(self, start: int) -> bool:
        """Go on at the next line that begins as the one of *start* does, or at the end; ``False``
        if the value of *start*, which is broken, shares its line with others."""
        before = self.text[self.text.rfind("\n", 0, start) + 1 : start]
        if before.strip(" \t"):
            return False
        again = re.compile(r"\n" + re.escape(before) + re.escape(self.text[start]))
        self.at = start + 1
        while (match := again.search(self.text, self.at)) is None:
            self.at = max(self.at, len(self.text) - len(before) - 2)
            if not self._fill():
                self.at = len(self.text)
                return True
        self.at = match.end() - 1
        return True

    def broken(self, line: int, reason: Phrase) -> InputError:
        return InputError("data.broken_json", path=self._file.path, line=line, reason=reason)

    def wrong(self, exc: json.JSONDecodeError | RecursionError) -> InputError:
        at = exc.pos if isinstance(exc, json.JSONDecodeError) else self.at
        return self.broken(self.line(at), json_reason(exc))


# --- where the rows are ----------------------------------------------------------------------


def plan_of(file: DataFile, pieces: Iterator[bytes], named: str | None = None) -> Plan | None:
    """Where a document's rows are; ``None`` if it has none. *named*: the keys to them, joined by
    dots, if the recipe says it."""
    reader = _Reader(file, pieces)
    root = _Node("empty")
    several = False
    try:
        _outline(reader, root, 0, "")
        several = bool(reader.peek()) and root.kind == "object"
    except _Enough:
        pass
    except (json.JSONDecodeError, RecursionError) as exc:
        if not root.count:
            raise reader.wrong(exc) from exc
        # Reading the rows will name the broken one.
    if named:
        return _named(root, tuple(named.split(".")), file)
    if several:
        return Plan("values")
    holds = any(kid.count or kid.kind == "scalar" for kid in root.children.values())
    return _decide(root, ()) or (Plan("one") if holds else None)


def _outline(reader: _Reader, node: _Node, depth: int, name: str) -> None:
    """Fill *node* with what the next value is."""
    first = reader.peek()
    if first == "[":
        _outline_list(reader, node, depth, name)
    elif first == "{" and depth < _DEEPEST:
        node.kind = "object"
        reader.take("{")
        while reader.peek() != "}":
            key = reader.key()
            reader.take(":")
            node.count += 1
            if node.count <= _KEYS:
                child = node.children[key] = _Node("empty")
                _outline(reader, child, depth + 1, key)
            else:
                reader.value(_TABLE_BYTES)
            if not reader.comma():
                break
        reader.take("}")
    elif first:
        node.sample.append(reader.value(_TABLE_BYTES))
        node.kind = "object" if type(node.sample[0]) is dict else "scalar"


def _outline_list(reader: _Reader, node: _Node, depth: int, name: str) -> None:
    node.kind = "list"
    reader.take("[")
    while reader.peek() != "]":
        value = reader.value()
        node.count += 1
        if len(node.sample) < _SAMPLE:
            node.sample.append(value)
        elif depth == 0 or (node.count > _ENOUGH and _is_holder(node, depth, name)):
            raise _Enough
        if not reader.comma():
            break
    reader.take("]")


def _named(root: _Node, path: Path, file: DataFile) -> Plan:
    node = root
    for key in path:
        if key not in node.children:
            raise InputError("data.no_records", path=file.path, name=".".join(path))
        node = node.children[key]
    return _decide(node, path) or Plan("one", path)


def _is_holder(node: _Node, depth: int, name: str) -> bool:
    return depth == 1 and name in _HOLDERS and _holds_rows(node)


def _holds_rows(node: _Node) -> bool:
    return node.kind == "list" and any(
        (type(v) is dict and not is_turn(v)) or (type(v) is list and v and is_turn(v[0]))
        for v in node.sample
    )


def _says_something(node: _Node) -> bool:
    """Whether a value is a text of several words, or a list of those: a task's definition."""
    texts = [value for value in node.sample if isinstance(value, str)]
    return 0 < len(texts) == len(node.sample) and any(text.count(" ") > 1 for text in texts)


def _decide(node: _Node, path: Path, *, lists: bool = True) -> Plan | None:
    """The plan of a value; ``None`` where nothing in it looks like several rows."""
    if node.kind == "list":
        if not node.count:
            return None
        whole = all(type(value) is dict and is_turn(value) for value in node.sample)
        return Plan("conversation" if whole else "list", path, tuple(node.sample))
    kids = node.children
    if node.kind != "object" or not kids:
        return None
    parts = parts_of(kids)
    if "train" in parts:
        plans = {part: _decide(kids[name], (*path, name)) for part, name in parts.items()}
        rows = {part: plan for part, plan in plans.items() if plan is not None}
        if "train" in rows:
            others = [
                name for name in kids if name not in parts.values() and kids[name].kind == "list"
            ]
            return Plan("parts", path, parts=rows, left_out=_joined(path, others))
    if {"columns", "data"} <= set(kids) and _all_of(kids["data"].sample, list):
        return Plan("split", path)
    holders = {name: kid for name, kid in kids.items() if _holds_rows(kid)}
    if holders:
        best = next((name for name in _HOLDERS if name in holders), None)
        best = best or max(holders, key=lambda name: holders[name].count)
        plan = _decide(holders[best], (*path, best))
        others = [name for name in holders if name not in (best, "features")]
        if plan is None or plan.way == "parts":
            return plan
        classes = class_names(kids["features"].sample) if "features" in kids else {}
        aside = _joined(path, [name for name, kid in kids.items() if _says_something(kid)])
        return replace(plan, left_out=_joined(path, others), aside=aside, classes=classes)
    found = _table(node, path) or _deeper(node, path, lists=False)
    return found or (_deeper(node, path) or _lists(node, path) if lists else None)


def _joined(path: Path, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(".".join((*path, name)) for name in names)


def _table(node: _Node, path: Path) -> Plan | None:
    """A table by columns or by row labels."""
    kids = node.children
    kinds = {kid.kind for kid in kids.values()}
    texts = kinds == {"scalar"} and all(_all_of(kid.sample, str) for kid in kids.values())
    if texts and len(kids) >= _MANY_PAIRS and 2 * sum(" " in name for name in kids) > len(kids):
        return Plan("pairs", path)
    if kinds == {"object"}:
        inner = [frozenset(kid.children) for kid in kids.values()]
        common = frozenset.intersection(*inner)
        same = sum(keys == inner[0] for keys in inner) > 0.9 * len(inner)
        if inner[0] and same and all(key.isdecimal() for key in inner[0]):
            return Plan("columns", path)
        if len(kids) > 1 and common and all(key.isdecimal() for key in kids):
            return Plan("index", path)
        if len(kids) > 2 and len(common) > 1 and same:
            return Plan("index" if len(kids) > len(common) else "columns", path)
    return None


def _lists(node: _Node, path: Path) -> Plan | None:
    """A table as lists, one a column, or conversations by their names."""
    kids = node.children
    if {kid.kind for kid in kids.values()} != {"list"}:
        return None
    turns = [bool(kid.sample) and _all_turns(kid.sample) for kid in kids.values()]
    if all(turns) and len(kids) > 1 and not _COLUMN_OF_TURNS & set(kids):
        return Plan("index", path)
    counts = {kid.count for kid in kids.values()}
    return Plan("lists", path) if not any(turns) and len(counts) == 1 and counts != {0} else None


def _deeper(node: _Node, path: Path, *, lists: bool = True) -> Plan | None:
    for name, kid in node.children.items():
        if kid.kind == "object" and (found := _decide(kid, (*path, name), lists=lists)):
            return found
    return None


def _all_of(values: Sequence[Any], kind: type) -> bool:
    return bool(values) and all(type(value) is kind for value in values)


def _all_turns(values: Sequence[Any]) -> bool:
    return all(type(value) is dict and is_turn(value) for value in values)


# --- rows ------------------------------------------------------------------------------------


def document_rows(
    file: DataFile, pieces: Iterator[bytes], plan: Plan, report: Report
) -> Iterator[Sized]:
    """``(row, bytes)`` of every row, about how large it is in bytes."""
    reader = _Reader(file, pieces)
    try:
        _go_to(reader, plan.path)
        if plan.way in ("list", "values"):
            yield from _elements(reader, plan, report)
            return
        start = reader.at
        value = whole_characters(reader.value(_TABLE_BYTES))
        size = reader.at - start
        if plan.way == "one" and is_too_deep(reader.text[start : reader.at]):
            raise RecursionError
    except (json.JSONDecodeError, RecursionError) as exc:
        raise reader.wrong(exc) from exc
    rows = _of_table(value, plan.way)
    for row in rows:
        yield row, size // len(rows)


def _go_to(reader: _Reader, path: Path) -> None:
    for key in path:
        reader.take("{")
        while True:
            found = reader.key()
            reader.take(":")
            if found == key:
                break
            _pass_over(reader)
            reader.take(",")


def _pass_over(reader: _Reader) -> None:
    """Read past a value of any size."""
    _outline(reader, _Node("empty"), _DEEPEST if reader.peek() != "{" else 0, "")


def _elements(reader: _Reader, plan: Plan, report: Report) -> Iterator[Sized]:
    inside = plan.way == "list"
    maker = RowMaker(plan.sample)
    end = "]" if inside else ""
    broken = False
    if inside:
        reader.take("[")
    while reader.peek() not in (end, ""):
        start, character = reader.at, reader.text[reader.at : reader.at + 1]
        held = reader.text
        try:
            value = reader.value()
        except (json.JSONDecodeError, RecursionError) as exc:
            start = reader.at
            at = exc.pos if isinstance(exc, json.JSONDecodeError) else start
            report(BrokenLine(reader.line(at), json_reason(exc)))
            broken = True
            if not character or not reader.next_line_like(start):
                raise
            continue
        if reader.text is not held:
            start = max(0, reader.at - 1)  # the text was moved: the size is about right
        text = reader.text[start : reader.at]
        if len(text) > LINE_BYTES:
            report(too_long(reader.line(start)))
            reader.comma()
            continue
        if is_too_deep(text):
            report(BrokenLine(reader.line(start), Phrase("line.deep")))
            reader.comma()
            continue
        if "\\u" in text:
            value = whole_characters(value)
        if (key := repeated_key(value, text)) is not None:
            report(BrokenLine(reader.line(start), Phrase("line.repeated_key", key=key), used=True))
        row = maker.row(value)
        if row is None:
            report(BrokenLine(reader.line(start), Phrase("line.no_object")))
        elif row:
            put_names(row, plan.classes)
            yield row, len(text)
        if not reader.comma() and inside:
            break
    if inside and not broken:
        reader.take("]")


def _of_table(value: Any, way: str) -> list[dict[str, Any]]:
    if way == "conversation":
        return [{"messages": value}]
    if way == "one":
        return [value] if type(value) is dict and value else []
    if way == "split":
        maker = RowMaker((), names=[str(name) for name in value["columns"]])
        rows = (maker.row(cells) for cells in value["data"])
        return [row for row in rows if row]
    if way == "pairs":
        return [{"key": name, "value": text} for name, text in value.items()]
    if way == "lists":
        names, columns = list(value), list(value.values())
        return [dict(zip(names, cells, strict=False)) for cells in zip(*columns, strict=False)]
    if way == "columns":
        labels = dict.fromkeys(label for column in value.values() for label in column)
        table = {
            label: {name: column.get(label) for name, column in value.items()} for label in labels
        }
    else:
        table = {
            label: row if type(row) is dict else {"messages": row} for label, row in value.items()
        }
    if all(label.isdecimal() for label in table):
        return list(table.values())
    return [row | {"index": label} if "index" not in row else row for label, row in table.items()]
