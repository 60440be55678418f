"""Where the rows of a JSON document are.

A document is a list, an object that holds one, several values after one another, or a table by
columns.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from phi3studio.domain.errors import InputError
from phi3studio.worker.data.meaning.part_names import parts_of
from phi3studio.worker.data.reading.class_labels import Classes, class_names
from phi3studio.worker.data.reading.json_files.json_rows import HOLDERS, is_turn, page_key
from phi3studio.worker.data.reading.json_files.json_stream import TABLE_BYTES, JsonStream
from phi3studio.worker.data.reading.source_files import DataFile

Path = tuple[str, ...]
_SAMPLE = 20
_KEYS = 200
_DEEPEST = 4
_ENOUGH = 1000
_LIST_END = re.compile(r"\]\s*(?=,)")
# The names and the rows of a table that an interface or a database answers with.
_NAMES, _CELLS = ("columns", "cols", "headers", "header", "fields"), ("data", "rows", "values")
_COLUMN_OF_TURNS = frozenset(("messages", "conversations", "conversation", "chosen", "rejected"))
_MANY_PAIRS = 4
"""An object of fewer texts is a row, whatever its names are."""


@dataclass(frozen=True)
class Plan:
    """Where the rows are: ``way`` is list (elements at ``path``), pages (elements of the lists that
    its elements have at ``inside``), values (one after another, pages among them), one (the value
    at ``path`` is a row), conversation (a list of turns), pairs (an object whose names are texts
    too), or a table: columns, index, split, lists. ``parts`` are the plans of train, validation and
    test, ``left_out`` other lists of rows, ``aside`` texts that stand next to the rows; ``classes``
    name labels that are numbers."""

    way: str
    path: Path = ()
    inside: str = ""
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


def plan_of(
    file: DataFile,
    pieces: Iterator[bytes],
    named: str | None = None,
    tail: Callable[[], str] = str,
) -> Plan | None:
    """Where a document's rows are; ``None`` if it has none. *named*: the keys to them, joined by
    dots, if the recipe says it. *tail* reads the document's end: many rows are not read to know
    what stands after them."""
    reader = JsonStream(file, pieces)
    root = _Node("empty")
    several = False
    try:
        _outline(reader, root, 0, "")
        # What is no value after a document is not one of its rows.
        again = reader.comma() or reader.peek() == "{"
        holder = any(map(_holds_rows, root.children.values()))
        several = root.kind == "object" and bool(reader.peek()) and (again or not holder)
    except _Enough:
        if root.kind == "object":
            root.children |= _after_rows(file, tail())
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


def _outline(reader: JsonStream, node: _Node, depth: int, name: str) -> None:
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
                reader.value(TABLE_BYTES)
            if not reader.comma():
                break
        reader.take("}")
    elif first:
        node.sample.append(reader.value(TABLE_BYTES))
        node.kind = "object" if type(node.sample[0]) is dict else "scalar"


def _outline_list(reader: JsonStream, node: _Node, depth: int, name: str) -> None:
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


def _after_rows(file: DataFile, end: str) -> dict[str, _Node]:
    """What stands between a list and the end of the document, which ends with *end*."""
    reader = JsonStream(file, iter(()))
    reader.text = end
    for match in _LIST_END.finditer(end):
        reader.at = match.end()
        found: dict[str, _Node] = {}
        try:
            while reader.comma():
                key = reader.key()
                reader.take(":")
                node = found[key] = _Node("empty")
                _outline(reader, node, 1, "")
            reader.take("}")
        except (InputError, ValueError, RecursionError):
            continue  # a list inside of a row
        if not reader.peek():
            return found
    return {}


def _named(root: _Node, path: Path, file: DataFile) -> Plan:
    node = root
    for key in path:
        if key not in node.children:
            raise InputError("data.no_records", path=file.path, name=".".join(path))
        node = node.children[key]
    return _decide(node, path) or Plan("one", path)


def _is_holder(node: _Node, depth: int, name: str) -> bool:
    return depth == 1 and name in HOLDERS and _holds_rows(node)


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
        page = page_key(node.sample)
        if page:
            sample = [row for value in node.sample for row in value[page]]
            return Plan("pages", path, page, tuple(sample[:_SAMPLE]))
        return Plan("conversation" if whole else "list", path, sample=tuple(node.sample))
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
    if table_keys(kids) and _all_of(kids[table_keys(kids)[1]].sample, list):
        return Plan("split", path)
    holders = {name: kid for name, kid in kids.items() if _holds_rows(kid)}
    if holders:
        best = next((name for name in HOLDERS if name in holders), None)
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


def table_keys(keys: Container[str]) -> tuple[str, ...]:
    """The keys of a table's names and rows, if an object has both."""
    found = [next((key for key in some if key in keys), "") for some in (_NAMES, _CELLS)]
    return tuple(found) if all(found) else ()


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


def pass_over(reader: JsonStream) -> None:
    """Read past a value of any size."""
    _outline(reader, _Node("empty"), _DEEPEST if reader.peek() != "{" else 2, "")
