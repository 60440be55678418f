"""The names that the parts of a data set have: train, validation, test."""

from __future__ import annotations

import re

_PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev", "eval", "evaluation"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}


def part_of(name: str) -> str:
    """train, validation or test, if exactly one of them is in a name; otherwise empty."""
    words = re.split(r"[^a-z]+", name.casefold())
    parts = {_PARTS[word] for word in words if word in _PARTS}
    return parts.pop() if len(parts) == 1 else ""
