"""What commands print: text for people, one JSON document for programs."""

from __future__ import annotations

import json
import re
import sys
from typing import Any, TextIO

from phi3studio.domain.errors import UserFacingError
from phi3studio.domain.messages.printable import printable

_LATER_CONTROLS = re.compile("[\x7f-\x9f]")


class PlainText:
    """A text stream that shows control characters instead of passing them on.

    What is printed may come from a data file or a model: an escape sequence in it would clear the
    screen or rename the window. Only :func:`rewrite` writes such sequences.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write *text*, its control characters shown."""
        self.stream.write(printable(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def rewrite(stream: TextIO, text: str = "") -> None:
    """Replace the terminal's present line by *text*."""
    raw = stream.stream if isinstance(stream, PlainText) else stream
    raw.write("\r\x1b[K" + printable(text))
    raw.flush()


def print_json(value: Any) -> None:
    """Print one JSON document on standard output, escaped where its encoding lacks a character."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    # JSON escapes the others itself.
    text = _LATER_CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value, indent=2)
    sys.stdout.write(text + "\n")


def print_error(error: UserFacingError, as_json: bool) -> None:
    """Say what happened and what to do next: on standard error, or as the JSON document."""
    if as_json:
        print_json({"error": error.to_json()})
        return
    sys.stderr.write(f"Error: {error.message}\n{error.hint}\n[{error.code}]\n")
