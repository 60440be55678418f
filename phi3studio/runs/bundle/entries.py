"""The files of a bundle, one by one."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from phi3studio.resources import resources
from phi3studio.runs.bundle.redaction import Scrubber

_TEXTS = {
    ".json", ".jinja", ".md", ".html", ".svg", ".txt", ".py", ".cs", ".csproj", ".js", ".mjs",
}  # fmt: skip
_LARGEST_TEXT = 1024 * 1024


@dataclass(frozen=True)
class Entry:
    """One file of the bundle: its name with forward slashes, and its content or where it is."""

    name: str
    content: bytes | Path

    @classmethod
    def of_text(cls, name: str, text: str) -> Entry:
        return cls(name, text.encode("utf-8", "replace"))

    @classmethod
    def of_json(cls, name: str, value: Any) -> Entry:
        return cls.of_text(name, json.dumps(value, ensure_ascii=False, indent=2) + "\n")

    @property
    def size(self) -> int:
        if isinstance(self.content, bytes):
            return len(self.content)
        return self.content.stat().st_size

    @property
    def is_text(self) -> bool:
        return isinstance(self.content, bytes) or self.content.suffix in _TEXTS

    def open(self) -> IO[bytes]:
        if isinstance(self.content, bytes):
            return io.BytesIO(self.content)
        return self.content.open("rb")


def files_below(folder: Path, name: str, scrubber: Scrubber) -> Iterator[Entry]:
    """The files of a folder, below *name*; paths of this computer taken out of small texts."""
    for file in sorted(folder.rglob("*")):
        if not file.is_file() or file.name.startswith("."):
            continue
        inside = f"{name}/{file.relative_to(folder).as_posix()}".removeprefix("/")
        if file.suffix in _TEXTS and file.stat().st_size <= _LARGEST_TEXT:
            text = file.read_text("utf-8", errors="surrogateescape")
            clean = scrubber.text(text)
            yield Entry(inside, clean.encode("utf-8", "surrogateescape"))
        else:
            yield Entry(inside, file)


def rendered(page: str, **values: Any) -> str:
    """A template of a bundle, filled."""
    environment = Environment(
        loader=FileSystemLoader(resources() / "bundle"),
        autoescape=page.endswith(".html.j2"),  # the rest is Markdown and XML of our own values
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(page).render(**values)
