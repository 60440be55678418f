"""What a file is by its bytes, whatever its name says; what is no data is refused."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

from phi3studio.domain.errors import InputError
from phi3studio.domain.parsing import parse_yaml
from phi3studio.worker.data.meaning.written_texts import notation
from phi3studio.worker.data.reading.dialect import is_anki, table_delimiter
from phi3studio.worker.data.reading.json_files.json_rows import is_python
from phi3studio.worker.data.reading.source_files import DataFile, only_member

_COMPRESSIONS = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
)
_OLE = b"\xd0\xcf\x11\xe0"
_ARCHIVES = ((b"7z\xbc\xaf\x27\x1c", "7z"), (b"Rar!", "RAR"))
_FOREIGN = (
    (b"%PDF", "PDF"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x7fELF", "ELF"),
    (b"MZ\x90\x00", "EXE"),
    (b"SQLite format 3\0", "SQLite"),
    (b"\x89HDF", "HDF5"),
    (b"\x93NUMPY", "NumPy"),
    (b"GGUF", "GGUF"),
    (b"{\\rtf", "RTF"),
    (b"\x80\x04\x95", "pickle"),
    (b"\x80\x05\x95", "pickle"),
)
_LFS = b"version https://git-lfs.github.com/spec/"
_HTML = re.compile(r"\s*(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body)\b", re.I | re.S)
_SQL = re.compile(
    r"\s*(?:(?:--[^\n]*\n|/\*.*?\*/;?|(?:set|use|begin|start|pragma|drop|lock)\b[^;]*;)\s*)*"
    r"(?:create\s+(?:table|database|schema)|insert\s+into)\s+[^;]*?[;(]",
    re.I | re.S,
)
# “12/31/23, 9:00 PM - Ann: …”, “[31.12.23, 21:00:05] Ann: …”
_CHAT_LINE = re.compile(
    r"\u200e?\[?\d{1,2}[./-]\d{1,2}[./-]\d{2,4},? \d{1,2}:\d{2}(:\d{2})?"
    r"(\s?[AaPp]\.?[Mm]\.?)?(\]| -) [^:\n]{1,40}: ."
)
_FEW_LINES = 3
_XML = re.compile(r"\s*<\?xml\b")
_YAML_ROW = re.compile(r"\s*(---[^\n]*\n|#[^\n]*\n|\s*\n)*-[ ]+[\w\"'][^\n:]*:(\s|$)")


def compression_of(path: Path, head: bytes) -> str | None:
    """The compression of a file that begins with *head*; raises :class:`InputError` for archives
    of several files, and for what is no data."""
    for start, name in _COMPRESSIONS:
        if head.startswith(start):
            return name
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _inside_zip(path)
    for start, name in _ARCHIVES:
        if head.startswith(start):
            raise InputError("data.archive", variant="foreign", path=path, kind=name)
    refuse_binary(path, head)
    return None


def refuse_binary(path: Path, head: bytes) -> None:
    """Raise :class:`InputError` for a pointer, an archive or a document of another program."""
    if head.startswith(_LFS):
        raise InputError("data.lfs_pointer", path=path)
    if head[257:262] == b"ustar":
        raise InputError("data.archive", variant="foreign", path=path, kind="TAR")
    for start, name in _FOREIGN:
        if head.startswith(start):
            raise InputError("data.unknown_format", variant="document", path=path, kind=name)


def _inside_zip(path: Path) -> str | None:
    """``zip`` for an archive with one data file; ``None`` for a workbook."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if is_workbook(names):
                return None
            if any(name.startswith(("word/", "ppt/")) for name in names):
                raise InputError(
                    "data.unknown_format", variant="document", path=path, kind="Office"
                )
            only_member(archive)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as exc:
        raise InputError(
            "data.broken_compression", path=path, compression="zip", reason=str(exc)
        ) from exc
    return "zip"


def zipped_file(path: Path) -> DataFile:
    """The data file in a ZIP archive."""
    with zipfile.ZipFile(path) as archive:
        member = only_member(archive)
    return DataFile(Path(member.filename), member.file_size)


def is_workbook(names: list[str]) -> bool:
    """Whether a ZIP archive with these members is an Excel or OpenDocument workbook."""
    return any(name.startswith("xl/") for name in names) or (
        "mimetype" in names and "content.xml" in names
    )


def binary_format(file: DataFile, head: bytes) -> str | None:
    """parquet, arrow or spreadsheet, by the first bytes."""
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        return "arrow"
    if head.startswith(b"PK"):
        return "spreadsheet"
    if head.startswith(_OLE):
        if ".xls" in file.suffixes:
            return "spreadsheet"
        raise InputError("data.unknown_format", variant="document", path=file.path, kind="Office")
    return None


def text_format(file: DataFile, text: str, complete: bool, zipped: DataFile | None = None) -> str:
    """json, jsonl, csv, tsv, yaml or text: by the content where it is clear, else by the name
    (that of *zipped*, the file in an archive)."""
    named = (zipped or file).suffix_format
    if _HTML.match(text):
        if re.search(r"<table\b", text, re.I):
            raise InputError("data.unknown_format", variant="html_table", path=file.path)
        raise InputError("data.unknown_format", variant="html", path=file.path)
    if _XML.match(text):
        raise InputError("data.unknown_format", variant="document", path=file.path, kind="XML")
    if is_python(text):
        raise InputError("data.python", path=file.path)
    found = json_format(text, named, complete)
    if found is not None:
        return found
    if named == "yaml" or (named in (None, "text") and _YAML_ROW.match(text) and _is_yaml(text)):
        return "yaml"
    if named in ("csv", "tsv", "json", "jsonl"):
        return named
    if _SQL.match(text) and re.search(r"(?i)\bvalues\b", text):
        raise InputError("data.unknown_format", variant="document", path=file.path, kind="SQL")
    if _is_chat_export(text):
        raise InputError("data.unknown_format", variant="chat", path=file.path)
    if "\0" in text:
        raise InputError("data.unknown_format", path=file.path)
    if is_anki(text):
        return "csv"
    known = notation(text)
    if known is not None:
        raise InputError("data.notation", path=file.path, notation=known)
    delimiter = table_delimiter(text)
    if named is None:
        return "csv" if delimiter else "text"
    if delimiter == "\t":
        return "tsv"
    # Verse has commas too: names have neither spaces around them nor many words.
    head = next((line for line in text.splitlines() if line.strip()), "").strip("\r")
    names = head.split(delimiter) if delimiter and text.count("\n") > 2 else [""]
    return "csv" if all(re.fullmatch(r'"?[^\W\d]\w{0,30}"?', name) for name in names) else "text"


def _is_chat_export(text: str) -> bool:
    """Whether most lines are messages as a messenger exports them."""
    lines = [line for line in text.split("\n", 60)[:60] if line.strip()]
    said = sum(_CHAT_LINE.match(line) is not None for line in lines)
    return said > _FEW_LINES and 2 * said > len(lines)


def json_format(text: str, named: str | None, complete: bool) -> str | None:
    """json or jsonl if the text is that; ``None`` otherwise."""
    lines = text.split("\n", 60)[:60]
    if not complete or len(text.split("\n", 60)) > 60:
        lines = lines[:-1] or lines
    values = [line.strip().lstrip("\ufeff\x1e") for line in lines]
    values = [value for value in values if value]
    if not values:
        return None
    kinds = [_kind_of(value) for value in values]
    good = kinds.count("object") + kinds.count("list")
    commas = sum(bool(kind) and v.endswith(",") for kind, v in zip(kinds, values, strict=True))
    if (values[0] == "[" and good) or commas * 2 > good:
        return "json"  # elements of a list, one a line
    if good * 2 >= len(values) and (len(values) > 1 or (named == "jsonl" and kinds[0] == "object")):
        return "jsonl"
    start = text.lstrip("\ufeff \t\r\n\x1e")
    if not start.startswith(("{", "[")):
        return None
    if not good and _follow_one_another(start):
        return "json"
    if named == "jsonl" and start[0] == "{" and (good or len(values) == 1):
        return "jsonl"
    if named in ("json", "jsonl"):
        return "json"  # pretty-printed objects are a document, whatever the name
    try:
        json.JSONDecoder().raw_decode(start)
    except json.JSONDecodeError as exc:
        return "json" if exc.pos > 200 or (not complete and exc.pos >= len(start) - 16) else None
    except RecursionError:
        pass
    return "json"


def _follow_one_another(text: str) -> bool:
    """Whether the text begins with two objects and no line break between them."""
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return False
    return text[0] == "{" and text[end : end + 80].lstrip().startswith("{")


def _kind_of(line: str) -> str:
    if not line.startswith(("{", "[")):
        return ""
    try:
        value = json.loads(line.rstrip(","))
    except (ValueError, RecursionError):
        return ""
    return "object" if isinstance(value, dict) else "list" if value else ""


def _is_yaml(text: str) -> bool:
    """Whether the text's first items are objects with the same keys."""
    import yaml

    items = re.split(r"(?m)^(?=- )", text)[1:6]
    try:
        values = [parse_yaml(item) for item in items]
    except (yaml.YAMLError, RecursionError, ValueError):
        return False
    rows = [value[0] for value in values if isinstance(value, list) and len(value) == 1]
    return (
        len(rows) == len(values) > 0
        and all(isinstance(row, dict) and len(row) > 1 for row in rows)
        and len({frozenset(map(str, row)) for row in rows}) == 1
    )
