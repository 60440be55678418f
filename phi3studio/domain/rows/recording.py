"""Edits recorded among the repairs of a recipe, and taken back again. Pure.

Places count from 0. Rows that were added follow those of the source; edits of them change the
recorded row itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from phi3studio.domain.errors import InputError
from phi3studio.domain.rows.row_edits import AddRow, DeleteRow, EditCell, ReplaceText, put

T = TypeVar("T")


def with_cells(
    repairs: Sequence[T], place: int, key: str, values: Mapping[str, Any]
) -> tuple[T | EditCell, ...]:
    """Give cells of the row at *place* other values: place in the row → value."""
    kept = [
        repair
        for repair in repairs
        if not (isinstance(repair, EditCell) and repair.row == place + 1 and repair.place in values)
    ]
    edits = [
        EditCell(row=place + 1, key=key, place=name, value=value) for name, value in values.items()
    ]
    return (*kept, *edits)


def with_added_cells(
    repairs: Sequence[T], index: int, values: Mapping[str, Any]
) -> tuple[T | AddRow, ...]:
    """Give cells of the added row *index* other values."""
    at = _added(repairs)[index]
    old = repairs[at]
    assert isinstance(old, AddRow)
    row = dict(old.values)
    for name, value in values.items():
        row = put(row, name, value)
    return (*repairs[:at], AddRow(values=row), *repairs[at + 1 :])


def with_deleted(repairs: Sequence[T], place: int, key: str) -> tuple[T | DeleteRow, ...]:
    """Leave the row at *place* out."""
    kept = tuple(r for r in repairs if not (isinstance(r, DeleteRow) and r.row == place + 1))
    return (*kept, DeleteRow(row=place + 1, key=key))


def without_added(repairs: Sequence[T], index: int) -> tuple[T, ...]:
    """Take the added row *index* back."""
    at = _added(repairs)[index]
    return (*repairs[:at], *repairs[at + 1 :])


def with_restored(repairs: Sequence[T], place: int) -> tuple[T, ...]:
    """Take back every edit of the row at *place*."""
    return tuple(
        repair
        for repair in repairs
        if not (isinstance(repair, (EditCell, DeleteRow)) and repair.row == place + 1)
    )


def without_last(repairs: Sequence[T]) -> tuple[tuple[T, ...], T]:
    """Take the last edit back; returns the rest and what was taken back."""
    for at in reversed(range(len(repairs))):
        if is_edit(repairs[at]):
            return (*repairs[:at], *repairs[at + 1 :]), repairs[at]
    raise InputError("data.no_edit")


def is_edit(repair: object) -> bool:
    """Whether a repair was made by hand."""
    return isinstance(repair, (EditCell, DeleteRow, AddRow, ReplaceText))


def _added(repairs: Sequence[object]) -> list[int]:
    return [at for at, repair in enumerate(repairs) if isinstance(repair, AddRow)]
