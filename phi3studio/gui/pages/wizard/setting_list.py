"""The settings of a recipe that the window offers, as the recipe's own fields describe them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from PySide6.QtCore import QCoreApplication

from phi3studio.domain.messages import Message
from phi3studio.domain.recipe import Fidelity, Limits, Method, Target, Training
from phi3studio.gui.texts.messages import text_of
from phi3studio.gui.widgets.number_edit import shown

translate = QCoreApplication.translate

_SECTIONS: dict[str, type[BaseModel]] = {
    "training": Training,
    "method": Method,
    "target": Target,
    "fidelity": Fidelity,
    "limits": Limits,
}


@dataclass(frozen=True)
class Setting:
    """One field of the recipe. ``group``: the card that shows it; ``text``: title and
    explanation in English; ``kind``: its type; ``limits``: its range, in words."""

    section: str
    name: str
    group: str
    text: Message
    kind: Any
    limits: str

    @property
    def code(self) -> str:
        """What its translation is found by."""
        return f"setting.{self.section}.{self.name}"

    @property
    def title(self) -> str:
        """Its title in the language of the window."""
        return text_of(self.code, self.text).text

    @property
    def about(self) -> str:
        """Its explanation in the language of the window."""
        return text_of(self.code, self.text).hint


def settings(*groups: str) -> list[Setting]:
    """The settings of some groups, one group after the other; without groups all of them."""
    found = list(_offered())
    wanted = groups or tuple(dict.fromkeys(setting.group for setting in found))
    return [setting for group in wanted for setting in found if setting.group == group]


def _offered() -> Iterator[Setting]:
    for section, model in _SECTIONS.items():
        for name, info in model.model_fields.items():
            extra = info.json_schema_extra
            if isinstance(extra, dict) and "group" in extra:
                text = Message(info.title or "", info.description or "")
                limits = limits_of(info.metadata)
                yield Setting(section, name, str(extra["group"]), text, info.annotation, limits)


def limits_of(rules: Iterable[Any]) -> str:
    """The range that a pydantic field's constraints allow, in the words of the window."""
    texts = {
        "gt": translate("Settings", "more than {}"),
        "ge": translate("Settings", "at least {}"),
        "lt": translate("Settings", "less than {}"),
        "le": translate("Settings", "at most {}"),
    }
    bounds = {
        key: shown(value)
        for rule in rules
        for key in texts
        if (value := getattr(rule, key, None)) is not None
    }
    if bounds.keys() == {"ge", "le"}:
        return translate("Settings", "{low} to {high}").format(low=bounds["ge"], high=bounds["le"])
    return ", ".join(texts[key].format(bounds[key]) for key in texts if key in bounds)
