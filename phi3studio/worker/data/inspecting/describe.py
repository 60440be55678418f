"""A first look at a source: what it is, its first rows, and the shapes that fit."""

from __future__ import annotations

from collections.abc import Iterator

from phi3studio.domain.datasets.source import Source
from phi3studio.domain.datasets.source_report import ShapeProposal, SourceReport
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import Phrase
from phi3studio.domain.recipe import Data, Split, Template
from phi3studio.worker.data.checking.check_data import file_names
from phi3studio.worker.data.checking.short_text import shown_row
from phi3studio.worker.data.inspecting.columns import describe_columns
from phi3studio.worker.data.inspecting.shapes import parts_named, propose
from phi3studio.worker.data.meaning.unread_parts import unread_without_model
from phi3studio.worker.data.preparing.row_pipeline import Row, columns_of
from phi3studio.worker.data.reading.read_csv import Dialect
from phi3studio.worker.data.reading.source_rows import RowSource

_LOOKED_AT = 200
_ENOUGH_BYTES = 8 * 1024 * 1024
_MOST_BYTES = 64 * 1024 * 1024
_MANY_COLUMNS = 200
_PARTS = 20


def describe(source: Source, first_rows: int = 50) -> SourceReport:
    """Look at the first rows; broken lines among them are reported, not raised."""
    reader = RowSource(source, lenient=True)
    layout = reader.layout
    rows, others, total, exact = _beginning(reader)
    if not rows:
        raise _nothing(source, reader)
    columns = describe_columns(rows)
    obstacle: InputError | None = None
    shapes: tuple[ShapeProposal, ...] = ()
    try:
        apart = layout.plan is not None and bool(layout.plan.left_out)
        shapes = propose(rows, from_text=layout.format == "text", further=others, apart=apart)
    except InputError as exc:
        obstacle = exc
    return SourceReport(
        files=file_names(reader),
        format=layout.format,
        compression=layout.compression,
        encoding=None
        if layout.format in ("parquet", "arrow", "hub", "spreadsheet")
        else layout.encoding.name,
        encoding_sure=layout.encoding.sure,
        delimiter=_delimiter(layout.dialect),
        quote=layout.dialect.quote if layout.dialect else None,
        header=layout.dialect.header if layout.dialect else None,
        text_rows=layout.text_rows,
        sheet=layout.sheet,
        records=layout.records,
        bytes=layout.bytes,
        rows=total,
        rows_exact=exact,
        columns=columns,
        first=tuple(shown_row(row) for row in rows[:first_rows]),
        shapes=tuple(_with_unread(shape, source, rows) for shape in shapes),
        obstacle=obstacle.to_json() if obstacle else None,
        broken=tuple(reader.broken[:20]),
        remarks=tuple(_remarks(reader, rows, bool(shapes) or obstacle is not None)),
    )


def _with_unread(shape: ShapeProposal, source: Source, rows: list[Row]) -> ShapeProposal:
    """The proposal with what it leaves unread in the first rows."""
    template = None
    if shape.messages is None:
        template = Template(prompt=shape.prompt or "", completion=shape.completion or "")
    data = Data(
        **source.model_dump(include=set(Source.model_fields)),
        template=template,
        messages=shape.messages,
        rejected=shape.rejected,
        rating=shape.rating,
        repairs=list(shape.repairs),
        split=Split(column=shape.split_column),
    )
    return shape.model_copy(update={"unread": unread_without_model(data, rows)})


def _beginning(reader: RowSource) -> tuple[list[Row], list[Row], int, bool]:
    """The first rows, some of other parts further down, how many there are in all, and whether
    that is exact. Where the first rows are all of one part of the data set, the other parts are
    looked for up to the end.

    Files are read in chunks of a megabyte, so the estimate is taken where a new chunk begins:
    there the rows so far are about those of the chunks before.
    """
    rows: list[Row] = []
    others: list[Row] = []
    parts: dict[str, str] | None = None
    count, done, held, per_byte = 0, 0, 0, 0.0
    known = reader.known_rows()
    for batch in reader.batches(batch_rows=50):
        if done and batch.done > done:
            per_byte = count / done
        count, done = count + len(batch.rows), batch.done
        if len(rows) == _LOOKED_AT and parts is None:
            parts = parts_named(rows)
        rows += batch.rows[: _LOOKED_AT - len(rows)]
        for name, value in (parts or {}).items():
            if len(others) < _PARTS:
                others += [row for row in batch.rows if row.get(name) != value][:1]
        held += batch.size
        enough = done >= _ENOUGH_BYTES or batch.total == 0 or known is not None
        seeking = bool(parts) and not others and batch.total > 0
        if not seeking and ((len(rows) >= _LOOKED_AT and enough) or held >= _MOST_BYTES):
            total = known if known is not None else round(max(count, per_byte * batch.total))
            return rows, others, total, known is not None
    return rows, others, count, True


def _nothing(source: Source, reader: RowSource) -> InputError:
    if reader.broken:
        first = reader.broken[0]
        return InputError(
            "data.nothing_readable", source=source.source, line=first.line, reason=first.says
        )
    return InputError("data.empty", source=source.source)


def _remarks(reader: RowSource, rows: list[Row], shaped: bool) -> Iterator[Phrase]:
    layout = reader.layout
    yield from layout.notes
    if not layout.encoding.sure:
        yield Phrase("source.encoding", encoding=layout.encoding.name)
    if layout.dialect is not None and not layout.dialect.header:
        yield Phrase("source.no_header")
    count = len(columns_of(rows))
    if count > _MANY_COLUMNS:
        yield Phrase("source.many_columns", shown=_MANY_COLUMNS, columns=count)
    if reader.broken:
        first = reader.broken[0]
        yield Phrase("source.broken", file=first.file, line=first.line, reason=first.says)
    for code, odd in reader.odd.items():
        lines = reader.odd_counts[code]
        yield Phrase("source.odd", file=odd.file, line=odd.line, reason=odd.says, lines=lines)
    if not shaped:
        yield Phrase("source.no_shape")


def _delimiter(dialect: Dialect | None) -> str | None:
    """What parts the columns, if there are several."""
    several = dialect is not None and len(dialect.names) > 1
    return dialect.delimiter if dialect is not None and several else None
