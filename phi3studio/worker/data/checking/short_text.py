"""Long values made fit to be shown."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

SHOWN_CHARACTERS = 400
_SHOWN_ITEMS = 50
_SHOWN_ROW = 20_000
_SHOWN_COLUMNS = 200
_DEEPEST = 6
_READ_COLUMNS = 8
_MARKS = {"\n": "↵ ", "\r": "␍", "\t": "⇥"}


def excerpt(text: str, length: int = 160) -> str:
    """The beginning of a text, on one line."""
    head = " ".join(text[: length * 2].split())
    return head if len(head) <= length and len(text) <= length * 2 else head[: length - 1] + "…"


def marked(text: str, length: int = 120) -> str:
    """The beginning of a text with marks for what cannot be seen: ``·`` for a space at the edge of
    a line, ``↵``, ``⇥``, and the code point of any other control or invisible character."""
    edges = re.sub(r"(?m)^ +| +$", lambda found: "·" * len(found[0]), text[:length])
    return "".join(map(_mark, edges))


def _mark(character: str) -> str:
    if character in _MARKS:
        return _MARKS[character]
    seen = character == " " or not unicodedata.category(character).startswith(("C", "Z"))
    return character if seen else f"⟨U+{ord(character):04X}⟩"


def row_text(row: dict[str, Any], length: int = 80) -> str:
    """A row as a person reads it: ``name: value`` of its first columns, ``∅`` for nothing."""
    values = shown_row({name: row[name] for name in list(row)[:_READ_COLUMNS]}, length)
    return " · ".join(f"{name}: {_value_text(value)}" for name, value in values.items())


def _value_text(value: Any) -> str:
    if value is None or (isinstance(value, str) and not value.strip()):
        return "∅"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def shown_row(row: dict[str, Any], length: int = SHOWN_CHARACTERS) -> dict[str, Any]:
    """A row as JSON values of bounded size: long texts, lists and objects are shortened."""
    names = list(row)[:_SHOWN_COLUMNS]
    length = min(length, max(40, _SHOWN_ROW // max(1, len(names))))
    return {str(name)[:200]: shown(row[name], length) for name in names}


def shown(value: Any, length: int = SHOWN_CHARACTERS, depth: int = 0) -> Any:
    """A value as JSON values of bounded size."""
    if isinstance(value, str):
        text = value if len(value) <= length else value[:length] + "…"
        return text.encode("utf-8", "replace").decode()
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else str(value)[:length]
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)
    if isinstance(value, (list, tuple)):
        if depth >= _DEEPEST:
            return "[…]"
        items = [shown(item, length, depth + 1) for item in value[:_SHOWN_ITEMS]]
        return [*items, "…"] if len(value) > _SHOWN_ITEMS else items
    if isinstance(value, dict):
        if depth >= _DEEPEST:
            return "{…}"
        names = list(value)[:_SHOWN_ITEMS]
        return {str(name)[:200]: shown(value[name], length, depth + 1) for name in names}
    return shown(str(value), length)
