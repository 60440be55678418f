"""What is wrong with a line: it cannot be used, or is used otherwise than it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from phi3studio.domain.messages import Phrase
from phi3studio.worker.data.reading.encoding import LINE_BYTES
from phi3studio.worker.data.reading.source_files import CHUNK


@dataclass(frozen=True)
class BrokenLine:
    """A line (from 1) and what is wrong with it. It is no row, unless it is *used* all the same."""

    line: int
    reason: Phrase
    used: bool = False


Report = Callable[[BrokenLine], None]


def too_long(number: int) -> BrokenLine:
    """A line that is longer than any data."""
    return BrokenLine(number, Phrase("line.long", limit=LINE_BYTES // CHUNK))


def not_utf8(number: int, exc: UnicodeDecodeError) -> BrokenLine:
    """A line with bytes that are no UTF-8."""
    byte = f"0x{exc.object[exc.start]:02X}"
    return BrokenLine(number, Phrase("line.bytes", byte=byte, column=exc.start + 1))
