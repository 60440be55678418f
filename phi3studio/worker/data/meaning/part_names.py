"""The names that the parts of a data set have: train, validation, test."""

from __future__ import annotations

import re
from collections.abc import Iterable

_PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev", "eval", "evaluation"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}


def parts_of(names: Iterable[str]) -> dict[str, str]:
    """Part → its name among *names*: of several the shortest, so “train” and not “oos_train”."""
    found: dict[str, str] = {}
    for name in names:
        part = part_of(name)
        if part and len(name) < len(found.get(part, name + " ")):
            found[part] = name
    return found


def part_of(name: str) -> str:
    """train, validation or test, if exactly one of them is in a name; otherwise empty."""
    words = re.split(r"[^a-z]+", name.casefold())
    parts = {_PARTS[word] for word in words if word in _PARTS}
    return parts.pop() if len(parts) == 1 else ""
