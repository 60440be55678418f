"""How recipes differ, for comparing runs."""

from __future__ import annotations

import json
from typing import Any

from phi3studio.domain.recipe import Recipe


def recipe_differences(recipes: tuple[Recipe, ...]) -> list[tuple[str, tuple[str, ...]]]:
    """The settings in which *recipes* differ: (dotted key, one value per recipe)."""
    flat = [_flatten(recipe.to_json()) for recipe in recipes]
    keys = list(dict.fromkeys(key for values in flat for key in values))
    found = [(key, tuple(values.get(key, "") for values in flat)) for key in keys]
    return [(key, row) for key, row in found if len(set(row)) > 1]


def _flatten(value: Any, path: str = "") -> dict[str, str]:
    if isinstance(value, dict):
        result: dict[str, str] = {}
        for key, inner in value.items():
            result |= _flatten(inner, f"{path}.{key}" if path else str(key))
        return result
    return {path: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}
