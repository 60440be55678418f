"""Long values made fit to be shown."""

from __future__ import annotations

from typing import Any

SHOWN_CHARACTERS = 400
_SHOWN_ITEMS = 50
_SHOWN_ROW = 20_000
_SHOWN_COLUMNS = 200
_DEEPEST = 6


def excerpt(text: str, length: int = 160) -> str:
    """The beginning of a text, on one line."""
    head = " ".join(text[: length * 2].split())
    return head if len(head) <= length and len(text) <= length * 2 else head[: length - 1] + "…"


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
