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
        self._columns = data.template.columns if data.template else ()
        self._required = data.template.required if data.template else ()
        completion = data.template.completion if data.template else ""
        self._answers = parse_template(completion, "completion").columns
        self._messages = data.messages
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
            repaired = map_texts(
                repaired, (change.column,), None, functools.partial(replaced, repair=change)
            )
        for function in self._functions:
            repaired = map_texts(repaired, self._columns, self._messages, function)
        for merge in self._labels:
            value = _get(repaired, merge.column)
            if isinstance(value, str) and value in merge.labels:
                repaired = put(repaired, merge.column, merge.labels[value])
        if self._drop_empty and self._is_empty(repaired):
            return repaired, "drop_empty"
        if self._secrets and any(
            next(personal_data.find(text, self._secrets), None)
            for text in texts_of(repaired, self._columns, self._messages)
        ):
            return repaired, "drop_secrets"
        return repaired, None

    def _is_empty(self, row: Row) -> bool:
        if self._messages is None:
            blank = (is_blank(row, column) for column in self._answers)
            return any(is_blank(row, column) for column in self._required) or (
                bool(self._answers) and all(blank)
            )
        turns = _get(row, self._messages)
        if not isinstance(turns, list) or not turns:
            # A JSON text is looked into when it is rendered.
            return is_blank(row, self._messages)
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


def map_texts(row: Row, columns: Sequence[str], messages: str | None, function: TextFn) -> Row:
    """A copy of *row* with *function* applied to the texts that reach the model."""
    for column in (messages,) if messages is not None else columns:
        value = _get(row, column)
        changed = _map(value, function)
        if changed is not value:
            row = put(row, column, changed)
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


def texts_of(row: Mapping[str, Any], columns: Sequence[str], messages: str | None) -> list[str]:
    """The texts of a row that reach the model."""
    found: list[str] = []
    for column in (messages,) if messages is not None else columns:
        _collect(_get(row, column), found)
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
