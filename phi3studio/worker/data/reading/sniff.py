"""What the files of a source are: format, encoding, dialect, and where the rows are in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from phi3studio.domain.datasets.source import Source
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import Phrase
from phi3studio.worker.data.meaning.part_names import parts_of
from phi3studio.worker.data.meaning.transcripts import parting
from phi3studio.worker.data.reading.class_labels import Classes
from phi3studio.worker.data.reading.dialect import recognise
from phi3studio.worker.data.reading.encoding import Encoding, as_utf8, check_name, detect
from phi3studio.worker.data.reading.folders.find_files import find_files
from phi3studio.worker.data.reading.json_files.json_layout import Plan, plan_of
from phi3studio.worker.data.reading.read_csv import Dialect
from phi3studio.worker.data.reading.read_sheets import sheet_names
from phi3studio.worker.data.reading.read_tables import table_classes
from phi3studio.worker.data.reading.read_text import yaml_as_json
from phi3studio.worker.data.reading.signatures import (
    binary_format,
    compression_of,
    refuse_binary,
    text_format,
    zipped_file,
)
from phi3studio.worker.data.reading.source_files import (
    CHUNK,
    Bounded,
    DataFile,
    chunks,
    end_of,
    head_of,
)

UTF8 = Encoding("utf-8")
HEAD_BYTES = 256 * 1024
_ASCII_BYTES = 64 * CHUNK
TABLES = ("parquet", "arrow")


@dataclass(frozen=True)
class Layout:
    """The files of a source and how the first of them is read; ``notes`` say what was decided."""

    files: tuple[DataFile, ...]
    format: str
    compression: str | None = None
    encoding: Encoding = UTF8
    carriage_returns: bool = False
    dialect: Dialect | None = None
    text_rows: str | None = None
    parting: int = 0
    plan: Plan | None = None
    sheet: str | None = None
    classes: Classes = field(default_factory=dict)
    notes: tuple[Phrase, ...] = ()

    @property
    def bytes(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def records(self) -> str | None:
        """The keys that lead to the rows of a document, joined by dots; ``None`` at its top."""
        return ".".join(self.plan.path) or None if self.plan else None


def examine(source: Source) -> Layout:
    """Find the files and look at the beginning of the first that is not empty.

    Raises :class:`InputError` for what is no data.
    """
    found = find_files(source)
    files = tuple(file for file in found.files if file.size)
    layout = examine_file(source, files[0])
    layout = _parts(layout) if len(files) == 1 else replace(layout, files=files)
    named = [note for note in class_notes(found.classes) if note not in layout.notes]
    notes = (*found.notes, *named, *layout.notes)
    return replace(layout, classes=found.classes, notes=notes)


def examine_file(source: Source, file: DataFile) -> Layout:
    """How one file is read. Reads a few hundred kilobytes, unless there is nothing but ASCII
    or a document's rows stand at its end."""
    raw_head = head_of(file)
    compression = compression_of(file.path, raw_head)
    head, complete = _head(file, compression)
    refuse_binary(file.path, head)
    kind = source.format if source.format != "auto" else binary_format(file, head) or ""
    if kind in TABLES or kind == "spreadsheet":
        if compression is not None:
            raise InputError("data.compressed_table", path=file.path, format=kind)
        if kind == "spreadsheet":
            return _sheet(source, file)
        return Layout((file,), kind, notes=class_notes(table_classes(file, kind)))
    encoding = _encoding(source, file, compression, head, complete)
    text = b"".join(as_utf8([head], encoding.name)).decode("utf-8", "replace")
    returns = "\r" in text and "\n" not in text
    text = text.replace("\r", "\n") if returns else text
    if not complete and "\n" in text:
        text = text[: text.rindex("\n") + 1]
    zipped = zipped_file(file.path) if compression == "zip" else None
    kind = kind or text_format(file, text, complete, zipped)
    layout = Layout((file,), kind, compression, encoding, returns)
    if kind in ("csv", "tsv"):
        return replace(layout, dialect=recognise(source, kind, text))
    if kind == "text":
        rows = source.text_rows
        if rows == "auto" and file.label:
            return replace(layout, text_rows="file")
        between = parting(text.replace("\r\n", "\n").split("\n"))
        if rows == "auto" and between is not None:
            rows = "conversation"
        if rows == "auto":
            rows = "paragraph" if _has_paragraphs(text) else "line"
        notes = (Phrase("files.exchanges"),) if rows == "conversation" and not between else ()
        return replace(layout, text_rows=rows, parting=between or 0, notes=notes)
    if kind == "jsonl":
        return layout
    plan = _plan(source, file, layout)
    left_out = [Phrase("files.other_rows", names=list(plan.left_out))] if plan.left_out else []
    aside = [Phrase("files.aside", names=list(plan.aside))] if plan.aside else []
    return replace(layout, plan=plan, notes=(*left_out, *aside, *class_notes(plan.classes)))


def text_pieces(file: DataFile, raw: Bounded, layout: Layout) -> Iterator[bytes]:
    """The file's text as UTF-8, in pieces; YAML as JSON."""
    content = chunks(file, raw, layout.compression)
    returns = layout.carriage_returns
    pieces = as_utf8(content, layout.encoding.name, carriage_returns=returns)
    return yaml_as_json(file, pieces) if layout.format == "yaml" else pieces


def class_notes(classes: Classes) -> tuple[Phrase, ...]:
    return (Phrase("source.class_names", columns=list(classes)),) if classes else ()


def _plan(source: Source, file: DataFile, layout: Layout) -> Plan:
    def tail() -> str:
        end = b""
        if layout.compression is None and layout.encoding.name == "utf-8":
            end = end_of(file)
        else:
            with Bounded(file) as whole:
                for piece in text_pieces(file, whole, layout):
                    end = (end + piece)[-CHUNK:]
        return end.decode("utf-8", "ignore")

    with Bounded(file) as raw:
        pieces = text_pieces(file, raw, layout)
        plan = plan_of(file, pieces, ".".join(file.inside) or source.records, tail)
    if plan is None or (layout.format == "yaml" and plan.way == "one" and not plan.path):
        code = "data.yaml_shape" if layout.format == "yaml" else "data.json_shape"
        raise InputError(code, path=file.path)
    return plan


def _parts(layout: Layout) -> Layout:
    """The train and validation parts of a document or workbook, each as a file of its own."""
    file = layout.files[0]
    if layout.plan is None or layout.plan.way != "parts":
        return layout
    parts = layout.plan.parts
    files = [replace(file, inside=parts["train"].path)]
    notes = [Phrase("files.part_rows", name=".".join(parts["train"].path))]
    if "validation" in parts:
        name = parts["validation"].path
        files.append(replace(file, part="validation", inside=name))
        notes.append(Phrase("files.held_out", names=[".".join(name)]))
    if "test" in parts:
        notes.append(Phrase("files.test", names=[".".join(parts["test"].path)]))
    plan = replace(parts["train"], parts=parts)
    return replace(layout, files=tuple(files), plan=plan, notes=(*layout.notes, *notes))


def _sheet(source: Source, file: DataFile) -> Layout:
    names = sheet_names(file, file.inside[0] if file.inside else source.sheet)
    parts = parts_of(names)
    layout = Layout((replace(file, inside=(names[0],)),), "spreadsheet", sheet=names[0])
    if "train" in parts and len(parts) > 1:
        plans = {part: Plan("list", (name,)) for part, name in parts.items()}
        layout = replace(layout, plan=Plan("parts", parts=plans), sheet=parts["train"])
        return _parts(layout)
    if len(names) > 1:
        return replace(layout, notes=(Phrase("files.sheet", name=names[0], others=names[1:]),))
    return layout


def _encoding(
    source: Source, file: DataFile, compression: str | None, head: bytes, complete: bool
) -> Encoding:
    if source.encoding:
        return Encoding(check_name(source.encoding))
    found = detect(head, complete)
    if complete or found.name != "utf-8" or not head.isascii():
        return found
    # The first letter beyond ASCII may come late.
    read = 0
    with Bounded(file) as raw:
        for piece in chunks(file, raw, compression):
            if not piece.isascii():
                return detect(piece, complete=False)
            read += len(piece)
            if read > _ASCII_BYTES:
                break
    return found


def _head(file: DataFile, compression: str | None) -> tuple[bytes, bool]:
    head = b""
    with Bounded(file) as raw:
        for piece in chunks(file, raw, compression):
            head += piece
            if len(head) > HEAD_BYTES:
                return head[:HEAD_BYTES], False
    return head, True


def _has_paragraphs(text: str) -> bool:
    """Whether blank lines divide the text into blocks, some of several lines."""
    blocks = [block for block in text.replace("\r\n", "\n").split("\n\n") if block.strip()]
    return len(blocks) > 1 and any("\n" in block.strip() for block in blocks)
