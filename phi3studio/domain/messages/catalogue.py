"""All messages, by code, as ``resources/messages/<language>/<topic>.json`` has them.

What they advise is said by commands. ``messages/window/<language>.json`` says it by the window's
pages and buttons: by code the hint, or the text of a message without one.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping

from phi3studio.domain.messages.message import Message
from phi3studio.resources import resources


@functools.cache
def messages_in(language: str) -> Mapping[str, Message]:
    """Code, or code/variant → message in a language; empty where there is none."""
    return {
        code: Message(*texts)
        for file in sorted((resources() / "messages" / language).glob("*.json"))
        for code, texts in json.loads(file.read_text("utf-8")).items()
    }


@functools.cache
def messages_of_window(language: str) -> Mapping[str, Message]:
    """As :func:`messages_in`, with what to do next as it is done in the window."""
    found = dict(messages_in(language))
    file = resources() / "messages" / "window" / f"{language}.json"
    own = json.loads(file.read_text("utf-8")) if found else {}
    for code, words in own.items():
        said = found[code]
        found[code] = said._replace(hint=words) if said.hint else Message(words)
    return found


CATALOGUE = messages_in("en")


def find(
    code: str, variant: str = "", catalogue: Mapping[str, Message] = CATALOGUE
) -> Message | None:
    """The message of a code: the variant's where it has one."""
    return catalogue.get(f"{code}/{variant}") or catalogue.get(code)
