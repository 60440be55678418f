"""A part of the rows, as Python and the splits of the hub write it: ``:4096``, ``10%:50%``,
``-128:``."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

_SLICE = re.compile(r"(?:(-?\d{1,18})(%?))?:(?:(-?\d{1,18})(%?))?")


class _Bound(NamedTuple):
    number: int
    percent: bool


class RowSlice(NamedTuple):
    """From ``start`` to before ``stop``; an absent one is the beginning or the end."""

    start: _Bound | None
    stop: _Bound | None

    def bounds(self, count: Callable[[], int]) -> tuple[int, int | None]:
        """The first row, and the one after the last; ``None`` goes to the end.

        *count* gives the number of all rows; it is asked only where the slice depends on it.
        """
        start = _row(self.start, count) if self.start is not None else 0
        return start, _row(self.stop, count) if self.stop is not None else None


def parse_slice(text: str) -> RowSlice | None:
    """A slice; ``None`` for a text that is none, or a share above 100 %."""
    found = _SLICE.fullmatch(text.replace(" ", ""))
    if found is None:
        return None
    bounds = [
        _Bound(int(number), percent == "%") if number else None
        for number, percent in ((found[1], found[2]), (found[3], found[4]))
    ]
    if any(bound is not None and bound.percent and abs(bound.number) > 100 for bound in bounds):
        return None
    return RowSlice(*bounds)


def _row(bound: _Bound, count: Callable[[], int]) -> int:
    if not bound.percent and bound.number >= 0:
        return bound.number
    rows = count()
    number = round(bound.number * rows / 100) if bound.percent else bound.number
    return max(0, number + rows) if number < 0 else number
