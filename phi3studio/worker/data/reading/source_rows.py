"""Rows of a source, in batches: the one way by which rows enter the program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from phi3studio.domain.datasets.source import Source
from phi3studio.domain.datasets.source_report import Broken
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import Phrase
from phi3studio.domain.rows.row_edits import RowEdits
from phi3studio.domain.rows.row_slice import parse_slice
from phi3studio.worker.data.reading.broken_lines import BrokenLine
from phi3studio.worker.data.reading.class_labels import put_names
from phi3studio.worker.data.reading.json_files.json_document import document_rows
from phi3studio.worker.data.reading.json_files.json_rows import json_lines
from phi3studio.worker.data.reading.read_csv import csv_rows
from phi3studio.worker.data.reading.read_sheets import sheet_rows
from phi3studio.worker.data.reading.read_tables import (
    SizedRows,
    hub_rows,
    table_batches,
    table_rows,
)
from phi3studio.worker.data.reading.read_text import conversation_rows, plain_rows, whole_text
from phi3studio.worker.data.reading.sniff import TABLES, Layout, examine, examine_file, text_pieces
from phi3studio.worker.data.reading.source_files import Bounded, DataFile

Row = dict[str, Any]
BATCH_ROWS = 2000
BATCH_BYTES = 8 * 1024 * 1024
_MOST_BROKEN = 1000


@dataclass(frozen=True)
class Batch:
    """Rows ``first``, ``first + 1`` … of a source. ``done`` and ``total`` count bytes on disk;
    ``size`` is about how many bytes the rows' texts have. ``held_out``: the rows are those of a
    validation part."""

    first: int
    rows: list[Row]
    done: int
    total: int
    size: int
    held_out: bool = False

    @property
    def places(self) -> range:
        """The rows' numbers in the source."""
        return range(self.first, self.first + len(self.rows))


class RowSource:
    """A source that was looked at, to be read from the beginning as often as needed.

    Every reading gives the same rows: files are read up to the size that they had at first. Rows
    that a recipe adds follow those of the files.
    ``broken`` lists the lines that the last reading could not use (the first thousand of them;
    ``broken_count`` counts all), ``odd`` those that it used otherwise than they stand: the first
    of each kind and how many there are. ``sha256`` are the digests of the files once read.
    """

    def __init__(self, source: Source, *, lenient: bool | None = None) -> None:
        self.source = source
        self._lenient = _is_lenient(source) if lenient is None else lenient
        self.layout = Layout((), "hub") if source.format == "hub" else examine(source)
        self.broken: list[Broken] = []
        self.broken_count = 0
        self.odd: dict[str, Broken] = {}
        self.odd_counts: Counter[str] = Counter()
        self.sha256: dict[str, str] = {}
        self._total: int | None = None

    def batches(self, *, batch_rows: int = BATCH_ROWS, hashed: bool = False) -> Iterator[Batch]:
        """All rows. Raises :class:`InputError` at the first broken line unless lenient."""
        first = 0
        for batch in self._read(batch_rows, hashed):
            yield batch
            first += len(batch.rows)
        added = list(RowEdits(getattr(self.source, "repairs", ())).added)
        if added:
            yield Batch(first, added, self.layout.bytes, self.layout.bytes, len(added))

    def _read(self, batch_rows: int, hashed: bool) -> Iterator[Batch]:
        """The slice of the files' rows, numbered from 0."""
        wanted = parse_slice(self.source.slice or ":")
        assert wanted is not None  # checked with the recipe
        start, stop = wanted.bounds(self._count)
        first = 0
        for batch in self._whole(batch_rows, hashed):
            end = None if stop is None else max(0, stop - batch.first)
            rows = batch.rows[max(0, start - batch.first) : end]
            if rows:
                yield replace(batch, first=first, rows=rows)
                first += len(rows)
            # A digest is of the whole file.
            if end is not None and end <= len(batch.rows) and not self._digests(hashed):
                return

    def _digests(self, hashed: bool) -> bool:
        return hashed and self.layout.format != "hub"

    def _count(self) -> int:
        """How many rows there are in all."""
        if self._total is None:
            known = self._known()
            rows = (len(batch.rows) for batch in self._whole(BATCH_ROWS, hashed=False))
            self._total = known if known is not None else sum(rows)
        return self._total

    def _whole(self, batch_rows: int, hashed: bool) -> Iterator[Batch]:
        self.broken, self.broken_count = [], 0
        self.odd, self.odd_counts = {}, Counter()
        first, before, total = 0, 0, self.layout.bytes
        if self.layout.format == "hub":
            for rows, size in _in_batches(hub_rows(self.source), batch_rows):
                yield Batch(first, rows, first + len(rows), 0, size)
                first += len(rows)
            return
        layout = self.layout
        for file in layout.files:
            if file.path != layout.files[0].path:
                layout = examine_file(self.source, file)
            expected = table_rows(file, layout.format) if layout.format in TABLES else 0
            with Bounded(file, hashed=hashed) as raw:
                inside = 0
                for rows, size in self._of_file(layout, file, raw, batch_rows):
                    for row in rows if file.label or self.layout.classes else ():
                        row |= {"label": file.label} if file.label else {}
                        put_names(row, self.layout.classes)
                    inside += len(rows)
                    read = raw.read_bytes
                    if layout.format in TABLES:
                        read = file.size * inside // max(inside, expected)
                    done = before + min(read, file.size)
                    yield Batch(first, rows, done, total, size, file.part == "validation")
                    first += len(rows)
                if hashed:
                    self.sha256[str(file.path)] = raw.sha256()
            before += file.size

    def known_rows(self) -> int | None:
        """The number of rows, where the files tell it without being read."""
        return self._known() if self.source.slice is None else None

    def _known(self) -> int | None:
        if self.layout.format not in TABLES:
            return None
        counts = [table_rows(file, self.layout.format) for file in self.layout.files]
        return sum(counts) if all(counts) else None

    def rows(self) -> Iterator[Row]:
        """All rows, one by one."""
        for batch in self.batches(batch_rows=200):
            yield from batch.rows

    def _of_file(
        self, layout: Layout, file: DataFile, raw: Bounded, batch_rows: int
    ) -> Iterator[SizedRows]:
        if layout.format in TABLES:
            yield from table_batches(file, layout.format, batch_rows, BATCH_BYTES)
            return
        rows = self._text_rows(layout, file, raw)
        yield from _in_batches(rows, batch_rows)

    def _text_rows(self, layout: Layout, file: DataFile, raw: Bounded) -> Iterator[tuple[Row, int]]:
        def report(broken: BrokenLine) -> None:
            self._broken(layout, file, broken)

        if layout.format == "spreadsheet":
            inside = file if file.inside else layout.files[0]
            return sheet_rows(inside, self.source.header, report)
        pieces = text_pieces(file, raw, layout)
        if layout.format == "jsonl":
            return json_lines(pieces, report)
        if layout.format == "text":
            if layout.text_rows == "conversation":
                return conversation_rows(pieces, layout.parting, report)
            if layout.text_rows == "file":
                return whole_text(pieces, report)
            return plain_rows(pieces, layout.text_rows == "paragraph", report)
        if layout.dialect is not None:
            return csv_rows(pieces, layout.dialect, report)
        plan = layout.plan
        assert plan is not None
        if file.part:
            plan = plan.parts.get(file.part, plan)
        return document_rows(file, pieces, plan, report)

    def _broken(self, layout: Layout, file: DataFile, broken: BrokenLine) -> None:
        said = Broken(file=file.path.name, line=broken.line, says=broken.reason)
        if broken.used:
            self.odd.setdefault(broken.reason.code, said)
            self.odd_counts[broken.reason.code] += 1
            return
        self.broken_count += 1
        if not self._lenient:
            raise _error(layout.format, file, broken.line, broken.reason)
        if len(self.broken) < _MOST_BROKEN:
            self.broken.append(said)


def _error(format: str, file: DataFile, line: int, reason: Phrase) -> InputError:
    path = file.path
    match format:
        case "csv":
            return InputError("data.broken_csv", path=path, line=line, reason=reason)
        case "tsv":
            return InputError("data.broken_tsv", path=path, line=line, reason=reason)
        case "jsonl":
            return InputError("data.broken_jsonl", path=path, line=line, reason=reason)
        case "text":
            return InputError("data.broken_text", path=path, line=line, reason=reason)
    return InputError("data.broken_json", path=path, line=line, reason=reason)


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
