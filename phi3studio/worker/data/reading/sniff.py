"""What a file is, told from its beginning: format, CSV dialect, header, text rows."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from phi3studio.domain.dataset import Source
from phi3studio.domain.errors import InputError
from phi3studio.worker.data.reading.encoding import (
    LINE_BYTES,
    Encoding,
    as_utf8,
    check_name,
    detect,
)
from phi3studio.worker.data.reading.source_files import (
    Bounded,
    DataFile,
    chunks,
    compression_of,
    find_files,
    head_of,
)

UTF8 = Encoding("utf-8")
HEAD_BYTES = 256 * 1024
_DELIMITERS = (",", ";", "\t", "|")
_DIALECT_ROWS = 100
csv.field_size_limit(LINE_BYTES)


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is written. ``quote`` is empty where quotes have no meaning."""

    delimiter: str
    quote: str
    header: bool

    def reader_options(self) -> dict[str, object]:
        """Arguments of :func:`csv.reader`; strict, so that a stray quote is an error."""
        if not self.quote:
            return {"delimiter": self.delimiter, "quoting": csv.QUOTE_NONE, "strict": True}
        return {"delimiter": self.delimiter, "quotechar": self.quote, "strict": True}


@dataclass(frozen=True)
class Layout:
    """The files of a source and how all of them are read."""

    files: tuple[DataFile, ...]
    format: str
    compression: str | None = None
    encoding: Encoding = UTF8
    dialect: Dialect | None = None
    text_rows: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def bytes(self) -> int:
        return sum(file.size for file in self.files)


def examine(source: Source) -> Layout:
    """Find the files and look at the beginning of the first that is not empty.

    Reads at most a few hundred kilobytes. Raises :class:`InputError` for what is no data.
    """
    files = tuple(file for file in find_files(source) if file.size)
    first = files[0]
    raw_head = head_of(first)
    _refuse_foreign(first.path, raw_head)
    compression = compression_of(raw_head)
    head, complete = _head(first, compression)
    kind = source.format if source.format != "auto" else _kind(first, head)
    layout = Layout(files, kind, compression)
    if kind in ("parquet", "arrow"):
        if compression is not None:
            raise InputError(
                "data.compressed_table",
                f"{first.path} is a compressed {kind} file, which cannot be read in pieces.",
                f"Unpack it first; {kind} files are compressed inside anyway.",
            )
        return layout
    encoding = Encoding(check_name(source.encoding)) if source.encoding else detect(head, complete)
    text = b"".join(as_utf8([head], encoding.name)).decode("utf-8", "replace")
    if not complete and "\n" in text:
        text = text[: text.rindex("\n") + 1]
    layout = replace(layout, encoding=encoding)
    if kind in ("csv", "tsv"):
        return replace(layout, dialect=_dialect(source, kind, text))
    if kind == "text":
        rows = source.text_rows
        if rows == "auto":
            rows = "paragraph" if _has_paragraphs(text) else "line"
        return replace(layout, text_rows=rows)
    if kind in ("json", "jsonl") and source.format == "auto":
        layout = replace(layout, format=_lines_or_document(kind, text))
    return layout


def _refuse_foreign(path: Path, head: bytes) -> None:
    """Files that look like data to people and are something else."""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        sheet = path.suffix.lower() in (".xlsx", ".ods", ".xlsm")
        raise InputError(
            "data.unknown_format",
            f"{path} is {'a spreadsheet' if sheet else 'a ZIP archive'}, not a data file.",
            "Save the sheet as CSV (UTF-8) and use that file."
            if sheet
            else "Unpack it and name the file or folder inside.",
        )
    if head.startswith((b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"\x7fELF", b"\xd0\xcf\x11\xe0")):
        raise InputError(
            "data.unknown_format",
            f"{path} is a document, picture or program, not a data file.",
            "Save its content as CSV, JSON lines or plain text and use that file.",
        )


def _head(file: DataFile, compression: str | None) -> tuple[bytes, bool]:
    head = b""
    with Bounded(file) as raw:
        for piece in chunks(file, raw, compression):
            head += piece
            if len(head) >= HEAD_BYTES:
                return head[:HEAD_BYTES], False
    return head, True


def _kind(file: DataFile, head: bytes) -> str:
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"ARROW1") or head.startswith(b"\xff\xff\xff\xff"):
        return "arrow"
    named = file.suffix_format
    if named is not None:
        return named
    text = b"".join(as_utf8([head], detect(head, complete=False).name)).decode("utf-8", "replace")
    start = text.lstrip()[:1]
    if start in ("{", "["):
        return _lines_or_document("json", text)
    counts = [len(row) for row in _rows(text, _guess_delimiter(text), '"') if row]
    if len(counts) > 1 and counts[0] > 1 and len(set(counts)) == 1:
        return "csv"
    if "\0" in text:
        raise InputError(
            "data.unknown_format",
            f"The format of {file.path} is not recognised by its name or content.",
            "Set data.format to json, jsonl, csv, tsv, parquet, arrow or text.",
        )
    return "text"


def _lines_or_document(named: str, text: str) -> str:
    """JSON and JSON lines are often named for each other."""
    stripped = text.lstrip()
    if not stripped.startswith(("{", "[")):
        return named
    if stripped.startswith("["):
        return "json" if named == "json" or not _is_object(stripped.split("\n", 1)[0]) else "jsonl"
    found = [line for line in stripped.split("\n", 4)[:3] if line.strip()]
    objects = [_is_object(line) for line in found]
    if objects and objects[0]:
        return "jsonl" if named == "jsonl" or len(found) > 1 else named
    return "json" if objects and found[0].strip() == "{" else named


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _has_paragraphs(text: str) -> bool:
    """Whether blank lines divide the text into blocks, some of several lines."""
    blocks = [block for block in text.replace("\r\n", "\n").split("\n\n") if block.strip()]
    return len(blocks) > 1 and any("\n" in block.strip() for block in blocks)


# --- CSV -----------------------------------------------------------------------------------


def _dialect(source: Source, kind: str, text: str) -> Dialect:
    delimiter = source.delimiter or ("\t" if kind == "tsv" else _guess_delimiter(text))
    quote = source.quote
    if quote is None:
        quote = _guess_quote(text, delimiter)
    header = source.header
    if header is None:
        header = _has_header(_rows(text, delimiter, quote))
    return Dialect(delimiter, quote, header)


def _rows(text: str, delimiter: str, quote: str) -> list[list[str]]:
    """The first rows that can be read in this dialect."""
    options = Dialect(delimiter, quote, header=True).reader_options()
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), **options):  # type: ignore[arg-type]
            if row:
                rows.append(row)
            if len(rows) >= _DIALECT_ROWS:
                break
    except csv.Error:
        pass  # the beginning is enough to go by
    return rows


def _guess_delimiter(text: str) -> str:
    """The delimiter that gives the most rows an equal number of columns, above one."""
    best, best_score = ",", 0.0
    for delimiter in _DELIMITERS:
        counts = Counter(len(row) for row in _rows(text, delimiter, '"'))
        if not counts:
            continue
        width, rows = counts.most_common(1)[0]
        if width > 1:
            # Agreement counts most; among equals the first delimiter of the list wins.
            score = rows / counts.total() + min(width, 20) / 1000
            if score > best_score + 1e-9:
                best, best_score = delimiter, score
    return best


def _guess_quote(text: str, delimiter: str) -> str:
    """The quote character, or none if reading with it fails where reading without it agrees."""
    quoted = [len(row) for row in _rows(text, delimiter, '"')]
    plain = [len(row) for row in _rows(text, delimiter, "")]
    if f"{delimiter}'" in text and f"'{delimiter}" in text and '"' not in text:
        return "'"
    steady = len(set(plain)) == 1 and len(plain) > len(quoted)
    return "" if steady and '"' in text else '"'


def _has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names the columns.

    Names are short, distinct and no numbers. A first row that could also be data is taken for
    names, unless its values occur again below or are as long as the data's.
    """
    if not rows:
        return True
    first, rest = rows[0], rows[1:]
    names = [cell.strip() for cell in first]
    if any(_is_number(name) for name in names) or len(set(names)) < len(names):
        return False
    if any(len(name) > 64 or name.endswith((".", "!", "?")) for name in names):
        return False
    if not rest:
        return True
    for column, name in enumerate(names):
        below = [row[column].strip() for row in rest if len(row) > column]
        if name and name in below:
            return False  # a label, not a name
    return True


def _is_number(text: str) -> bool:
    try:
        float(text)
        return True
    except ValueError:
        return False
