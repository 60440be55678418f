"""Labels that a data set stores as numbers, with their names in its features. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Classes = Mapping[str, list[str]]
"""Columns, and the names of their classes by number."""


def class_names(features: Any) -> Classes:
    """The class labels in the features of a Hugging Face data set: an object by columns, or a list
    of ``{"name": …, "type": …}`` as the data set viewer exports it."""
    if isinstance(features, list):
        named = [item for item in features if isinstance(item, Mapping)]
        features = {item.get("name"): item.get("type") for item in named}
    if not isinstance(features, Mapping):
        return {}
    found = {str(column): _names(feature) for column, feature in features.items()}
    return {column: names for column, names in found.items() if names}


def _names(feature: Any) -> list[str]:
    if isinstance(feature, list) and feature:
        return _names(feature[0])
    if not isinstance(feature, Mapping):
        return []
    names = feature.get("names")
    if feature.get("_type") == "ClassLabel" and isinstance(names, list):
        return [str(name) for name in names]
    return _names(feature.get("feature"))


def put_names(row: dict[str, Any], classes: Classes) -> None:
    """Put names in the place of numbers; a number without a name (-1: no label) stays."""
    for column, names in classes.items():
        value = row.get(column)
        if isinstance(value, list):
            row[column] = [_name(item, names) for item in value]
        elif column in row:
            row[column] = _name(value, names)


def _name(value: Any, names: list[str]) -> Any:
    if isinstance(value, str) and value.isdecimal() and value not in names:
        number = int(value[:9])  # of a CSV file
        return names[number] if number < len(names) else value
    return names[value] if type(value) is int and 0 <= value < len(names) else value
