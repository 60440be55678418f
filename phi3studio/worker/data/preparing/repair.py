"""Repairs that look at one row: its values are changed, or it is left out.

The order is fixed (replace texts, undo wrong decodings, remove what is invisible, tags, secrets,
white space, then labels, then decide about leaving out), so that the order in which a user chose
the repairs does not matter. Rows are copied before they are changed.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from phi3studio.domain.recipe import Data
from phi3studio.domain.rows.repairs import DropMarked, DropSecrets, MergeLabels, Redact
from phi3studio.domain.rows.row_edits import ReplaceText, put, replaced
from phi3studio.domain.template import is_blank, lookup, parse_template
from phi3studio.worker.data.preparing import personal_data, text_defects

Row = dict[str, Any]
TextFn = Callable[[str], str]


class RowRepairs:
    """The row-wise repairs of one data section."""

    def __init__(self, data: Data, special_tokens: Sequence[str]) -> None:
        kinds = {repair.kind for repair in data.repairs}
        self._places = data.text_places
        self._required = data.required_columns
        self._rating = data.rating
        self._holds_turns = data.messages is not None
        sides = [data.template, data.worse.template if data.worse else None]
        self._answers = [
            parse_template(side.completion, "completion").columns for side in sides if side
        ]
        self._replacements = [r for r in data.repairs if isinstance(r, ReplaceText)]
        self._functions: list[TextFn] = []
        if "fix_mojibake" in kinds:
            self._functions.append(text_defects.fix_mojibake)
        if "strip_control" in kinds:
            self._functions.append(text_defects.strip_control)
        if "remove_tags" in kinds:
            tags = re.compile(text_defects.tag_pattern(text_defects.tags_of(special_tokens)))
            self._functions.append(lambda text: text_defects.remove_tags(text, tags))
        for repair in data.repairs:
            if isinstance(repair, Redact):
                what = repair.what
                self._functions.append(lambda text, what=what: personal_data.redact(text, what))  # type: ignore[misc]
        if "trim" in kinds:
            self._functions.append(str.strip)
        self._labels = [repair for repair in data.repairs if isinstance(repair, MergeLabels)]
        self._secrets = {
            kind
            for repair in data.repairs
            if isinstance(repair, DropSecrets)
            for kind in repair.what
        }
        self._drop_empty = "drop_empty" in kinds
        self._marked = [
            (repair.column, {value.strip().casefold() for value in repair.values})
            for repair in data.repairs
            if isinstance(repair, DropMarked)
        ]
        self.any = bool(
            self._replacements
            or self._functions
            or self._labels
            or self._secrets
            or self._drop_empty
            or self._marked
        )

    def apply(self, row: Row) -> tuple[Row, str | None]:
        """The repaired row, and the kind of the repair that leaves it out, if one does."""
        if not self.any:
            return row, None
        if any(_marks(_get(row, column), values) for column, values in self._marked):
            return row, "drop_marked"
        repaired = row
        for change in self._replacements:
            change_text = functools.partial(replaced, repair=change)
            repaired = map_texts(repaired, (change.column,), change_text)
        for function in self._functions:
            repaired = map_texts(repaired, self._places, function)
        for merge in self._labels:
            value = _get(repaired, merge.column)
            if isinstance(value, str) and value in merge.labels:
                repaired = put(repaired, merge.column, merge.labels[value])
        if self._drop_empty and self._is_empty(repaired):
            return repaired, "drop_empty"
        if self._secrets and any(
            next(personal_data.find(text, self._secrets), None)
            for text in texts_of(repaired, self._places)
        ):
            return repaired, "drop_secrets"
        return repaired, None

    def _is_empty(self, row: Row) -> bool:
        if self._rating is not None and is_blank(row, self._rating):
            return True
        if self._holds_turns:
            return any(_answers_nothing(row, place) for place in self._places)
        return any(is_blank(row, column) for column in self._required) or any(
            bool(columns) and all(is_blank(row, column) for column in columns)
            for columns in self._answers
        )


def _answers_nothing(row: Row, place: str) -> bool:
    turns = _get(row, place)
    if not isinstance(turns, list) or not turns:
        # A JSON text is looked into when it is rendered.
        return is_blank(row, place)
    answers = [
        str(turn.get("content", turn.get("value")) or "")
        for turn in turns
        if isinstance(turn, Mapping)
        and str(turn.get("role", turn.get("from"))) in ("assistant", "gpt", "model", "bot")
    ]
    tool_calls = any(isinstance(turn, Mapping) and turn.get("tool_calls") for turn in turns)
    return not tool_calls and (not answers or not all(answer.strip() for answer in answers))


def _marks(value: Any, values: set[str]) -> bool:
    """Whether a cell, or one of a list of cells, is one of *values*."""
    if isinstance(value, list):
        return any(_marks(item, values) for item in value)
    return not isinstance(value, Mapping) and str(value).strip().casefold() in values


def _get(row: Mapping[str, Any], path: str) -> Any:
    try:
        return lookup(row, path)
    except KeyError:
        return None


def map_texts(row: Row, places: Sequence[str], function: TextFn) -> Row:
    """A copy of *row* with *function* applied to the texts at *places*."""
    for place in places:
        value = _get(row, place)
        changed = _map(value, function)
        if changed is not value:
            row = put(row, place, changed)
    return row


def _map(value: Any, function: TextFn) -> Any:
    if isinstance(value, str):
        new = function(value)
        return value if new == value else new
    if isinstance(value, list):
        items = [_map(item, function) for item in value]
        same = all(new is old for new, old in zip(items, value, strict=True))
        return value if same else items
    if isinstance(value, dict):
        # Roles are names, not texts.
        found = {
            key: item if key in ("role", "from", "name", "type") else _map(item, function)
            for key, item in value.items()
        }
        return value if all(found[key] is value[key] for key in value) else found
    return value


def texts_of(row: Mapping[str, Any], places: Sequence[str]) -> list[str]:
    """The texts at *places* of a row."""
    found: list[str] = []
    for place in places:
        _collect(_get(row, place), found)
    return found


def _collect(value: Any, found: list[str]) -> None:
    if isinstance(value, str):
        found.append(value)
    elif isinstance(value, list):
        for item in value:
            _collect(item, found)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in ("role", "from", "name", "type"):
                _collect(item, found)
