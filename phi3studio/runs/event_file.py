"""Reading ``events.jsonl``: whole, or in bounded time and memory however long it is.

Lines that are no events are passed over. Raises :class:`RunError` for a file that cannot be read,
and for events of a version that this program does not know.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path

from phi3studio.domain.errors import RunError
from phi3studio.domain.events.event_line import Event, parse_event

CURVE_POINTS = 4000
"""So many progress events draw a curve; more cannot be seen."""

# A finished run's last events (metrics, artifacts, finished) fit in here many times over; the
# head holds the first attempt's start. What lies between is progress, which lists do not show.
_SUMMARY_BYTES = 48 * 1024
_HEAD_BYTES = 2 * 1024
# The longest event, a model's answers, has a hundredth of it.
_LONGEST_LINE = 4 * 1024 * 1024
_CHUNK = 1024 * 1024
# A real run writes some hundreds besides its progress.
_MOST_OTHERS = 2000
_PROGRESS = b'"type": "progress"'


def all_events(file: Path) -> Iterator[Event]:
    """Every event, up to the last complete line."""
    return parse_lines(_lines(file))


def few_events(file: Path, progress: int) -> list[Event]:
    """About *progress* progress events, spread evenly, with the last one; and the others, of
    which a damaged file may have too many: then its first and its last ones."""
    first: list[tuple[int, bytes]] = []
    last: deque[tuple[int, bytes]] = deque(maxlen=_MOST_OTHERS)
    spread: list[tuple[int, bytes]] = []
    newest: tuple[int, bytes] | None = None
    seen, every = 0, 1
    for at, line in enumerate(_lines(file)):
        if _PROGRESS in line:
            newest = (at, line)
            if seen % every == 0:
                spread.append(newest)
                if len(spread) > 2 * progress:
                    del spread[1::2]
                    every *= 2
            seen += 1
        elif len(first) < _MOST_OTHERS:
            first.append((at, line))
        else:
            last.append((at, line))
    if newest is not None and newest not in spread[-1:]:
        spread.append(newest)
    return list(parse_lines(line for _, line in sorted([*first, *last, *spread])))


def head_and_tail(file: Path) -> tuple[list[Event], list[Event]]:
    """What lists show: the events at the beginning of a long file, and those at its end.

    Of progress only the last one, at a tenth of the time.
    """
    try:
        size = file.stat().st_size
        with file.open("rb") as opened:
            if size <= _SUMMARY_BYTES + _HEAD_BYTES:
                head, tail = b"", opened.read()
            else:
                head = opened.read(_HEAD_BYTES)
                opened.seek(size - _SUMMARY_BYTES)
                tail = opened.read()
                tail = tail[tail.find(b"\n") + 1 :]
    except FileNotFoundError:
        return [], []
    except OSError as exc:
        raise unreadable(file, exc) from exc
    lines = _complete(tail)
    passed_over = set([at for at, line in enumerate(lines) if _PROGRESS in line][:-1])
    shown = (line for at, line in enumerate(lines) if at not in passed_over)
    return list(parse_lines(_complete(head))), list(parse_lines(shown))


def parse_lines(lines: Iterator[bytes] | list[bytes]) -> Iterator[Event]:
    """Events of complete lines."""
    for line in lines:
        event = parse_event(line) if line.strip() else None
        if event is not None:
            yield event


def _complete(data: bytes) -> list[bytes]:
    return data.split(b"\n")[:-1]


def _lines(file: Path) -> Iterator[bytes]:
    """Complete lines without their ends; those too long for an event are left out."""
    rest, too_long = b"", False
    try:
        with file.open("rb") as opened:
            while chunk := opened.read(_CHUNK):
                *lines, last = chunk.split(b"\n")
                if lines:
                    if not too_long:
                        lines[0] = rest + lines[0]
                    yield from lines[1:] if too_long else lines
                    rest, too_long = last, False
                elif not too_long:
                    rest += last
                if len(rest) > _LONGEST_LINE:
                    rest, too_long = b"", True
    except FileNotFoundError:
        return
    except OSError as exc:
        raise unreadable(file, exc) from exc


def unreadable(file: Path, exc: OSError) -> RunError:
    """The error for a run's file that cannot be read."""
    return RunError(
        "run.unreadable", run=file.parent.name, folder=file.parent, reason=exc.strerror or str(exc)
    )
