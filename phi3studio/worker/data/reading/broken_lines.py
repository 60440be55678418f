"""Lines that cannot be used, told by their number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from phi3studio.worker.data.reading.encoding import LINE_BYTES
from phi3studio.worker.data.reading.source_files import CHUNK


@dataclass(frozen=True)
class BrokenLine:
    """A line (from 1) that is no row, why, and what to do about it."""

    line: int
    reason: str
    hint: str


Report = Callable[[BrokenLine], None]


def too_long(number: int) -> BrokenLine:
    """The report of a line that is longer than any data."""
    return BrokenLine(
        number,
        f"the line is longer than {LINE_BYTES // CHUNK} MiB",
        "Check that the file has line breaks between its rows.",
    )
