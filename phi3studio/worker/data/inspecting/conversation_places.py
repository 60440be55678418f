"""Places of rows that hold conversations: whole ones, or their parts in several places."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from phi3studio.domain.datasets.source_report import Shape, ShapeProposal
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import Phrase
from phi3studio.worker.data.inspecting.row_places import (
    DEEPEST,
    Found,
    Rows,
    at,
    columns,
    example,
    is_text,
)
from phi3studio.worker.data.meaning.column_names import NameRole, strength
from phi3studio.worker.data.meaning.column_profile import profiles
from phi3studio.worker.data.meaning.message_turns import (
    NOTE,
    ROLE_KEYS,
    is_known_role,
    role_named,
    turns_of,
)
from phi3studio.worker.data.meaning.tagged_texts import tagged_turns
from phi3studio.worker.data.meaning.transcripts import turns_in

_NEARLY_ALL = 0.8
_TWO_TURNS = 2
_SYSTEM = re.compile(r"system[_ ]?(prompt|message|instructions?|text)")
_HISTORIES = frozenset({"history", "chat_history", "conversation_history", "previous_turns"})
_ASKED = ("instruction", "input", "question", "query", "prompt", "user")
_ANSWERED = ("output", "response", "answer", "completion", "assistant")
_ASKED_INSIDE = frozenset({"question", "prompt", "input", "instruction", "q"})
_ROLE_KEYS = frozenset(ROLE_KEYS)
_SPEAKERS = frozenset(["user", "human", "assistant", "gpt", "bot", "model"])
_JOINED_ANSWERS = ("completion", "response", "answer", "output", "ideal", "target")
_LIST_NAMES = re.compile(
    r"(data|conv|dialog|chat|turns|messages|utteranc|history|thread|gespr|nachricht|messaggi)"
)


def conversations(rows: Rows) -> Found:
    """Places that hold turns: one whole conversation, or its parts in several places."""
    found = {path: kind for path in _turn_places(rows) if (kind := _turns_kind(rows, path))}
    if (joined := _with_history(rows, list(found)) or _numbered_columns(rows)) is not None:
        return [joined]
    whole = [path for path, kind in found.items() if kind == "whole"]
    asked = [path for path, kind in found.items() if kind == "asked"]
    answers = [path for path, kind in found.items() if kind == "answer"]
    _check_questions(rows, whole)
    if len(whole) == len(answers) == 1 and _ends_with_question(rows, whole[0]):
        asked, whole = whole, []
    if len(whole) == 1:
        sure = not (_has_answers_apart(whole[0], rows) or _speaks_otherwise(whole[0], rows))
        shape = _with_beginning(_conversation_shape(whole[0], rows, sure), rows)
        return [_if_unrelated(shape, whole[0], rows)]
    if whole:
        return [_conversation_shape(path, rows, False) for path in whole]
    if not asked and answers:
        asked = [name for name in _ASKED if name != "input" and is_text(rows, name)]
        if not asked:
            raise InputError("data.no_questions", column=answers[0])
    if not asked:
        return []
    roles = {str(turn["role"]) for row in rows for turn in turns_of(at(row, asked[0])) or ()}
    unknown = {role for role in roles if not is_known_role(role)}
    if not answers and unknown != roles:
        answers = [name for name in _JOINED_ANSWERS if is_text(rows, name)]
    likely = [name for name in columns(rows) if strength(name, "answer") > 1]
    sure = bool(answers)
    if not answers and unknown != roles:
        answers = [name for name in likely if is_text(rows, name)]
    if not answers and unknown:
        variant, named = "roles", sorted(unknown)[:8]
        raise InputError("data.no_answers", variant=variant, column=asked[0], roles=named)
    if not answers:
        raise InputError("data.no_answers", column=asked[0])
    path = f"{asked[0]} + {answers[0]}"
    return [
        ShapeProposal(
            shape="messages",
            reasons=(Phrase("shape.turns_and_answer", turns=asked[0], answer=answers[0]),),
            messages=path,
            sure=sure and len(asked) == len(answers) == 1,
        )
    ]


def asked_places(rows: Rows) -> list[str]:
    """Places of turns that end with what nobody answers, the likeliest first; else columns of
    questions."""
    turns = [
        path
        for path in _turn_places(rows)
        if (kind := _turns_kind(rows, path)) == "asked"
        or (kind == "whole" and _ends_with_question(rows, path))
    ]
    return turns or [name for name in _ASKED if is_text(rows, name)]


def _ends_with_question(rows: Rows, path: str) -> bool:
    """Whether the turns of every row end with the user's, so that the answer stands elsewhere."""
    talks = [turns for row in rows if (turns := turns_of(at(row, path)))]
    return all(role_named(str(turns[-1]["role"])) == "user" for turns in talks)


def _check_questions(rows: Rows, paths: Sequence[str]) -> None:
    """Raise :class:`InputError` where only the assistant has a role that is known."""
    for path in paths:
        turns = [turn for row in rows for turn in turns_of(at(row, path)) or ()]
        roles = {str(turn["role"]) for turn in turns}
        strange = {role for role in roles if not is_known_role(role)} - {NOTE}
        if strange and not roles & {"user", "tool"}:
            variant, named = "roles", sorted(strange)[:8]
            raise InputError("data.no_questions", variant=variant, column=path, roles=named)


def _if_unrelated(shape: ShapeProposal, path: str, rows: Rows) -> ShapeProposal:
    """Pairs of a question and its answer may be a conversation, or as many rows. A place that is
    called one, and a text that all of them are about, say that they belong together."""
    name = next((part for part in reversed(path.split(".")) if not part.isdigit()), path)
    together = _LIST_NAMES.search(name.casefold()) and name.casefold() != "data"
    if together or shape.messages != path or not _are_pairs(path, rows):
        return shape
    reasons = (*shape.reasons, Phrase("shape.pairs_together"))
    return shape.model_copy(update={"sure": False, "reasons": reasons})


def _are_pairs(path: str, rows: Rows) -> bool:
    """Whether a place holds several objects, each with a question and its answer."""
    values = [value for row in rows if (value := at(row, path))]
    return any(isinstance(value, list) and len(value) > 1 for value in values) and all(
        isinstance(value, list)
        and all(
            isinstance(pair, Mapping)
            and _ROLE_KEYS.isdisjoint(keys := {str(key).casefold() for key in pair})
            and _SPEAKERS.isdisjoint(keys)
            and len(turns_of([pair]) or ()) > 1
            for pair in value
        )
        for value in values
    )


def _has_answers_apart(path: str, rows: Rows) -> bool:
    """Whether the place holds texts only, and another one as many: questions and their answers."""

    def texts(row: Mapping[str, Any], name: str) -> int:
        value = at(row, name)
        plain = isinstance(value, list) and all(isinstance(item, str) for item in value)
        return len(value) if plain else 0

    others = [name for name in columns(rows) if name != path]
    return any(all(texts(row, path) == texts(row, name) > 1 for row in rows) for name in others)


def _speaks_otherwise(path: str, rows: Rows) -> bool:
    """Whether a list next to the texts says that they are not said by two in turn."""
    holders = [at(row, path.rpartition(".")[0]) for row in rows] if "." in path else []
    said = [
        [str(who) for who in who_speaks]
        for holder in holders
        if isinstance(holder, Mapping)
        for key, who_speaks in holder.items()
        if key in ROLE_KEYS and isinstance(who_speaks, list) and who_speaks
    ]
    first = {names[0] for names in said}
    return len(first) > 1 or any(who == after for names in said for who, after in pairwise(names))


def _with_beginning(shape: ShapeProposal, rows: Rows) -> ShapeProposal:
    """With the column of system prompts, and the context of several questions, before the turns.
    A column that is called “system” is read without being named."""
    path = str(shape.messages)
    value = next((found for row in rows if (found := at(row, path))), None)
    first = value[0] if isinstance(value, list) and isinstance(value[0], Mapping) else {}
    # What several questions are about, or what is done with several inputs.
    about: NameRole | None = (
        "context"
        if "answer" in first
        else "instruction"
        if {"input", "output"} <= set(first)
        else None
    )
    before = [
        name
        for name in columns(rows)
        if (_SYSTEM.fullmatch(name.casefold()) and any(row.get(name) for row in rows))
        or (about and strength(name, about) == 3 and isinstance(example(rows, name), str))
    ]
    if not before or path in before:
        return shape
    places = [*before, path]
    reasons = (*shape.reasons, Phrase("shape.beginning", places=before))
    return shape.model_copy(update={"messages": " + ".join(places), "reasons": reasons})


def _with_history(rows: Rows, found: Sequence[str]) -> ShapeProposal | None:
    """Earlier turns in a column of their own, as LLaMA-Factory's Alpaca files have."""
    history = next((path for path in found if path.casefold() in _HISTORIES), None)
    names = columns(rows)
    asked = [name for name in _ASKED if name in names]
    answer = next((name for name in _ANSWERED if name in names), None)
    if history is None or not asked or answer is None:
        return None
    systems = [name for name in ("system", "system_prompt") if name in names]
    parts = [*systems, history, *asked, answer]
    return ShapeProposal(
        shape="messages",
        reasons=(Phrase("shape.history", history=history, parts=parts),),
        messages=" + ".join(parts),
    )


def _numbered_columns(rows: Rows) -> ShapeProposal | None:
    """A column for each turn: “user_1”, “assistant_1”, “user_2”, “assistant_2”."""
    numbered = re.compile(r"(.*?)[ _-]?(\d+)")
    found = [
        (int(match[2]), role == "assistant", name, role)
        for name in columns(rows)
        if (match := numbered.fullmatch(name)) and (role := role_named(name))
    ]
    turns = [(number, role) for number, _, _, role in found]
    if len(set(turns)) < len(turns) or len({number for number, _ in turns}) < _TWO_TURNS:
        return None
    if not {"user", "assistant"} <= {role for _, role in turns}:
        return None
    systems = [name for name in columns(rows) if _SYSTEM.fullmatch(name.casefold())]
    parts = [*systems, *(name for _, _, name, _ in sorted(found))]
    return ShapeProposal(
        shape="messages",
        reasons=(Phrase("shape.numbered_turns", parts=parts),),
        messages=" + ".join(parts),
    )


def _turn_places(rows: Rows) -> list[str]:
    paths: dict[str, None] = {}
    texts = {name for row in rows[:20] for name, value in row.items() if isinstance(value, str)}
    texts = {name for name in texts if strength(name, "system") < 3}
    # An identifier, a date or a source next to a text does not change what that is.
    details = {p.path for p in profiles(rows) if p.nature not in ("content", "constant")}
    texts = texts - details or texts
    transcripts = [bool(turns_in(str(row.get(name)))) for row in rows[:20] for name in texts]
    # Next to other texts a transcript may be the question, or what has a label.
    are_rows = len(texts) == 1 and sum(transcripts) >= _NEARLY_ALL * len(transcripts)
    for row in rows[:20]:
        for name, value in row.items():
            if not are_rows and isinstance(value, str) and turns_in(value):
                continue
            paths.update(dict.fromkeys(_turn_leaves(value, str(name).strip(), 0)))
    return list(paths)


def _turn_leaves(value: Any, path: str, depth: int) -> Iterator[str]:
    if depth > DEEPEST:
        return
    turns = turns_of(value) if isinstance(value, (list, str, Mapping)) else None
    # Texts, and objects with one key each, are turns where the place is named so.
    plain = isinstance(value, list) and bool(value) and not _says_more(value[0])
    name = next((part for part in reversed(path.split(".")) if not part.isdigit()), path)
    if plain and not _LIST_NAMES.search(name.casefold()):
        turns = None
    if turns is not None and (not isinstance(value, Mapping) or _is_said(value, turns)):
        yield path
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _turn_leaves(inner, f"{path}.{key}", depth + 1)
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        yield from _turn_leaves(value[0], f"{path}.0", depth + 1)


def _says_more(turn: Any) -> bool:
    return isinstance(turn, Mapping) and len(turn) > 1


def _is_said(value: Mapping[str, Any], turns: Sequence[Mapping[str, Any]]) -> bool:
    """Whether an object holds the turns of speakers, or is one whose speaker is known."""
    if len(turns) > 1:
        return _ASKED_INSIDE.isdisjoint({str(key).casefold() for key in value})
    holds = turns[0].get("content") is not None or "tool_calls" in turns[0]
    return holds and is_known_role(str(turns[0]["role"]))


def _turns_kind(rows: Rows, path: str) -> str | None:
    """Whether a place holds questions, answers, or whole conversations."""
    roles = [
        {str(turn["role"]) for turn in turns} - {NOTE}
        for row in rows
        if (turns := turns_of(at(row, path))) is not None
    ]
    if not roles or len(roles) * 2 < sum(at(row, path) is not None for row in rows):
        return None
    answered = sum("assistant" in row for row in roles)
    alone = all(row <= {"assistant", "tool"} for row in roles)
    if alone:
        return "answer"
    return "whole" if answered else "asked"


def _conversation_shape(path: str, rows: Rows, sure: bool) -> ShapeProposal:
    value = next((found for row in rows if turns_of(found := at(row, path))), None)
    first = value[0] if isinstance(value, list) and value else None
    shape: Shape = "messages"
    variant = ""
    if isinstance(first, Mapping) and "from" in first:
        shape = variant = "sharegpt"
    elif isinstance(first, Mapping) and "role" in first and "content" in first:
        variant = "messages"
    elif isinstance(first, str):
        variant = "texts"
    elif isinstance(value, str) and tagged_turns(value):
        variant = "tagged"
    elif isinstance(value, str) and turns_in(value):
        variant = "transcripts"
    elif isinstance(value, str):
        variant = "written"
    reasons = [Phrase("shape.conversations", variant=variant, place=path)]
    if not sure:
        reasons.append(Phrase("shape.several_places"))
    return ShapeProposal(shape=shape, reasons=tuple(reasons), messages=path, sure=sure)


def one_turn_a_row(rows: Rows) -> Found:
    """Rows that are one message each: they are refused."""
    for name in columns(rows):
        if name.strip().casefold() not in ROLE_KEYS or len(rows) < 2:
            continue
        values = {str(value) for row in rows if (value := row.get(name))}
        if len(values) > 1 and all(is_known_role(value) for value in values):
            raise InputError("data.one_turn_a_row", column=name)
    return []
