"""What a column of ratings says of an answer: that it is good, that it is bad, or neither."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from phi3studio.worker.data.meaning.column_names import words_of

_UP = (
    "true yes y 1 good up upvote thumbsup like liked positive desirable chosen accepted 👍 +1 "
    "sì si sí ja oui vero wahr vrai gut buona buono bonne bon buena bueno"
)
_DOWN = (
    "false no n 0 bad down downvote thumbsdown dislike disliked negative undesirable rejected "
    "nein non falso falsch faux schlecht cattiva cattivo mauvaise mauvais mala malo"
)
_GOOD = frozenset({*_UP.split(), "thumbs up"})
_BAD = frozenset({*_DOWN.split(), "thumbs down", "👎", "-1"})
# Columns with this name rate the answer next to them, unlike marks of rows that are not to be used.
_NAMES = (
    "label kto feedback rating vote thumb thumbs desirable preference bewertung valutazione "
    "giudizio valoracion"
)
_NAMED = frozenset(_NAMES.split())
_LEAST_SHARE = 0.1


def is_good(value: Any) -> bool | None:
    """Whether *value* rates an answer as good; ``None`` for what is no such rating."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = " ".join(str(value).strip().casefold().replace("_", " ").split())
    if text in _GOOD:
        return True
    return False if text in _BAD else None


def are_ratings(values: Sequence[Any]) -> bool:
    """Whether *values* rate answers, some as good and some as bad, and say nothing else."""
    return {is_good(value) for value in values if value not in (None, "")} == {True, False}


def are_meant(name: str, values: Sequence[Any]) -> bool:
    """Whether a column of ratings is there to learn from: it is called so, and both kinds are
    more than exceptions."""
    found = [is_good(value) for value in values if value not in (None, "")]
    least = min(found.count(True), found.count(False))
    return bool(_NAMED & set(words_of(name))) and least >= _LEAST_SHARE * len(found)
