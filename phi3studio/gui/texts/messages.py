"""What problems and errors say, in the language of the window.

The domain speaks English and gives every problem a stable code. A known code has a translated
sentence here, filled with the problem's values; for an error of another layer the original text
stays available as the detail. An unknown code shows its original text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from PySide6.QtCore import QCoreApplication, QLocale

from phi3studio.domain.messages import Coded, Message, messages_in, render, say
from phi3studio.domain.recipe import Fidelity, Method, Target, Training
from phi3studio.gui.texts.data_texts import DATA_TEXTS
from phi3studio.gui.texts.error_texts import ERRORS


@dataclass(frozen=True)
class Explanation:
    """What happened, what to do next, and the original text where it says more."""

    message: str
    hint: str
    detail: str = ""


def text_of(code: str, english: Message) -> Message:
    """A text that stands where its fact does, in the language of the window."""
    return messages_in(QLocale().name().split("_")[0]).get(code, english)


_KEY = re.compile(r"\(?\b(training|method|target|fidelity|data)\.([a-z0-9_]+)(\.[a-z0-9_]+)?\b\)?")
_SECTIONS: dict[str, type[BaseModel]] = {
    "training": Training,
    "method": Method,
    "target": Target,
    "fidelity": Fidelity,
}


def explain_error(error: Coded) -> Explanation:
    """What an error says in the language of the window, with the file and row it names.

    Settings are called as the window calls them; a recipe's keys stand in the detail.
    """
    said = _explained(error)
    message, hint = (_KEY.sub(_titled, text) for text in (said.message, said.hint))
    if (message, hint) == (said.message, said.hint):
        return said
    original = f"{said.message} {said.hint}".strip()
    return Explanation(message, hint, said.detail or original)


def _titled(found: re.Match[str]) -> str:
    """A recipe's key as the title of its setting; anything else as it is."""
    section, name = found[1], found[2]
    if found[0].strip("()") == "data.split.held_out":
        return "(" + QCoreApplication.translate("Settings", "page Data, Split") + ")"
    model = _SECTIONS.get(section)
    info = model.model_fields.get(name) if model is not None else None
    if info is None or not info.title or found[3]:
        return found[0]
    title = text_of(f"setting.{section}.{name}", Message(info.title, "")).text
    bracketed = found[0].startswith("(") and found[0].endswith(")")
    return f"(“{title}”)" if bracketed else f"“{title}”"


def _explained(error: Coded) -> Explanation:
    language = QLocale().name().split("_")[0]
    said = render(error.code, error.values, error.variant, language)
    if said is not None:
        return Explanation(*said)
    return explain(error.code, *say(error), error.values)


def explain(
    code: str | None, message: str, hint: str, values: Mapping[str, Any] | None = None
) -> Explanation:
    """The words for an error or a problem.

    In English the original text is the best one: it names file, row and field. In other languages
    the code's sentence is shown and the original kept as the detail, unless *values* fill it.
    """
    code = code or ""
    known, context = ERRORS.get(code), "Errors"
    if known is None:
        known, context = DATA_TEXTS.get(code.split(":")[0]), "Data"
    english = QLocale().language() == QLocale.Language.English
    if known is None or english:
        return Explanation(message, hint)
    said, advice = (QCoreApplication.translate(context, text) if text else "" for text in known)
    try:
        said, advice = (text.format_map(dict(values or {})) for text in (said, advice))
    except (KeyError, ValueError, IndexError):
        return Explanation(message, hint)
    return Explanation(said, advice or hint, "" if values else message)
