"""Files of data that tests write, and what is read of them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from phi3studio.domain.datasets.source import Source
from phi3studio.domain.errors import InputError
from phi3studio.worker.data.inspecting.describe import describe
from phi3studio.worker.data.reading.source_rows import RowSource
from tests.worker.data_fixtures import byte_level, encoder, recipe_for, write_jsonl  # noqa: F401

ROWS = [
    {"question": f"What grows in field {n}, and why?", "answer": f"Barley no. {n}; it likes clay."}
    for n in range(12)
]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)
LISTED = json.dumps([{"n": n} for n in range(1001)])


def source_of(path: Path, **options: Any) -> RowSource:
    return RowSource(Source(source=str(path), **options), lenient=True)


def read(path: Path, **options: Any) -> list[dict[str, Any]]:
    return list(source_of(path, **options).rows())


def put(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refusal(path: Path, **options: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        read(path, **options)
    assert caught.value.hint
    return caught.value


def zipped(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def csv_file(path: Path, head: str, line: str, count: int = 40, **odd: str) -> Path:
    lines = [head, *(line.format(n=n) for n in range(count))]
    for at, text in odd.items():
        lines[int(at[1:]) - 1] = text
    return put(path, "\n".join(lines) + "\n")


def notes(path: Path) -> str:
    return "\n".join(describe(Source(source=str(path))).notes)
