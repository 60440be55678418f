"""Values that an imported recipe leaves open: the draft without them, and where each is written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from phi3studio.domain.recipe import Recipe
from phi3studio.wizard.flow import Draft, PageName, from_recipe, visit

# Key of the recipe → field of the draft, and what it has while nothing is said.
_FIELDS: dict[str, tuple[str, Any]] = {
    "data.source": ("source", None),
    "data.template.prompt": ("prompt", ""),
    "data.template.completion": ("completion", ""),
    "model.source": ("model", ""),
    "model.adapter": ("adapter", None),
}
_PAGES: dict[str, PageName] = {"data": "data", "model": "model", "azure": "target"}


def page_of(key: str) -> PageName:
    """The page on which an open value is written."""
    return _PAGES[key.partition(".")[0]]


def from_import(recipe: Recipe, gaps: Iterable[str], at: str = "") -> Draft:
    """A draft of a recipe in which the keys *gaps* only have valid stand-ins; they are empty in the
    draft. It opens at the value *at*, else at its first page."""
    draft = from_recipe(recipe)
    changes: dict[str, Any] = {}
    form: dict[str, Any] = {}
    for key in gaps:
        section, _, name = key.partition(".")
        if section == "azure":
            # The form has the parts of the hub's token as fields of their own.
            form[name.rpartition(".")[2]] = ""
        elif key == "data.split.file":
            changes["split"] = draft.split.model_copy(update={"file": None})
        else:
            field, empty = _FIELDS[key]
            changes[field] = empty
    if form and draft.azure is not None:
        changes["azure"] = draft.azure.model_copy(update=form)
    return visit(draft.model_copy(update=changes), page_of(at) if at else "data")
