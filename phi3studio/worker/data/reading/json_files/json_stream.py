"""The text of a JSON document, decoded value by value.

Every value is decoded by Python's own decoder, whatever the document's size, so that integers,
NaN and floats come out alike.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any

from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import Phrase
from phi3studio.worker.data.reading.encoding import LINE_BYTES
from phi3studio.worker.data.reading.json_files.json_rows import json_reason
from phi3studio.worker.data.reading.source_files import CHUNK, DataFile

TABLE_BYTES = 256 * CHUNK
"""Longest value that is no row: a table by columns, or what stands next to the rows."""
_SPACE = re.compile(r"[ \t\r\n\x1e\ufeff]*")


class JsonStream:
    """The text of a document, decoded value by value."""

    def __init__(self, file: DataFile, pieces: Iterator[bytes]) -> None:
        self._file = file
        self._pieces = pieces
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._scan = json.JSONDecoder().raw_decode
        self._ended = False
        self._line = 1
        self.text = ""
        self.at = 0

    def line(self, at: int) -> int:
        """The number of the line (from 1) of a position in ``text``."""
        return self._line + self.text.count("\n", 0, at)

    def _fill(self) -> bool:
        """Read on; ``False`` at the document's end."""
        if self.at > CHUNK:
            self._line += self.text.count("\n", 0, self.at)
            self.text, self.at = self.text[self.at :], 0
        piece = next(self._pieces, None)
        try:
            more = self._utf8.decode(piece or b"", final=piece is None)
        except UnicodeDecodeError as exc:
            line = self.line(len(self.text)) + exc.object.count(b"\n", 0, exc.start)
            byte = f"0x{exc.object[exc.start]:02X}"
            reason = Phrase("line.bytes", byte=byte, column=exc.start + 1)
            raise self.broken(line, reason) from exc
        self.text += more
        self._ended = piece is None
        return not self._ended

    def peek(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            match = _SPACE.match(self.text, self.at)
            assert match is not None
            self.at = match.end()
            if self.at < len(self.text):
                return self.text[self.at]
            if not self._fill():
                return ""

    def take(self, character: str) -> None:
        if self.peek() != character:
            raise self.broken(self.line(self.at), Phrase("line.expected", character=character))
        self.at += 1

    def comma(self) -> bool:
        """Pass over a comma if one is next."""
        if self.peek() == ",":
            self.at += 1
            return True
        return False

    def value(self, limit: int = LINE_BYTES) -> Any:
        """The next value; raises :class:`json.JSONDecodeError` with its position in ``text``."""
        self.peek()
        while True:
            try:
                value, end = self._scan(self.text, self.at)
            except json.JSONDecodeError as exc:
                cut = exc.msg.startswith("Unterminated") or exc.pos >= len(self.text) - 16
                if not cut or self._ended:
                    raise
            else:
                if end < len(self.text) or self._ended:
                    self.at = end
                    return value
            if len(self.text) - self.at > limit:
                raise InputError(
                    "data.row_too_long",
                    path=self._file.path,
                    line=self.line(self.at),
                    limit=limit // CHUNK,
                )
            held = len(self.text) - self.at
            while self._fill() and len(self.text) - self.at < 2 * held:
                pass

    def key(self) -> str:
        """The next value, which is the name of another."""
        if self.peek() not in ('"', ""):
            raise json.JSONDecodeError("Expecting property name", self.text, self.at)
        return str(self.value())

    def next_line_like(self, start: int) -> bool:
        """Go on at the next line that begins as the one of *start* does, or at the end; ``False``
        if the value of *start*, which is broken, shares its line with others."""
        before = self.text[self.text.rfind("\n", 0, start) + 1 : start]
        if before.strip(" \t"):
            return False
        again = re.compile(r"\n" + re.escape(before) + re.escape(self.text[start]))
        self.at = start + 1
        while (match := again.search(self.text, self.at)) is None:
            self.at = max(self.at, len(self.text) - len(before) - 2)
            if not self._fill():
                self.at = len(self.text)
                return True
        self.at = match.end() - 1
        return True

    def broken(self, line: int, reason: Phrase) -> InputError:
        return InputError("data.broken_json", path=self._file.path, line=line, reason=reason)

    def wrong(self, exc: json.JSONDecodeError | RecursionError) -> InputError:
        at = exc.pos if isinstance(exc, json.JSONDecodeError) else self.at
        return self.broken(self.line(at), json_reason(exc))
