"""Rows of a source, in batches: the one way by which rows enter the program."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from phi3studio.domain.dataset import Broken, Source
from phi3studio.domain.errors import InputError
from phi3studio.worker.data.reading.broken_lines import BrokenLine
from phi3studio.worker.data.reading.read_tables import (
    SizedRows,
    hub_rows,
    table_batches,
    table_rows,
)
from phi3studio.worker.data.reading.read_text import text_rows
from phi3studio.worker.data.reading.sniff import Layout, examine
from phi3studio.worker.data.reading.source_files import Bounded, DataFile

Row = dict[str, Any]
BATCH_ROWS = 2000
BATCH_BYTES = 8 * 1024 * 1024
_MOST_BROKEN = 1000


@dataclass(frozen=True)
class Batch:
    """Rows ``first``, ``first + 1`` … of a source. ``done`` and ``total`` count bytes on disk;
    ``size`` is about how many bytes the rows' texts have."""

    first: int
    rows: list[Row]
    done: int
    total: int
    size: int


class RowSource:
    """A source that was looked at, to be read from the beginning as often as needed.

    Every reading gives the same rows: files are read up to the size that they had at first.
    ``broken`` lists the lines that the last reading could not use (the first thousand of them;
    ``broken_count`` counts all), ``sha256`` the digests of the files once they were read.
    """

    def __init__(self, source: Source, *, lenient: bool | None = None) -> None:
        self.source = source
        self._lenient = _is_lenient(source) if lenient is None else lenient
        self.layout = Layout((), "hub") if source.format == "hub" else examine(source)
        self.broken: list[Broken] = []
        self.broken_count = 0
        self.sha256: dict[str, str] = {}

    def batches(self, *, batch_rows: int = BATCH_ROWS, hashed: bool = False) -> Iterator[Batch]:
        """All rows. Raises :class:`InputError` at the first broken line unless lenient."""
        self.broken, self.broken_count = [], 0
        first, before, total = 0, 0, self.layout.bytes
        if self.layout.format == "hub":
            for rows, size in _in_batches(hub_rows(self.source), batch_rows):
                yield Batch(first, rows, first + len(rows), 0, size)
                first += len(rows)
            return
        tables = self.layout.format in ("parquet", "arrow")
        for file in self.layout.files:
            expected = table_rows(file, self.layout.format) if tables else 0
            with Bounded(file, hashed=hashed) as raw:
                inside = 0
                for rows, size in self._of_file(file, raw, batch_rows):
                    inside += len(rows)
                    read = raw.read_bytes
                    if tables:
                        read = file.size * inside // max(inside, expected)
                    yield Batch(first, rows, before + min(read, file.size), total, size)
                    first += len(rows)
                if hashed:
                    self.sha256[str(file.path)] = raw.sha256()
            before += file.size

    def known_rows(self) -> int | None:
        """The number of rows, where the files tell it without being read."""
        if self.layout.format not in ("parquet", "arrow"):
            return None
        counts = [table_rows(file, self.layout.format) for file in self.layout.files]
        return sum(counts) if all(counts) else None

    def rows(self) -> Iterator[Row]:
        """All rows, one by one."""
        for batch in self.batches(batch_rows=200):
            yield from batch.rows

    def _of_file(self, file: DataFile, raw: Bounded, batch_rows: int) -> Iterator[SizedRows]:
        layout = self.layout
        if layout.format in ("parquet", "arrow"):
            yield from table_batches(file, layout.format, batch_rows, BATCH_BYTES)
            return
        report: Callable[[BrokenLine], None] = lambda broken: self._broken(file, broken)  # noqa: E731
        yield from _in_batches(text_rows(layout, file, raw, report), batch_rows)

    def _broken(self, file: DataFile, broken: BrokenLine) -> None:
        self.broken_count += 1
        if not self._lenient:
            raise InputError(
                f"data.broken_{self.layout.format}",
                f"{file.path}, line {broken.line}: {broken.reason}.",
                broken.hint + " Or set data.skip_broken: true to leave such lines out.",
            )
        if len(self.broken) < _MOST_BROKEN:
            self.broken.append(Broken(file=file.path.name, line=broken.line, reason=broken.reason))


def _is_lenient(source: Source) -> bool:
    repairs = getattr(source, "repairs", ())
    return source.skip_broken or any(repair.kind == "skip_broken" for repair in repairs)


def _in_batches(rows: Iterator[tuple[Row, int]], batch_rows: int) -> Iterator[SizedRows]:
    """Batches of at most so many rows and, roughly, :data:`BATCH_BYTES`."""
    batch: list[Row] = []
    held = 0
    for row, size in rows:
        batch.append(row)
        held += size
        if len(batch) >= batch_rows or held >= BATCH_BYTES:
            yield batch, held
            batch, held = [], 0
    if batch:
        yield batch, held
