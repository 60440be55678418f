"""From a code and its values to text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from phi3studio.domain.messages.catalogue import find, messages_in
from phi3studio.domain.messages.formatting import MessageFormatter
from phi3studio.domain.messages.message import Message, Said, Values

WITHIN = "within"
"""The value that lists the messages that a message is part of."""


def render(
    code: str,
    values: Values,
    variant: str = "",
    language: str = "en",
    catalogue: Mapping[str, Message] | None = None,
) -> Said | None:
    """What the message says; ``None`` where the catalogue lacks the code or a value is missing.

    A record of a newer or older version may name codes and values that this one does not know.
    *catalogue*: the messages of *language*, unless others are given.
    """
    if catalogue is None:
        catalogue = messages_in(language)
    message = find(code, variant, catalogue)
    if message is None:
        return None
    formatter = _Renderer(language, catalogue)
    try:
        said = Said(*(formatter.vformat(template, (), values) for template in message))
        return say_within(values.get(WITHIN, ()), said, language, catalogue)
    except (KeyError, ValueError, IndexError, TypeError, AttributeError):
        return None


def say_within(
    outers: Iterable[Mapping[str, Any]],
    said: Said,
    language: str = "en",
    catalogue: Mapping[str, Message] | None = None,
) -> Said:
    """*said* as part of the messages *outers*, innermost first; unknown ones leave it as it is."""
    for outer in outers:
        inner = {"code": "", "message": said.message, "hint": said.hint}
        values = {**(outer.get("values") or {}), "inner": inner}
        variant = str(outer.get("variant") or "")
        said = render(str(outer["code"]), values, variant, language, catalogue) or said
    return said


class _Renderer(MessageFormatter):
    """Values that are messages themselves are said in the same language."""

    def __init__(self, language: str, catalogue: Mapping[str, Message]) -> None:
        super().__init__(language)
        self._inner_language = language
        self._catalogue = catalogue

    def format_field(self, value: Any, format_spec: str) -> str:
        match format_spec, value:
            case "message", None:
                return ""
            case "message", {"code": str()}:
                return self._said(value).message
            case "hint", {"code": str()}:
                return self._said(value).hint
            case (("list" | "quoted" | "or"), list()):
                value = [
                    self.format_field(item, "message") if isinstance(item, dict) else item
                    for item in value
                ]
        return super().format_field(value, format_spec)

    def _said(self, value: Mapping[str, Any]) -> Said:
        code, values = str(value["code"]), value.get("values") or {}
        variant = str(value.get("variant") or "")
        said = render(code, values, variant, self._inner_language, self._catalogue)
        recorded = Said(str(value.get("message") or code), str(value.get("hint") or ""))
        return said or recorded
