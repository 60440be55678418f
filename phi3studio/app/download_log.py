"""What was brought from outside: one line for each download, for the user to read.

``downloads.jsonl`` in the data directory, append-only: ``{"v":1,"t":…,"what":…,"kind":…,
"hosts":[…],"bytes":…,"outcome":…}``.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from phi3studio.domain.errors import Cancelled
from phi3studio.domain.parsing import parse_json

Kind = Literal["model", "data", "runtime"]
Outcome = Literal["done", "stopped", "failed"]
"""``stopped``: paused or cancelled by the user."""

Arrived = tuple[tuple[str, ...], int]
"""The hosts that bytes came from, and how many."""

_VERSION = 1
# More lines than anyone reads; the file is small compared with any model.
_TAIL_BYTES = 512 * 1024


@dataclass(frozen=True)
class Download:
    """One download. ``t``: its end, in seconds since the epoch. ``bytes``: what arrived; of a
    data set that was streamed, what its rows take.
    """

    t: float
    what: str
    kind: Kind
    hosts: tuple[str, ...]
    bytes: int
    outcome: Outcome


class DownloadLog:
    """The list of one data directory."""

    def __init__(self, root: Path) -> None:
        self.file = root / "downloads.jsonl"

    def record(
        self, what: str, kind: Kind, hosts: tuple[str, ...], size: int, outcome: Outcome
    ) -> None:
        """Append one download; nothing that arrived is nothing to list.

        A file that cannot be written is passed over: the download itself is not at fault.
        """
        if size <= 0:
            return
        entry = Download(time.time(), what, kind, hosts, size, outcome)
        line = json.dumps({"v": _VERSION, **asdict(entry)}) + "\n"
        with contextlib.suppress(OSError):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            # One write of one short line: appends of several processes do not mix.
            with self.file.open("ab", buffering=0) as file:
                file.write(line.encode("ascii"))

    @contextlib.contextmanager
    def recording(self, what: str, kind: Kind, came: Callable[[], Arrived]) -> Iterator[None]:
        """Append what the block downloads, however it ends; *came* says what it was."""
        outcome: Outcome = "failed"
        try:
            yield
            outcome = "done"
        except Cancelled:
            outcome = "stopped"
            raise
        finally:
            self.record(what, kind, *came(), outcome)

    def read(self, most: int = 200) -> list[Download]:
        """The newest *most* downloads, newest first; damaged lines are passed over."""
        try:
            with self.file.open("rb") as file:
                file.seek(max(0, self.file.stat().st_size - _TAIL_BYTES))
                lines = file.read().splitlines()
        except OSError:
            return []
        found = []
        for line in reversed(lines):
            entry = _parse(line)
            if entry is not None:
                found.append(entry)
            if len(found) == most:
                break
        return found


def _parse(line: bytes) -> Download | None:
    try:
        values = parse_json(line)
        kind, outcome = values["kind"], values["outcome"]
        if values["v"] != _VERSION or kind not in get_args(Kind):
            return None
        if outcome not in get_args(Outcome):
            return None
        hosts = tuple(str(host) for host in values["hosts"])
        return Download(
            float(values["t"]), str(values["what"]), kind, hosts, int(values["bytes"]), outcome
        )
    except (ValueError, KeyError, TypeError):
        return None
