"""Columns that say which rows are bad: rejected answers, ignored examples, thumbs down,
answers that were cut off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from phi3studio.worker.data.meaning.answer_ratings import are_ratings, is_good
from phi3studio.worker.data.meaning.column_names import words_of

_REFUSALS = (
    "reject rejected ignore ignored skip skipped discarded declined disapproved bad incorrect "
    "wrong fail failed invalid unhelpful undesirable"
)
_REJECTED = frozenset(_REFUSALS.split())
_DECIDED = (
    "accept accepted approved approve submitted pending good correct right pass passed valid ok "
    "helpful chosen preferred desirable"
)
_DECISIONS = _REJECTED | set(_DECIDED.split())
_GOOD = (
    "label accepted accept approved correct valid good keep verified desirable passed ok helpful "
    "usable kto chosen preferred hilfreich nutzlich freigegeben utile approvato approvata util"
)
_GOOD_IF_TRUE = frozenset(_GOOD.split())
_BAD = (
    "rejected deleted flagged cancelled canceled bad invalid incorrect hallucination hallucinated "
    "discarded hidden wrong undesirable toxic unsafe nsfw"
)
_BAD_IF_TRUE = frozenset(_BAD.split())
_RATINGS = (
    "feedback rating vote votes thumbs thumb verdict quality reaction bewertung valutazione "
    "giudizio valoracion"
)
_RATED = frozenset(_RATINGS.split())
_RATED_BY_NUMBERS = frozenset({"feedback", "thumb", "thumbs"})
_DOWN = "thumbs_down thumbsdown down downvote -1 bad negative dislike 👎"
_THUMBS_DOWN = frozenset({"thumbs down", *_DOWN.split()})
_UNFINISHED = frozenset({"length", "max_tokens", "content_filter", "error"})
_REASONS = ({"finish", "reason"}, {"stop", "reason"}, {"done", "reason"})
_LISTED = 20
_TRUE = frozenset({"true", "yes", "1", "sì", "si", "sí", "ja", "oui", "vero", "wahr", "vrai"})
_FALSE = frozenset({"false", "no", "0", "nein", "non", "falso", "falsch", "faux"})


def why_it_ended(value: Any, path: str) -> Iterator[str]:
    """The places inside of a list or object that say why an answer ended."""
    if isinstance(value, (list, Mapping)):
        inner = value.items() if isinstance(value, Mapping) else enumerate(value[:_LISTED])
        for name, item in inner:
            yield from why_it_ended(item, f"{path}.{name}")
    elif _is_reason(path.rpartition(".")[2]):
        yield path


def _is_reason(name: str) -> bool:
    return any(why <= set(words_of(name)) for why in _REASONS)


def bad_values(name: str, values: Sequence[Any]) -> tuple[str, ...]:
    """The values of a column, as text in lower case, that mark a row as bad; empty if the column
    marks none. For columns next to a prompt and its answer: alone with a text, such a column is
    a label."""
    words = set(words_of(name))
    texts = {
        str(value).strip().casefold()
        for value in values
        if value is not None and not isinstance(value, (list, dict))
    } - {""}
    rejected = texts & _REJECTED
    if rejected and texts <= _DECISIONS:
        return tuple(sorted(rejected))
    if _is_reason(name) and (unfinished := texts & _UNFINISHED):
        return tuple(sorted(unfinished))
    if words & _RATED and (down := texts & _THUMBS_DOWN):
        return tuple(sorted(down))
    if words & _RATED and are_ratings(values):
        down = {str(v).strip().casefold() for v in values if is_good(v) is False}
        # Numbers may as well be counts, such as of votes.
        if words & _RATED_BY_NUMBERS or not any(t.replace(".", "").isdecimal() for t in texts):
            return tuple(sorted(down))
    if texts and texts <= _TRUE | _FALSE:
        if words & _BAD_IF_TRUE:
            return tuple(sorted(texts & _TRUE))
        # “multi_label” says how rows are labelled, not that they are good.
        good = words & _GOOD_IF_TRUE and "multi" not in words
        if good and (words != {"label"} or texts <= {"true", "false"}):
            return tuple(sorted(texts & _FALSE))
    return ()
