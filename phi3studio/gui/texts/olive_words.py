"""What an import says of an Olive config, in the language of the window.

These sentences stand where the decisions are made, in English. Their translations are looked up by
the sentence, ``{0}`` for what is put in: as gettext does, and as Qt does with the window's own.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from typing import Any

from phi3studio.domain.messages import Coded, Phrase
from phi3studio.gui.texts.i18n import language
from phi3studio.resources import resources

_PLACE = re.compile(r"\\\{(\d)\\\}")


def olive_words(text: str) -> str:
    """A sentence of an import in the language of the window; as it is, where nobody has
    translated it."""
    return _said(text, language())


def olive_error(error: Coded) -> Phrase:
    """Why a config makes no whole recipe, with the sentences of its decisions translated."""
    values: dict[str, Any] = {}
    for key, value in error.values.items():
        if isinstance(value, Mapping) and "code" in value:
            values[key] = olive_error(Phrase.from_json(value))
        else:
            values[key] = olive_words(value) if key in {"text", "instead"} else value
    return Phrase(error.code, variant=error.variant, **values)


def _said(text: str, into: str) -> str:
    exact, patterns = _translations(into)
    if text in exact:
        return exact[text]
    for pattern, translated in patterns:
        if found := pattern.fullmatch(text):
            # What is put in may be a sentence itself.
            parts = {name[1:]: _said(part, into) for name, part in found.groupdict().items()}
            return translated.format(*(parts[name] for name in sorted(parts)))
    return text


@functools.cache
def _translations(into: str) -> tuple[dict[str, str], list[tuple[re.Pattern[str], str]]]:
    """The sentences without places, and the others as patterns, those that say most first."""
    file = resources() / "olive_words" / f"{into}.json"
    table: dict[str, str] = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    patterns = []
    for sentence in sorted(table, key=lambda key: len(re.sub(r"\{\d\}", "", key)), reverse=True):
        with_groups = _PLACE.sub(r"(?P<p\1>.+?)", re.escape(sentence))
        if "(?P<p" in with_groups:
            patterns.append((re.compile(with_groups, re.S), table[sentence]))
    return {key: text for key, text in table.items() if "{0}" not in key}, patterns
