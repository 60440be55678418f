"""Rows of a data file: JSON, JSON lines, CSV, TSV and Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phi3studio.domain.errors import InputError
from phi3studio.domain.recipe import Data

Row = dict[str, Any]
_SUFFIXES = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
}


@dataclass(frozen=True)
class Rows:
    """All rows of a file. ``broken`` holds (line number, reason) of lines left out."""

    rows: tuple[Row, ...]
    format: str
    broken: tuple[tuple[int, str], ...] = ()

    @property
    def columns(self) -> list[str]:
        """Every column that some row has, in the order of appearance."""
        seen: dict[str, None] = {}
        for row in self.rows:
            seen.update(dict.fromkeys(row))
        return list(seen)


def read_rows(data: Data, path: Path) -> Rows:
    """Read every row of *path*; raises :class:`InputError` that names file and line."""
    if not path.exists():
        raise InputError(
            "data.no_file",
            f"The data file {path} does not exist.",
            "Correct data.source in the recipe; a relative path starts at the recipe's folder.",
        )
    if path.is_dir():
        raise InputError(
            "data.is_folder", f"{path} is a folder, not a data file.", "Name the file inside it."
        )
    kind = data.format
    if kind == "auto":
        try:
            kind = _SUFFIXES[path.suffix.lower()]  # type: ignore[assignment]
        except KeyError:
            raise InputError(
                "data.unknown_format",
                f"The format of {path.name} is not recognised by its name.",
                "Set data.format to json, jsonl, csv, tsv or parquet.",
            ) from None
    if path.stat().st_size == 0:
        raise _empty(path)
    if kind == "parquet":
        rows = Rows(tuple(_parquet(path)), kind)
    else:
        text = _text(path, data.encoding)
        if kind == "jsonl":
            rows = _jsonl(path, text, data.skip_broken)
        elif kind == "json":
            rows = Rows(tuple(_json(path, text)), kind)
        else:
            rows = Rows(tuple(_csv(path, text, data.delimiter or _delimiter(kind, text))), kind)
    if not rows.rows:
        raise _empty(path)
    return rows


def _empty(path: Path) -> InputError:
    return InputError(
        "data.empty", f"The data file {path} holds no rows.", "Choose a file with rows in it."
    )


def _text(path: Path, encoding: str | None) -> str:
    raw = path.read_bytes()
    for candidate in [encoding] if encoding else ["utf-8-sig"]:
        try:
            return raw.decode(candidate)
        except (UnicodeDecodeError, LookupError):
            break
    from charset_normalizer import from_bytes

    best = from_bytes(raw).best()
    if best is None:
        raise InputError(
            "data.encoding",
            f"The text encoding of {path} is not recognised.",
            "Save the file as UTF-8, or name its encoding in data.encoding.",
        )
    return str(best)


def _jsonl(path: Path, text: str, skip_broken: bool) -> Rows:
    rows: list[Row] = []
    broken: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
            if not isinstance(value, dict):
                raise ValueError("the line is no JSON object")
            rows.append(value)
        except ValueError as exc:
            reason = getattr(exc, "msg", str(exc))
            if not skip_broken:
                raise InputError(
                    "data.broken_json",
                    f"{path}, line {number}: {reason}.",
                    "Correct the line, or set data.skip_broken: true to leave such lines out.",
                ) from exc
            broken.append((number, reason))
    return Rows(tuple(rows), "jsonl", tuple(broken))


def _json(path: Path, text: str) -> Iterator[Row]:
    try:
        value = json.loads(text)
    except ValueError as exc:
        line = getattr(exc, "lineno", 1)
        raise InputError(
            "data.broken_json",
            f"{path}, line {line}: {getattr(exc, 'msg', exc)}.",
            "Correct the file at that line; if every line is an object of its own, "
            "set data.format: jsonl.",
        ) from exc
    if isinstance(value, dict):
        value = next((v for v in value.values() if isinstance(v, list)), [value])
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise InputError(
            "data.json_shape",
            f"{path} is not a list of JSON objects.",
            "Write [{…}, {…}], or an object that holds such a list.",
        )
    yield from value


def _delimiter(kind: str, text: str) -> str:
    if kind == "tsv":
        return "\t"
    try:
        return csv.Sniffer().sniff(text[:65536], delimiters=",;\t|").delimiter
    except csv.Error:
        return ","


def _csv(path: Path, text: str, delimiter: str) -> Iterator[Row]:
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for row in reader:
            if None in row:
                raise InputError(
                    "data.broken_csv",
                    f"{path}, line {reader.line_num}: more values than columns.",
                    "Put quotes around values that contain the delimiter, "
                    "or name the right one in data.delimiter.",
                )
            yield dict(row)
    except csv.Error as exc:
        raise InputError(
            "data.broken_csv",
            f"{path}, line {reader.line_num}: {exc}.",
            "Correct the line, or name the right delimiter in data.delimiter.",
        ) from exc


def _parquet(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        yield from pq.read_table(path).to_pylist()
    except (pa.ArrowException, OSError) as exc:
        raise InputError(
            "data.broken_parquet",
            f"{path} is not a readable Parquet file ({exc}).",
            "Write the file anew, or choose another.",
        ) from exc
