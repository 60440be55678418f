"""Gaps of a recipe: values that somebody still has to write.

In the file a gap is a text in angle brackets that says what belongs there, such as
``<id of the subscription>``. A recipe with gaps can be written, but is none yet.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any

from phi3studio.domain.errors import InputError

ASKED: Mapping[str, tuple[str, Any]] = {
    "azure.subscription": ("id of the subscription", "00000000-0000-0000-0000-000000000000"),
    "azure.resource_group": ("resource group", "gap"),
    "azure.workspace": ("name of the workspace", "gap"),
    "azure.compute": ("name of the compute cluster", "gap"),
    "azure.image": ("base image; without this line, one of Azure ML's own", "gap"),
    "azure.data": (
        "azureml://datastores/STORE/paths/FILE",
        "azureml://datastores/workspaceblobstore/paths/gap",
    ),
    "azure.model": ("azureml://registries/REGISTRY/models/NAME/versions/VERSION", "azureml:gap:1"),
    "azure.hub_token.key_vault": ("https://NAME.vault.azure.net", "https://gap.vault.azure.net"),
    "data.source": ("data file", "gap"),
    "data.split.file": ("file with the rows that are held out", "gap"),
    "data.template.prompt": ("prompt, such as {question}", ""),
    "data.template.completion": ("completion, such as {answer}", "{gap}"),
    "model.source": ("model: a folder, or its id on the hub", "gap"),
    "model.adapter": ("folder of the adapter", "gap"),
}
"""Keys that may be gaps: what belongs there, and a valid value to check the others with."""

_GAP = re.compile(r"<[^<>|\n]+>")


def marker(key: str) -> str:
    """What the file has in place of the value of *key*."""
    return f"<{ASKED[key][0]}>"


def with_gaps(values: Mapping[str, Any], keys: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a recipe's JSON values in which *keys* have other values."""
    changed = copy.deepcopy(dict(values))
    for key, value in keys.items():
        *sections, name = key.split(".")
        place = changed
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = value
    return changed


def check_no_gaps(values: Mapping[str, Any]) -> None:
    """Raise :class:`InputError` for a recipe that somebody still has to complete."""
    found = [f"{key}: {text}" for key, text in _gaps(values)]
    if found:
        raise InputError("recipe.gaps", count=len(found), gaps=found)


def _gaps(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key in ASKED:
        value: Any = values
        for part in key.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if isinstance(value, str) and _GAP.fullmatch(value.strip()):
            yield key, value
