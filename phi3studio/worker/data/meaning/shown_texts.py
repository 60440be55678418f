"""Texts inside of values and messages, and whether a rendered row shows them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from phi3studio.domain.template import lookup
from phi3studio.worker.data.meaning.message_turns import text_of

Row = Mapping[str, Any]


_SENTENCE = 20
WORD = 4
"""The letters of a text that stands in no other by chance."""
_PICTURE_TYPES = re.compile(r"image|video|audio|file|media")
PICTURE_NAMES = re.compile(r"^(image|img|picture|photo|video|audio|pixel_values)s?(_|$|\d)")
PLUMBING = frozenset({"id", "type", "index", "tool_call_id"})
_NO_LETTER = re.compile(r"[\W_]+")


class ShownText:
    """The rendered text of a row, asked whether it lacks a text."""

    def __init__(self, text: str | None) -> None:
        self.known = text is not None
        self._text = text or ""
        self._letters: str | None = None

    def holds(self, value: Any) -> bool:
        """Whether whole sentences are in the rendered text: they stand in another column too."""
        texts = [text for _, text in texts_in(value, "")]
        return bool(texts) and all(
            isinstance(text, str) and len(text) >= _SENTENCE and text.strip() in self._text
            for text in texts
        )

    def lacks(self, text: Any) -> bool:
        """Whether a text, however it is written, is not in the rendered one. A text that was
        not rendered is taken to hold everything."""
        if not self.known:
            return False
        part = str(text).strip()
        if isinstance(text, bool):  # templates write it as JSON or as Python does
            return part not in self._text and part.casefold() not in self._text
        if _stands_in(part, self._text):
            return False
        # Quotes, escapes and white space may be written in another way.
        letters = _NO_LETTER.sub("", part.replace("\\n", ""))
        if len(letters) < WORD:
            return bool(letters)
        if self._letters is None:
            self._letters = _NO_LETTER.sub("", self._text)
        return letters not in self._letters


def _stands_in(part: str, text: str) -> bool:
    """Whether a part stands in a text: a short one, which is in most words, by itself."""
    if len(part) >= WORD:
        return part in text
    return re.search(rf"(?<!\w){re.escape(part)}(?!\w)", text) is not None


def is_blank(value: Any) -> bool:
    """Whether a value says nothing: absent, not a number, empty, or an empty list's text."""
    return (
        value is None
        or value != value
        or value in ("", [], {})
        or (isinstance(value, str) and value.strip() in ("", "[]", "{}"))
    )


def texts_in(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """All texts and numbers inside of a value, with their places."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from texts_in(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from texts_in(inner, f"{path}.{number}")
    elif not is_blank(value):
        yield path, value


def without_numbers(path: str) -> str:
    """A place without the numbers of what lies in lists."""
    return ".".join(part for part in path.split(".") if not part.isdigit())


def values_at(row: Row, path: str) -> Iterator[Any]:
    """What lies at a place, if anything does."""
    try:
        yield lookup(row, path)
    except KeyError:
        return


def content_parts(content: Any) -> Sequence[Any]:
    """The parts of a turn's content; one that is no list is the only one."""
    return content if isinstance(content, list) else [content]


def content_texts(content: Any) -> Iterator[str]:
    """The texts among the parts of a turn's content, numbers too."""
    for part in content_parts(content):
        text = part if isinstance(part, (int, float)) else text_of(part)
        if isinstance(text, (int, float)) or (isinstance(text, str) and text.strip()):
            yield str(text)


def is_picture(part: Any) -> bool:
    """Whether a part of a turn is a picture, a sound, or another file."""
    return isinstance(part, Mapping) and (
        _PICTURE_TYPES.search(str(part.get("type") or "")) is not None
        or any(PICTURE_NAMES.search(str(key)) and part[key] for key in part)
    )


def is_other_part(part: Any) -> bool:
    """Whether a part is neither text nor picture: a thought, a call."""
    return isinstance(part, Mapping) and text_of(part) is None and not is_picture(part)


def part_leaves(part: Mapping[str, Any]) -> Iterator[Any]:
    """All that a part says but its type."""
    return (leaf for path, leaf in texts_in(part, "") if path != ".type")


def called_texts(calls: Any) -> Iterator[Any]:
    """The names and arguments of calls; arguments that are JSON texts are looked into."""
    for path, leaf in texts_in(calls, ""):
        key = path.split(".")[-1]
        if key in ("arguments", "parameters") and isinstance(leaf, str):
            try:
                yield from (inner for _, inner in texts_in(json.loads(leaf), ""))
                continue
            except (ValueError, RecursionError):
                pass
        if key not in PLUMBING:
            yield leaf


def described_texts(tools: Any) -> list[Any]:
    """The names and descriptions of tools: templates write their types in ways of their own."""
    if isinstance(tools, str):
        try:
            tools = json.loads(tools)
        except (ValueError, RecursionError):
            return [tools]
    leaves = list(texts_in(tools, ""))
    named = [leaf for path, leaf in leaves if path.split(".")[-1] in ("name", "description")]
    return named or [leaf for _, leaf in leaves]
