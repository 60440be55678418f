"""Texts that hold one thing inside of a JSON object: ``{"answer": "…"}``. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence

from phi3studio.worker.data.meaning.column_names import NameRole, strength

_ROLES: tuple[NameRole, ...] = (
    *("question", "answer", "instruction", "prompt", "text", "label", "choices"),
)
_THE_WORD = 3
_MANY = 5
_LONGEST = 20_000


def are_wrapped(texts: Sequence[str]) -> bool:
    """Whether a fifth of the texts or more are objects whose one name says what is inside."""
    return 0 < len(texts) <= _MANY * sum(map(_is_wrapped, texts))


def _is_wrapped(text: str) -> bool:
    if text.lstrip()[:1] != "{" or len(text) > _LONGEST:
        return False
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return (
        isinstance(value, dict)
        and len(value) == 1
        and any(strength(name, role) == _THE_WORD for name in value for role in _ROLES)
    )
