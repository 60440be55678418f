"""One message: its templates, and what they say once they are filled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

Values = Mapping[str, Any]
"""Named values of a message: texts, numbers, and lists of them; all of them JSON."""


class Message(NamedTuple):
    """The templates of a message: what happened, and what to do next."""

    text: str
    hint: str = ""


class Said(NamedTuple):
    """A message as a person reads it."""

    message: str
    hint: str = ""
