"""Conversations that are kept as a tree of messages, as ChatGPT exports them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NODE = {"message", "parent", "children"}


def last_path(value: Mapping[str, Any]) -> list[Mapping[str, Any]] | None:
    """The messages from the root to the newest answer: of several replies the last is the one that
    was kept. ``None`` if the value is no such tree."""
    if not value or not all(
        isinstance(node, Mapping) and set(node) >= _NODE for node in value.values()
    ):
        return None
    at = next((node for node in value.values() if node["parent"] not in value), None)
    path: list[Mapping[str, Any]] = []
    for _ in value:  # a damaged tree may be a ring
        if at is None:
            break
        if isinstance(at["message"], Mapping) and _says(at["message"].get("content")):
            path.append(at["message"])
        children = at["children"] if isinstance(at["children"], list) else []
        at = next((value[name] for name in reversed(children) if name in value), None)
    return path or None


def _says(content: Any) -> bool:
    """Whether a message holds a text; its first one mostly does not."""
    parts = content.get("parts") if isinstance(content, Mapping) else content
    return any(parts) if isinstance(parts, list) else bool(parts)
