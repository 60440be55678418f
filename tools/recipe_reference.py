"""Writes docs/recipe.md from the recipe's schema: python -m tools.recipe_reference

With ``--check`` nothing is written, and the exit code is 1 if the page is out of date.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from phi3studio.domain.recipe import Recipe

PAGE = Path(__file__).resolve().parents[1] / "docs" / "recipe.md"
_HEAD = """# Recipe reference

A recipe is a YAML or JSON file that describes a whole run. What is left out has the default below;
a key that does not exist is an error that names the nearest right one. Paths are relative to the
recipe. `phi3studio recipe new --data FILE` writes a first one, `phi3studio recipe schema` prints
this page's source. This page is written by `python -m tools.recipe_reference`.
"""


def page() -> str:
    """The whole page."""
    schema = Recipe.model_json_schema()
    definitions = schema.get("$defs", {})
    blocks = [_HEAD, "## The recipe", _text(schema), _table(schema, definitions)]
    seen: list[str] = []
    waiting = _names(schema, definitions)
    while waiting:
        name = waiting.pop(0)
        if name in seen:
            continue
        seen.append(name)
        section = definitions[name]
        if "properties" in section:
            blocks += [f"## {name}", _text(section), _table(section, definitions)]
            waiting += _names(section, definitions)
    return "\n\n".join(block.strip() for block in blocks if block.strip()) + "\n"


def _names(schema: dict[str, Any], definitions: dict[str, Any]) -> list[str]:
    """The sections that a section's keys hold, in their order."""
    found: list[str] = []

    def look(value: Any) -> None:
        if isinstance(value, dict):
            name = str(value.get("$ref", "")).rpartition("/")[2]
            if name in definitions:
                found.append(name)
            for inner in value.values():
                look(inner)
        elif isinstance(value, list):
            for inner in value:
                look(inner)

    look(schema.get("properties", {}))
    return found


def _text(section: dict[str, Any]) -> str:
    return " ".join(str(section.get("description", "")).split())


def _table(section: dict[str, Any], definitions: dict[str, Any]) -> str:
    rows = ["| key | value | default | |", "| --- | --- | --- | --- |"]
    required = section.get("required", [])
    for key, field in section["properties"].items():
        default = "required" if key in required else _default(field)
        about = _text(field).replace("|", "\\|")
        rows.append(f"| `{key}` | {_kind(field, definitions)} | {default} | {about} |")
    return "\n".join(rows)


def _default(field: dict[str, Any]) -> str:
    value = field.get("default")
    if value is None or isinstance(value, (dict, list)):
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{text}`" if text else ""


def _kind(field: dict[str, Any], definitions: dict[str, Any]) -> str:
    """The type and range of a value, in a few words."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        target = definitions.get(name, {})
        return f"[{name}](#{name.lower()})" if "properties" in target else _kind(target, {})
    if "enum" in field or "const" in field:
        return ", ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    for key in ("anyOf", "oneOf"):
        if key in field:
            kinds = [_kind(option, definitions) for option in field[key]]
            return " or ".join(dict.fromkeys(kind for kind in kinds if kind != "null"))
    if field.get("type") == "array":
        items = field.get("items", {})
        return f"list of {_kind(items, definitions)}" if isinstance(items, dict) else "list"
    low = field.get("minimum", field.get("exclusiveMinimum"))
    high = field.get("maximum", field.get("exclusiveMaximum"))
    limits = "" if low is None and high is None else f" {'' if low is None else low}…{high or ''}"
    return f"{field.get('type', '')}{limits}"


def main() -> int:
    """Write the page, or compare it."""
    text = page()
    if "--check" in sys.argv:
        return int(not PAGE.is_file() or PAGE.read_text("utf-8") != text)
    PAGE.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
