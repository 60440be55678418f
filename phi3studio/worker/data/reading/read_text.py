"""Rows of text files of every format, as UTF-8 lines or as a document.

Every reader yields ``(row, bytes)``: the row and about how large it is. A line that cannot be
used is reported, and reading goes on if the report returns.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any

from phi3studio.domain.errors import InputError, first_line
from phi3studio.domain.messages import Phrase
from phi3studio.worker.data.meaning.transcripts import is_gap, speaker
from phi3studio.worker.data.reading.broken_lines import BrokenLine, Report, not_utf8, too_long
from phi3studio.worker.data.reading.encoding import LINE_BYTES, lines
from phi3studio.worker.data.reading.json_files.json_rows import Sized
from phi3studio.worker.data.reading.source_files import CHUNK, DataFile

_YAML_BYTES = 32 * CHUNK
_NUMBERS = (
    ("tag:yaml.org,2002:int", re.compile(r"[-+]?[0-9]+"), "-+0123456789"),
    (
        "tag:yaml.org,2002:float",
        re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?"),
        "-+.0123456789",
    ),
    ("tag:yaml.org,2002:bool", re.compile(r"true|True|TRUE|false|False|FALSE"), "tTfF"),
    ("tag:yaml.org,2002:null", re.compile(r"null|Null|NULL|~|"), ["n", "N", "~", ""]),
)


def plain_rows(pieces: Iterator[bytes], paragraphs: bool, report: Report) -> Iterator[Sized]:
    """A row a line, or a paragraph between blank lines."""
    held: list[str] = []
    size = 0
    for _, text, length in _decoded(pieces, report):
        blank = not text.strip()
        if not paragraphs:
            if not blank:
                yield {"text": text}, length
            continue
        if not blank and size <= LINE_BYTES:
            held.append(text)
            size += length
        elif held:
            yield {"text": "\n".join(held)}, size
            held, size = ([], 0) if blank else ([text], length)
    if held:
        yield {"text": "\n".join(held)}, size


def whole_text(pieces: Iterator[bytes], report: Report) -> Iterator[Sized]:
    """One row: the file's text, of bounded length."""
    held: list[str] = []
    size = 0
    for number, text, length in _decoded(pieces, report):
        size += length
        if size > LINE_BYTES:
            report(too_long(number))
            return
        held.append(text)
    if size:
        yield {"text": "\n".join(held).strip()}, size


def conversation_rows(pieces: Iterator[bytes], parting: int, report: Report) -> Iterator[Sized]:
    """A row a conversation: it ends where, after an answer, a question follows *parting* (see
    ``meaning.transcripts``)."""
    held: list[str] = []
    size, gap = 0, 0
    role: str | None = None
    for number, text, length in _decoded(pieces, report):
        if is_gap(text):
            gap = 2 if text.strip() else min(2, gap + 1)
            held.append("")
            continue
        found = speaker(text)
        if found is None and role is None:
            report(BrokenLine(number, Phrase("line.above"), used=True))
            held = []
            continue
        ended = role == "assistant" and found in ("user", "system") and gap >= parting
        if held and (ended or size > LINE_BYTES):
            yield {"text": "\n".join(held).strip()}, size
            held, size = [], 0
        held.append(text)
        size += length
        role, gap = found or role, 0
    if size:
        yield {"text": "\n".join(held).strip()}, size


def _decoded(pieces: Iterator[bytes], report: Report) -> Iterator[tuple[int, str, int]]:
    """The lines' numbers, their text, and their length in bytes."""
    for number, line in lines(pieces):
        if line is None:
            report(too_long(number))
            continue
        try:
            text = line.removeprefix(codecs.BOM_UTF8).decode("utf-8").rstrip("\r")
            yield number, text, len(line)
        except UnicodeDecodeError as exc:
            report(not_utf8(number, exc))


def yaml_as_json(file: DataFile, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """A YAML document as JSON; several documents as a list.

    Only plain values are made. As in YAML 1.2, ``no`` and ``12:30`` and dates are texts.
    """
    import yaml

    class Plain(yaml.SafeLoader):
        """The safe loader with the scalars of YAML 1.2, without references."""

        yaml_implicit_resolvers: dict[Any, Any] = {}

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
                raise yaml.composer.ComposerError(None, None, "found an alias", mark)
            return super().compose_node(parent, index)

    for tag, pattern, first in _NUMBERS:
        Plain.add_implicit_resolver(tag, re.compile(rf"(?:{pattern.pattern})$"), first)
    text = b""
    for piece in pieces:
        text += piece
        if len(text) > _YAML_BYTES:
            raise InputError("data.broken_yaml", variant="large", path=file.path)
    try:
        documents = [value for value in yaml.load_all(text.decode(), Plain) if value is not None]
        value = documents[0] if len(documents) == 1 else documents
        yield json.dumps(value, default=str).encode()
    except UnicodeDecodeError as exc:
        line = text.count(b"\n", 0, exc.start) + 1
        raise InputError("data.broken_yaml", path=file.path, line=line, reason="UTF-8") from exc
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as exc:
        mark = getattr(exc, "problem_mark", None)
        reason = getattr(exc, "problem", None) or first_line(exc)
        line = mark.line + 1 if mark else 1
        raise InputError("data.broken_yaml", path=file.path, line=line, reason=reason) from exc
