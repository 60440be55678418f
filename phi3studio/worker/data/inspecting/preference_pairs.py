"""Preference sets: several answers to each prompt, and which of them is better."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from phi3studio.domain.datasets.source_report import ShapeProposal
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import Phrase
from phi3studio.worker.data.inspecting.column_shapes import ColumnShapes
from phi3studio.worker.data.inspecting.conversation_places import asked_places
from phi3studio.worker.data.inspecting.row_places import (
    Found,
    Rows,
    at,
    columns,
    example,
    is_text,
)
from phi3studio.worker.data.meaning.column_names import NameRole, strength, words_of
from phi3studio.worker.data.meaning.message_turns import turns_of

_CHOSEN = re.compile(
    r"(^|[^a-z])(chosen|prefer+ed|accepted|winner|winning|win|better|best|positive)([^a-z]|$)|"
    r"^(y|response|answer|completion|output)_w$|^response_j$"
)
_REJECTED = re.compile(
    r"(^|[^a-z])(rejected|no[nt]_?prefer+ed|dispreferred|loser|losing|lose|worse|worst|negative)"
    r"([^a-z]|$)|^(y|response|answer|completion|output)_l$|^response_k$"
)
# What answers are called in other languages too. A good answer is a better one only where a bad
# one stands next to it, and where the names say that they are answers.
_BETTER_WORDS = (
    "bevorzugt bevorzugte bessere beste migliore preferita scelta accettata meilleure preferee "
    "choisie mejor preferida elegida aceptada lepsza lepsze melhor beter betere"
)
_WORSE_WORDS = (
    "abgelehnt abgelehnte verworfen verworfene schlechtere schlechteste peggiore rifiutata "
    "scartata pire rejetee peor rechazada descartada gorsza gorsze pior slechter slechtere"
)
_BETTER = frozenset(_BETTER_WORDS.split())
_WORSE = frozenset(_WORSE_WORDS.split())
_GOOD = frozenset({"good", "gut", "gute", "buona", "bonne", "buena", "boa", "goed", "dobra"})
_BAD = frozenset(
    {"bad", "schlecht", "schlechte", "cattiva", "mauvaise", "mala", "ruim", "slecht", "zla"}
)
_NUMBERED = re.compile(
    r"(response|answer|completion|output|model|ref|reply|antwort|risposta|reponse|respuesta)"
    r"_?([ab]|[0-9])$"
)
_VERDICT = re.compile(r"(prefer|better|winner|chosen|safer|choice|comparison|^labels?$|^ranking$)")
_SCORED = frozenset({"score", "rating", "rank", "bewertung", "punteggio", "voto"})
_PICK = re.compile(r"(prefer|better|winner|chosen|best|^choice$)")
_RANKED = frozenset({"rank", "score", "overall_score", "rating", "label", "is_best", "preference"})
_GOOD_ANSWERS = frozenset(
    {"response", "output", "answer", "completion", "messages", "conversations"}
)
_QUESTIONS: tuple[NameRole, ...] = ("prompt", "question", "instruction", "text", "context")
_LISTED = frozenset({"completions", "responses", "answers", "candidates", "outputs", "replies"})
_ANSWER = "answer"


def preferences(rows: Rows) -> Found:
    """Pairs of answers, of which one is better; the better answers alone come second.

    Raises :class:`InputError` for rankings and verdicts, which no template can read.
    """
    found = _in_columns(rows)
    objects = [name for name in columns(rows) if isinstance(example(rows, name), Mapping)]
    if found or not objects:
        return found
    try:
        return _in_columns([_opened(row, objects) for row in rows])
    except InputError:  # the options of a question, say, and which of them is right
        return []


def _opened(row: Mapping[str, Any], objects: Sequence[str]) -> dict[str, Any]:
    """*row* with what its *objects* hold as columns, named by their places."""
    opened: dict[str, Any] = {}
    for name, value in row.items():
        if name in objects and isinstance(value, Mapping):
            opened |= {f"{name}.{key}": inner for key, inner in value.items()}
        else:
            opened[name] = value
    return opened


def _in_columns(rows: Rows) -> Found:
    names = columns(rows)
    folded = {name: "_".join(words_of(name)) for name in names}
    rejected = [n for n in names if _REJECTED.search(folded[n]) or _says(n, _WORSE, _BAD)]
    chosen = [n for n in names if _CHOSEN.search(folded[n]) or _says(n, _BETTER, _GOOD)]
    chosen = [n for n in chosen if n not in rejected]
    if not asked_places(rows):
        # What was good and bad about a hotel, and what is like an anchor or not, answer nothing.
        sides = re.compile(r"positive|negative")
        chosen, rejected = (
            [n for n in some if not sides.search(folded[n]) or strength(n, "answer") > 1]
            for some in (chosen, rejected)
        )
    texts = [n for n in (*chosen, *rejected) if any(_is_answer(row.get(n)) for row in rows)]
    if any(n in texts for n in chosen) and any(n in texts for n in rejected):
        good = next(n for n in chosen if n in texts)
        bad = next(n for n in rejected if n in texts)
        return _pairs(rows, good, bad)
    if (empty := [n for n in rejected if _is_empty(rows, n)]) and any(n in texts for n in chosen):
        # Nothing to prefer: the better answers are examples, and that is said.
        good = next(n for n in chosen if n in texts)
        reason = Phrase("shape.worse_empty", chosen=good, rejected=empty[0])
        alone = _pairs(rows, good, empty[0])[-1]
        return [alone.model_copy(update={"reasons": (reason,)})]
    trained = [n for n in names if folded[n] in _GOOD_ANSWERS]
    lost = [n for n in rejected if n in texts and folded[n].startswith("rejected")]
    if trained and lost:
        return _pairs(rows, trained[0], lost[0])
    numbered = [n for n in names if _NUMBERED.search(folded[n]) and _is_answer(example(rows, n))]
    verdict = next((n for n in names if _VERDICT.search(folded[n]) and n not in numbered), None)
    verdict = verdict or _score_of(numbered[:1], names)
    if len(numbered) > 1 and verdict is not None:
        raise InputError(
            "data.preference", variant="numbered", answers=numbered[:4], verdict=verdict
        )
    for name in names:
        value = example(rows, name)
        if not isinstance(value, list) or len(value) < 2:
            continue
        picked = strength(name, "choices") < 2 and any(_picks(rows, n) for n in names)
        if not picked and folded[name] not in _LISTED:
            continue
        ranked = isinstance(value[0], Mapping) and any(
            _RANKED & {key, *words_of(str(key))} for key in value[0]
        )
        elsewhere = any(
            isinstance(other := example(rows, n), list)
            and len(other) == len(value)
            and _RANKED & {folded[n].rstrip("s")}
            for n in names
        )
        if picked or ranked or elsewhere:
            raise InputError("data.preference", variant="list", answers=name)
    return []


def _pairs(rows: Rows, good: str, bad: str) -> Found:
    """The proposals for a better and a worse answer, wherever their questions stand."""
    if inside := [name for name in (good, bad) if _are_single(rows, name)]:
        flat = [{**row, **{n: row[n][0] for n in inside if row.get(n)}} for row in rows]
        return [_of_items(shape, inside) for shape in _pairs(flat, good, bad)]
    better, worse = (_kind(example(rows, name)) for name in (good, bad))
    for name, other in ((good, worse), (bad, better)):
        if other == "text" and _are_texts(example(rows, name)):
            raise InputError("data.preference", variant="several", answers=name)
    if better != worse and not _is_empty(rows, bad):
        raise InputError("data.preference", chosen=good, rejected=bad)
    reason = Phrase("shape.pairs", chosen=good, rejected=bad)
    alone = Phrase("shape.better_alone", chosen=good)
    asked = [place for place in asked_places(rows) if not _shows_both(rows, place, good, bad)]
    if better == "whole":
        before = ""
    elif asked and (better == "answer" or not is_text(rows, asked[0])):
        before = f"{asked[0]} + "
    else:
        found = _template(rows, good, bad)
        completion = found.completion or ""
        rejected = completion.replace(f"{{{good}}}", f"{{{bad}}}")
        return [
            found.model_copy(update={"reasons": (reason,), "rejected": rejected}),
            found.model_copy(update={"reasons": (alone,)}),
        ]
    pairs = ShapeProposal(
        shape="messages",
        reasons=(reason,),
        messages=f"{before}{good}",
        rejected=f"{before}{bad}",
    )
    return [pairs, pairs.model_copy(update={"reasons": (alone,), "rejected": None})]


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _are_single(rows: Rows, name: str) -> bool:
    """Whether a column holds lists of one text each."""
    values = [value for row in rows if (value := row.get(name))]
    return bool(values) and all(_are_texts(value) and len(value) == 1 for value in values)


def _of_items(shape: ShapeProposal, names: Sequence[str]) -> ShapeProposal:
    """*shape* with the first items of the columns *names* in place of these."""

    def first_of(text: str | None, of: str = "{{{}}}") -> str | None:
        for name in names:
            text = text and text.replace(of.format(name), of.format(f"{name}.0"))
        return text

    if shape.messages is None:
        read = {"completion": first_of(shape.completion), "rejected": first_of(shape.rejected)}
    else:
        read = {
            "messages": first_of(shape.messages, " + {}"),
            "rejected": first_of(shape.rejected, " + {}"),
        }
    return shape.model_copy(update=read)


def _kind(answer: Any) -> str:
    """Whether an answer is a text, a list of turns with nobody asking, or a whole conversation."""
    turns = turns_of(answer)
    if turns is None:
        return "text"
    return "answer" if all(turn["role"] == "assistant" for turn in turns) else "whole"


def _template(rows: Rows, good: str, bad: str) -> ShapeProposal:
    """The template that the rows would have without the worse answers."""
    plain = [
        {_ANSWER if name == good else name: value for name, value in row.items() if name != bad}
        for row in rows
    ]
    for shape in ColumnShapes(plain).proposals():
        if shape.completion == f"{{{_ANSWER}}}":
            prompt = f"{shape.prompt}{_gap(rows, shape.prompt or '', good)}"
            return shape.model_copy(update={"prompt": prompt, "completion": f"{{{good}}}"})
    texts = [name for name in columns(rows) if name not in (good, bad) and is_text(rows, name)]
    named = [name for role in _QUESTIONS for name in texts if strength(name, role) > 1]
    prompt = f"{{{named[0]}}}\n" if named else ""
    return ShapeProposal(
        shape="columns", reasons=(), prompt=prompt, completion=f"{{{good}}}", sure=bool(named)
    )


def _gap(rows: Rows, prompt: str, answer: str) -> str:
    """A line break, where a bare prompt and its answers would be one line."""
    column = prompt.strip("{}")
    asked = [str(row.get(column) or "") for row in rows]
    said = [str(row.get(answer) or "") for row in rows]
    glued = any(text[-1:].isspace() for text in asked) or any(text[:1].isspace() for text in said)
    return "\n" if prompt == f"{{{column}}}" and not glued else ""


def _says(name: str, words: frozenset[str], with_answer: frozenset[str]) -> bool:
    said = set(words_of(name))
    return bool(said & words or (said & with_answer and strength(name, "answer") > 1))


def _is_empty(rows: Rows, name: str) -> bool:
    values = [row.get(name) for row in rows]
    return all(value is None or not str(value).strip(" []{}") for value in values)


def _score_of(numbered: Sequence[str], names: Sequence[str]) -> str | None:
    """The column of the score that goes with the first of several answers: “score_a”."""
    for answer in numbered:
        mark = words_of(answer)[-1][-1:]
        for name in names:
            words = words_of(name)
            if name != answer and _SCORED & set(words) and mark in (words[0], words[-1]):
                return name
    return None


def _shows_both(rows: Rows, place: str, good: str, bad: str) -> bool:
    """Whether what is asked there holds both answers: a question to somebody who judged them."""
    row = next((row for row in rows if row.get(good) and row.get(bad) and at(row, place)), None)
    if row is None:
        return False
    asked = "\n".join(str(turn.get("content")) for turn in turns_of(at(row, place)) or ())
    return all(isinstance(row[name], str) and row[name] in asked for name in (good, bad))


def _picks(rows: Rows, name: str) -> bool:
    """Whether a column says by number which of several is the best."""
    values = [value for row in rows if (value := row.get(name)) is not None]
    return bool(values and _PICK.search(name.casefold())) and all(type(n) is int for n in values)


def _is_answer(value: Any) -> bool:
    return isinstance(value, (str, list, dict)) and bool(value)
