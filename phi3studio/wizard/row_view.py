"""Rows as the wizard shows them: with their edits, in fields that can be edited. No Qt."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from phi3studio.domain.datasets.source_report import RowPage
from phi3studio.domain.parsing import parse_json
from phi3studio.domain.rows.row_edits import Row, RowEdits

State = Literal["plain", "edited", "deleted", "added"]
_ROLES = ("role", "from", "speaker", "author")
_TEXTS = ("content", "value", "text", "message")


@dataclass(frozen=True)
class ShownRow:
    """A row of the source (or an added one) at ``place``, counted from 0, as it is after its
    edits. ``index`` is an added row's number among the added ones."""

    place: int
    key: str
    values: Row
    state: State = "plain"
    index: int = -1


def shown_rows(
    page: RowPage, repairs: Iterable[object], places: Sequence[int] = ()
) -> tuple[ShownRow, ...]:
    """The rows of a page after their edits. Added rows follow the source's last one; with
    *places*, those among them."""
    edits = RowEdits(repairs)
    numbers = page.numbers or range(page.offset, page.offset + len(page.rows))
    keys = page.keys or ("",) * len(page.rows)
    shown = [
        ShownRow(place, key, edits.shown(place, row, key), _state(edits, place, key))
        for place, key, row in zip(numbers, keys, page.rows, strict=True)
    ]
    if page.count is not None and (places or page.end):
        count = page.count
        shown += [
            ShownRow(count + index, "", row, "added", index)
            for index, row in enumerate(edits.added)
            if not places or count + index in places
        ]
    return tuple(shown)


def _state(edits: RowEdits, place: int, key: str) -> State:
    if place not in edits.places or not edits.fits(place, key):
        return "plain"
    return "deleted" if edits.deletes(place) else "edited"


@dataclass(frozen=True)
class Field:
    """A value that can be edited as text; ``json`` if the text is a JSON value. ``column`` and
    ``role`` name it."""

    place: str
    column: str
    text: str
    json: bool = False
    role: str = ""


def fields_of(row: Mapping[str, Any]) -> tuple[Field, ...]:
    """The fields of a row: one for each cell, and one for each turn of a conversation."""
    return tuple(field for name, value in row.items() for field in _fields(str(name), value))


def _fields(name: str, value: Any) -> list[Field]:
    if isinstance(value, str):
        return [Field(name, name, value)]
    if isinstance(value, list) and value:
        turns = [_turn(name, at, turn) for at, turn in enumerate(value)]
        found = [turn for turn in turns if turn is not None]
        if len(found) == len(value):
            return found
    return [Field(name, name, json.dumps(value, ensure_ascii=False), json=True)]


def _turn(name: str, at: int, turn: Any) -> Field | None:
    if not isinstance(turn, Mapping):
        return None
    role = next((turn[key] for key in _ROLES if isinstance(turn.get(key), str)), None)
    text = next((key for key in _TEXTS if isinstance(turn.get(key), str)), None)
    if role is None or text is None:
        return None
    return Field(f"{name}.{at}.{text}", name, turn[text], role=role)


def changed_values(
    fields: Sequence[Field], texts: Sequence[str]
) -> tuple[dict[str, Any], tuple[int, ...]]:
    """The new values by their place, and which of the texts are no valid JSON."""
    changed: dict[str, Any] = {}
    wrong: list[int] = []
    for at, (field, text) in enumerate(zip(fields, texts, strict=True)):
        if text == field.text:
            continue
        if not field.json:
            changed[field.place] = text
            continue
        try:
            changed[field.place] = parse_json(text)
        except ValueError:
            wrong.append(at)
    return changed, tuple(wrong)
