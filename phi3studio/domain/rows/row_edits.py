"""Edits of single rows: cells changed, rows left out and added, texts replaced.

An edit belongs to one row of the source as it was read: to its number (from 1, over all files)
and to its content, of which :func:`row_key` is a short digest. So an edit is refused, never
applied to another row, when the file has changed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, JsonValue

from phi3studio.domain.errors import InputError
from phi3studio.domain.rows.repair_base import RepairBase
from phi3studio.domain.template import column_of, lookup

Row = dict[str, Any]
_ROW = Field(ge=1, description="The row's number in the source, from 1.")
_KEY = Field(
    pattern=r"^[0-9a-f]{12}$",
    description="Digest of the row as it was read, as phi3studio rows show prints it.",
)


class EditCell(RepairBase):
    """Give a cell of one row, or a place in it, another value."""

    kind: Literal["edit_cell"] = "edit_cell"
    row: int = _ROW
    key: str = _KEY
    place: str = Field(min_length=1, description="A column, or a path into it: messages.1.content.")
    value: JsonValue = Field(description="The new value.")


class DeleteRow(RepairBase):
    """Leave one row out."""

    kind: Literal["delete_row"] = "delete_row"
    row: int = _ROW
    key: str = _KEY


class AddRow(RepairBase):
    """Add a row after those of the source."""

    kind: Literal["add_row"] = "add_row"
    values: dict[str, JsonValue] = Field(min_length=1, description="Column → value.")


class ReplaceText(RepairBase):
    """Replace a text wherever it stands in a column; in a conversation, in its turns."""

    kind: Literal["replace_text"] = "replace_text"
    column: str = Field(min_length=1)
    find: str = Field(min_length=1, description="The text, as it stands; no pattern.")
    by: str = ""
    match_case: bool = True
    whole_words: bool = False


ROW_EDITS = (EditCell, DeleteRow, AddRow)
"""Edits that belong to the rows of one source; :class:`ReplaceText` fits any."""


def row_key(row: Mapping[str, Any]) -> str:
    """A short digest of a row as it was read."""
    text = json.dumps(row, default=str, skipkeys=True)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


class RowEdits:
    """The edits among a recipe's repairs, found by the place of a row (from 0)."""

    def __init__(self, repairs: Iterable[object]) -> None:
        self._cells: dict[int, list[EditCell]] = {}
        self._deleted: dict[int, DeleteRow] = {}
        self.added: tuple[Row, ...] = ()
        for repair in repairs:
            if isinstance(repair, EditCell):
                self._cells.setdefault(repair.row - 1, []).append(repair)
            elif isinstance(repair, DeleteRow):
                self._deleted[repair.row - 1] = repair
            elif isinstance(repair, AddRow):
                self.added += (dict(repair.values),)
        self.places = frozenset(self._cells) | frozenset(self._deleted)

    def apply(self, place: int, row: Row) -> Row | None:
        """The row as edited; ``None`` if it is left out. Raises :class:`InputError` where the row
        is not the one that was edited."""
        if place not in self.places:
            return row
        if not self.fits(place, row_key(row)):
            raise InputError("data.edited_row", row=place + 1)
        return None if self.deletes(place) else self._changed(place, row)

    def _changed(self, place: int, row: Row) -> Row:
        for edit in self._cells.get(place, ()):
            row = put(row, edit.place, edit.value)
        return row

    def fits(self, place: int, key: str) -> bool:
        """Whether the edits of the row at *place* are those of the row with this key."""
        deleted = self._deleted.get(place)
        edits = (*self._cells.get(place, ()), *([deleted] if deleted else []))
        return all(edit.key == key for edit in edits)

    def deletes(self, place: int) -> bool:
        """Whether the row at *place* is left out."""
        return place in self._deleted

    def shown(self, place: int, row: Row, key: str) -> Row:
        """The row as edited where the edits fit its key, else as it is: for showing it, when it
        may have been shortened."""
        if place not in self.places or not self.fits(place, key):
            return row
        try:
            return self._changed(place, row)
        except InputError:
            return row

    def check_reach(self, rows: int) -> None:
        """Raise :class:`InputError` if a row is edited that a source of so many rows lacks."""
        last = max(self.places, default=-1)
        if last >= rows:
            raise InputError("data.edited_row", variant="missing", row=last + 1, rows=rows)


def put(row: Row, place: str, value: Any) -> Row:
    """A copy of *row* in which *place*, a column or a dotted path, holds *value*.

    Raises :class:`InputError` for a path that leads nowhere.
    """
    column = column_of(row, place)
    if column is None:
        if "." in place:
            raise InputError("data.edit_place", place=place)
        return {**row, place: value}
    rest = place[len(column.strip()) + 1 :] if column.strip() != place.strip() else ""
    if column == place or not rest:
        return {**row, column: value}
    try:
        lookup(row, place)
    except KeyError as exc:
        raise InputError("data.edit_place", place=place) from exc
    return {**row, column: _put(row[column], rest.split("."), value)}


def _put(value: Any, path: Sequence[str], new: Any) -> Any:
    if not path:
        return new
    if isinstance(value, Mapping):
        return {**value, path[0]: _put(value[path[0]], path[1:], new)}
    at = int(path[0])
    return [*value[:at], _put(value[at], path[1:], new), *value[at + 1 :]]


def replaced(text: str, repair: ReplaceText) -> str:
    """*text* with the found text replaced."""
    if repair.match_case and not repair.whole_words:
        return text.replace(repair.find, repair.by)
    pattern = re.escape(repair.find)
    if repair.whole_words:
        pattern = rf"(?<!\w){pattern}(?!\w)"
    return re.sub(
        pattern, lambda _: repair.by, text, flags=0 if repair.match_case else re.IGNORECASE
    )
