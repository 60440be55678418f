"""What errors, problems and findings say, in the language of the window."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydantic import BaseModel
from PySide6.QtCore import QCoreApplication

from phi3studio.domain.messages import Coded, Message, messages_in, messages_of_window, say
from phi3studio.domain.recipe import Fidelity, Limits, Method, Target, Training
from phi3studio.gui.texts.i18n import language


@dataclass(frozen=True)
class Explanation:
    """What happened, what to do next, and the original text where it says more."""

    message: str
    hint: str
    detail: str = ""


def text_of(code: str, english: Message) -> Message:
    """A text that stands where its fact does, in the language of the window."""
    return messages_in(language()).get(code, english)


_KEY = re.compile(
    r"\(?\b(training|method|target|fidelity|limits|data)\.([a-z0-9_]+)(\.[a-z0-9_]+)?\b\)?"
)
# The window has a button for it.
_IGNORE = re.compile(r" ?[^.]*\bdata\.ignore: \[.*?\]\.")
_SECTIONS: dict[str, type[BaseModel]] = {
    "training": Training,
    "method": Method,
    "target": Target,
    "fidelity": Fidelity,
    "limits": Limits,
}


def explain_error(error: Coded) -> Explanation:
    """What an error, problem or finding says in the language of the window.

    Settings are called as the window calls them, and what to do is said by its pages and buttons;
    a recipe's keys and commands stand in the detail.
    """
    said = say(error, language())
    here = say(error, language(), messages_of_window(language()))
    message, hint = (_KEY.sub(_titled, _IGNORE.sub("", text)) for text in here)
    changed = (message, hint) != said
    return Explanation(message, hint, " ".join(said).strip() if changed else "")


def setting_title(key: str) -> str:
    """A recipe's key (``training.epochs``) as the window calls the setting; else the key."""
    translate = QCoreApplication.translate
    others = {
        "model.source": translate("Settings", "Base model"),
        "data.source": translate("Settings", "Data"),
        "data.format": translate("Settings", "Format of the data"),
        "data.template": translate("Settings", "Template"),
        "data.template.prompt": translate("Settings", "Prompt"),
        "data.template.completion": translate("Settings", "Completion"),
        "data.split.held_out": translate("Settings", "Held-out share"),
        "data.split.file": translate("Settings", "File with the held-out rows"),
        "model.adapter": translate("Settings", "Adapter to start from"),
        "model.trust_remote_code": translate("Settings", "Run code of the model"),
        "steps": translate("Settings", "Steps"),
    }
    if key in others:
        return others[key]
    section, _, name = key.partition(".")
    model = _SECTIONS.get(section)
    info = model.model_fields.get(name) if model is not None else None
    if info is None or not info.title:
        return key
    return text_of(f"setting.{key}", Message(info.title, "")).text


def _titled(found: re.Match[str]) -> str:
    """A recipe's key as the title of its setting; anything else as it is."""
    section, name = found[1], found[2]
    if found[0].strip("()") == "data.split.held_out":
        return "(" + QCoreApplication.translate("Settings", "Data page, Split") + ")"
    if found[0] in {"data.split", "data.split.file"}:
        return _quoted(QCoreApplication.translate("Settings", "Split"))
    model = _SECTIONS.get(section)
    info = model.model_fields.get(name) if model is not None else None
    if info is None or not info.title or found[3]:
        return found[0]
    title = text_of(f"setting.{section}.{name}", Message(info.title, "")).text
    bracketed = found[0].startswith("(") and found[0].endswith(")")
    return f"({_quoted(title)})" if bracketed else _quoted(title)


def _quoted(title: str) -> str:
    return QCoreApplication.translate("Settings", "“{title}”").format(title=title)
