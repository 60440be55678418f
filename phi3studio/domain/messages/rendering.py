"""From a code and its values to text."""

from __future__ import annotations

from collections.abc import Mapping

from phi3studio.domain.messages.catalogue import CATALOGUE, find
from phi3studio.domain.messages.formatting import MessageFormatter
from phi3studio.domain.messages.message import Message, Said, Values


def render(
    code: str,
    values: Values,
    variant: str = "",
    language: str = "en",
    catalogue: Mapping[str, Message] = CATALOGUE,
) -> Said | None:
    """What the message says; ``None`` where the catalogue lacks the code or a value is missing.

    A record of a newer or older version may name codes and values that this one does not know.
    """
    message = find(code, variant, catalogue)
    if message is None:
        return None
    formatter = MessageFormatter(language)
    try:
        return Said(*(formatter.vformat(template, (), values) for template in message))
    except (KeyError, ValueError, IndexError, TypeError, AttributeError):
        return None
