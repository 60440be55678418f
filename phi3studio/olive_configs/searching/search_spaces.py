"""Values of a pass that are spaces to search: what Olive tries one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phi3studio.olive_configs.decisions import Entry, Section
from phi3studio.olive_configs.rules import is_a

_DEFAULT = "DEFAULT_VALUE"
_OF_OLIVE = frozenset({"SEARCHABLE_VALUES", "DEFAULT_SEARCH"})
_TYPES = frozenset({"Categorical", "Boolean", "Conditional", "ConditionalDefault"})
_EXPORTS = frozenset(
    {"precision", "block_size", "accuracy_level", "algo_config", "is_symmetric", "group_size"}
)
"""What the search of a recipe tries of ModelBuilder and of the passes that quantise before it."""


def take_searched(section: Section) -> None:
    """Decide on every value of a pass that is a space, so that the rules see plain values alone."""
    draft = section.draft
    for entry in section.entries:
        shown = _space(entry.value)
        if shown is None:
            continue
        section.take(entry.key)
        key = entry.key.removeprefix("int4_")
        if entry.value == _DEFAULT:
            draft.translate(entry, "Olive's default, as if the key were left out.")
        elif key not in _EXPORTS:
            text = f"{entry.key} is to be searched ({shown}); exports alone are."
            draft.refuse(entry, text, "Write one value.", blocks=True)
        elif not draft.searches:
            text = f"{entry.key} is to be searched ({shown}), and nothing is searched here."
            instead = "Write one value, or a search_strategy with an evaluator."
            draft.refuse(entry, text, instead, blocks=True)
        else:
            text = f"The search tries what fits the model, these or others: {shown}."
            to = "target.quantisation" if key == "precision" else None
            draft.translate(entry, text, to, "int4")


def _space(value: Any) -> str | None:
    """The values of a space in words; ``None`` for what is no space."""
    if isinstance(value, str):
        named = value in _OF_OLIVE or value == _DEFAULT
        return "Olive's own values" if named else None
    if isinstance(value, Mapping):
        typed = value.get("olive_parameter_type") == "SearchParameter"
        if not typed and value.get("type") not in _TYPES:
            return None
        return _listed(value.get("support"))
    if (
        isinstance(value, list)
        and len(value) > 1
        and all(is_a(v, (int, float, bool)) for v in value)
    ):
        return _listed(value)
    return None


def _listed(support: Any) -> str:
    if isinstance(support, list):
        return ", ".join(map(str, support))
    return "depending on another value" if support else "true, false"


def is_kind_of_export(entry: Entry) -> bool:
    """Whether an alternative of ModelBuilder is one, so that a search has it among its kinds."""
    kind = entry.value.get("type") if isinstance(entry.value, Mapping) else None
    return str(kind).rpartition(".")[2].casefold() == "modelbuilder"
