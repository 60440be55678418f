"""The rows of a JSON document, read in a stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from phi3studio.domain.messages import Phrase
from phi3studio.worker.data.reading.broken_lines import BrokenLine, Report, too_long
from phi3studio.worker.data.reading.class_labels import put_names
from phi3studio.worker.data.reading.encoding import LINE_BYTES
from phi3studio.worker.data.reading.json_files.json_layout import Path, Plan, pass_over, table_keys
from phi3studio.worker.data.reading.json_files.json_rows import (
    RowMaker,
    Sized,
    is_too_deep,
    items_of,
    json_reason,
    page_key,
    repeated_key,
    whole_characters,
)
from phi3studio.worker.data.reading.json_files.json_stream import TABLE_BYTES, JsonStream
from phi3studio.worker.data.reading.source_files import DataFile


def document_rows(
    file: DataFile, pieces: Iterator[bytes], plan: Plan, report: Report
) -> Iterator[Sized]:
    """``(row, bytes)`` of every row, about how large it is in bytes."""
    reader = JsonStream(file, pieces)
    try:
        _go_to(reader, plan.path)
        if plan.way in ("list", "pages", "values"):
            yield from _elements(reader, plan, report)
            while _follows(reader, plan):
                yield from _elements(reader, plan, report)
        else:
            yield from _tabled(reader, plan)
            while plan.way == "conversation" and _follows(reader, plan):
                yield from _tabled(reader, plan)
    except (json.JSONDecodeError, RecursionError) as exc:
        raise reader.wrong(exc) from exc
    if not file.inside:
        _finish(reader, plan, report)


def _follows(reader: JsonStream, plan: Plan) -> bool:
    """Whether another list stands after the document's: a program appended to the file."""
    if plan.path:
        return False
    reader.comma()
    return reader.peek() == "["


def _finish(reader: JsonStream, plan: Plan, report: Report) -> None:
    """Read to the document's end, and report what follows it: nobody reads that."""
    try:
        for _ in plan.path:
            while reader.comma():
                reader.key()
                reader.take(":")
                pass_over(reader)
            if reader.peek() == "}":
                reader.take("}")
        if reader.peek():
            report(BrokenLine(reader.line(reader.at), Phrase("line.after")))
    except (json.JSONDecodeError, RecursionError) as exc:
        at = exc.pos if isinstance(exc, json.JSONDecodeError) else reader.at
        report(BrokenLine(reader.line(at), json_reason(exc)))


def _tabled(reader: JsonStream, plan: Plan) -> Iterator[Sized]:
    """The rows of a value that is read as a whole."""
    reader.peek()
    start = reader.at
    value = whole_characters(reader.value(TABLE_BYTES))
    size = reader.at - start
    if plan.way == "one" and is_too_deep(reader.text[start : reader.at]):
        raise RecursionError
    rows = _of_table(value, plan.way)
    for row in rows:
        yield row, size // len(rows)


def _go_to(reader: JsonStream, path: Path) -> None:
    for key in path:
        reader.take("{")
        while True:
            found = reader.key()
            reader.take(":")
            if found == key:
                break
            pass_over(reader)
            reader.take(",")


def _elements(reader: JsonStream, plan: Plan, report: Report) -> Iterator[Sized]:
    inside = plan.way != "values"
    page = plan.inside if inside else None
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
        if page is None:
            page = page_key([value])
        items = items_of(value, page)
        for item in items:
            row = maker.row(item)
            if row is None:
                report(BrokenLine(reader.line(start), Phrase("line.no_object")))
            elif row:
                put_names(row, plan.classes)
                yield row, len(text) // len(items)
        if not reader.comma() and inside:
            break
    if inside and (not broken or reader.peek() == "]"):
        reader.take("]")


def _of_table(value: Any, way: str) -> list[dict[str, Any]]:
    if way == "conversation":
        return [{"messages": value}]
    if way == "one":
        return [value] if type(value) is dict and value else []
    if way == "split":
        head, cells = table_keys(value)
        heads = [name.get("name") if type(name) is dict else name for name in value[head]]
        maker = RowMaker((), names=list(map(str, heads)))
        rows = (maker.row(row) for row in value[cells])
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
