"""Data sets that are recognised by their structure: exports of tools, logs, preference pairs.

A recogniser returns proposals, raises :class:`InputError` for what cannot be trained as it
stands, or returns nothing if the rows are something else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from phi3studio.domain.dataset import Shape, ShapeProposal
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import Phrase
from phi3studio.domain.rows.repairs import DropEmpty, DropMarked, Repair
from phi3studio.domain.template import escape, lookup
from phi3studio.worker.data.meaning.bad_marks import bad_values
from phi3studio.worker.data.meaning.column_names import is_language, strength, words_of
from phi3studio.worker.data.meaning.message_turns import ROLE_KEYS, is_known_role, turns_of
from phi3studio.worker.data.meaning.transcripts import turns_in

Rows = Sequence[Mapping[str, Any]]
Found = list[ShapeProposal]
_DEEPEST = 5
_MOST_COLUMNS = 1000
_CHOSEN = re.compile(
    r"(^|[^a-z])(chosen|preferred|accepted|winner|winning|win|better|best|positive)([^a-z]|$)|^(y_w|response_j)$"
)
_REJECTED = re.compile(
    r"(^|[^a-z])(rejected|non[_ ]?preferred|dispreferred|loser|losing|lose|worse|worst|negative)"
    r"([^a-z]|$)|^(y_l|response_k)$"
)
_NUMBERED = re.compile(r"(response|answer|completion|output|model|ref|reply)[_ ]?([ab]|[0-9])$")
_VERDICT = re.compile(r"(prefer|better|winner|chosen|safer|choice|^labels?$)")
_PICK = re.compile(r"(prefer|better|winner|chosen|best|^choice$)")
_RANKED = frozenset({"rank", "score", "overall_score", "rating", "label", "is_best", "preference"})
_GOOD_ANSWERS = frozenset(
    {"response", "output", "answer", "completion", "messages", "conversations"}
)
_LISTED = frozenset({"completions", "responses", "answers", "candidates", "outputs"})


def structured(rows: Rows) -> Found:
    """The proposals of the first structure that the rows have; empty if they have none."""
    for recognise in _RECOGNISERS:
        found = recognise(rows)
        if found:
            return found
    return []


def at(row: Mapping[str, Any], path: str) -> Any:
    """The value at a path, ``None`` where there is none."""
    try:
        return lookup(row, path)
    except KeyError:
        return None


def columns(rows: Rows) -> list[str]:
    """All columns of the rows."""
    return list(dict.fromkeys(str(name) for row in rows for name in row))[:_MOST_COLUMNS]


def heading(path: str) -> str:
    """A place's name as a heading inside a template."""
    parts = [part for part in path.split(".") if not part.isdigit()] or [path]
    if len(parts) > 1 and parts[-1] in ("text", "value", "content", "values"):
        parts.pop()
    words = parts[-1].replace("_", " ").strip()
    return escape(words[:1].upper() + words[1:])


# --- what cannot be trained as it stands -----------------------------------------------------


def _tokenised(rows: Rows) -> Found:
    for name in ("input_ids", "token_ids", "tokens"):
        values = [row.get(name) for row in rows]
        if values and all(_numbers(value) for value in values):
            raise InputError("data.tokenised", column=name)
    return []


def _numbers(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(type(item) is int for item in value)


def _preferences(rows: Rows) -> Found:
    names = columns(rows)
    folded = {name: name.casefold() for name in names}
    rejected = [name for name in names if _REJECTED.search(folded[name])]
    chosen = [n for n in names if _CHOSEN.search(folded[n]) and n not in rejected]
    texts = [n for n in (*chosen, *rejected) if any(_is_answer(row.get(n)) for row in rows)]
    if any(n in texts for n in chosen) and any(n in texts for n in rejected):
        good = next(n for n in chosen if n in texts)
        bad = next(n for n in rejected if n in texts)
        raise InputError("data.preference", chosen=good, rejected=bad)
    trained = [n for n in names if folded[n] in _GOOD_ANSWERS]
    lost = [n for n in rejected if n in texts and folded[n].startswith("rejected")]
    if trained and lost:
        raise InputError("data.preference", chosen=trained[0], rejected=lost[0])
    numbered = [n for n in names if _NUMBERED.search(folded[n]) and _is_answer(rows[0].get(n))]
    verdict = next((n for n in names if _VERDICT.search(folded[n]) and n not in numbered), None)
    if len(numbered) > 1 and verdict is not None:
        raise InputError(
            "data.preference", variant="numbered", answers=numbered[:4], verdict=verdict
        )
    for name in names:
        value = rows[0].get(name)
        if not isinstance(value, list) or len(value) < 2:
            continue
        picked = strength(name, "choices") < 2 and any(_picks(rows, n) for n in names)
        if not picked and folded[name] not in _LISTED:
            continue
        ranked = isinstance(value[0], Mapping) and any(
            _RANKED & {key, *words_of(str(key))} for key in value[0]
        )
        elsewhere = any(
            isinstance(rows[0].get(n), list)
            and len(rows[0][n]) == len(value)
            and _RANKED & {folded[n].rstrip("s")}
            for n in names
        )
        if picked or ranked or elsewhere:
            raise InputError("data.preference", variant="list", answers=name)
    return []


def _picks(rows: Rows, name: str) -> bool:
    """Whether a column says by number which of several is the best."""
    values = [row.get(name) for row in rows]
    return _PICK.search(name.casefold()) is not None and all(type(value) is int for value in values)


def _is_answer(value: Any) -> bool:
    return isinstance(value, (str, list, dict)) and bool(value)


def _trees(rows: Rows) -> Found:
    names = {name.casefold() for name in columns(rows)}
    if {"message_id", "parent_id"} <= names or {"id", "parent_id", "role"} <= names:
        raise InputError("data.tree", variant="rows")
    if any(isinstance(value, Mapping) and _is_tree(value) for value in rows[0].values()):
        raise InputError("data.tree")
    return []


def _is_tree(value: Mapping[str, Any]) -> bool:
    return "replies" in value or any(
        isinstance(node, Mapping) and {"parent", "children"} <= set(node) for node in value.values()
    )


def _one_turn_a_row(rows: Rows) -> Found:
    for name in columns(rows):
        if name.strip().casefold() not in ROLE_KEYS or len(rows) < 2:
            continue
        values = {str(row.get(name)) for row in rows}
        if len(values) > 1 and all(is_known_role(value) for value in values):
            raise InputError("data.one_turn_a_row", column=name)
    return []


# --- exports of annotation tools -----------------------------------------------------------------


def _label_studio(rows: Rows) -> Found:
    if not all(isinstance(row.get("annotations"), list) and "data" in row for row in rows):
        return []
    results = [at(row, "annotations.0.result") for row in rows]
    found = [result for result in results if isinstance(result, list) and result]
    texts = _text_places(rows, "data")
    places = {_label_place(result) for result in found}
    if not found or len(places) != 1 or None in places or not texts:
        raise InputError("data.label_studio")
    place = f"annotations.0.result.0.value.{places.pop()}"
    repairs: list[Repair] = []
    if any(at(row, "annotations.0.was_cancelled") for row in rows):
        repairs.append(DropMarked(column="annotations.0.was_cancelled", values=("true",)))
    repairs.append(DropEmpty())
    text = max(texts, key=lambda path: sum(len(str(at(row, path) or "")) for row in rows))
    name = str(found[0][0].get("from_name") or "label")
    return [
        ShapeProposal(
            shape="columns",
            reasons=(Phrase("shape.label_studio", text=text, place=place),),
            prompt=f"### {heading(text)}: {{{text}}}\n### {heading(name)}:\n",
            completion=f"{{{place}}}",
            repairs=tuple(repairs),
        )
    ]


def _label_place(result: list[Any]) -> str | None:
    """Where the one value of an annotation is; ``None`` for spans and several results."""
    value = result[0].get("value") if isinstance(result[0], Mapping) else None
    if len(result) != 1 or not isinstance(value, Mapping) or "start" in value:
        return None
    for key in ("choices", "text", "rating", "number"):
        if key in value:
            return f"{key}.0" if isinstance(value[key], list) else key
    return None


def _text_places(rows: Rows, column: str) -> list[str]:
    value = rows[0].get(column)
    if not isinstance(value, Mapping):
        return []
    return [f"{column}.{key}" for key, item in value.items() if isinstance(item, str)]


def _argilla(rows: Rows) -> Found:
    first = rows[0]
    if isinstance(first.get("fields"), Mapping) and "responses" in first:
        texts = _text_places(rows, "fields")
        answers = [
            path
            for path in _leaves(first.get("responses"), "responses")
            if path.endswith((".value", ".values.0.value"))
        ]
        if len(answers) != 1 or not texts:
            raise InputError("data.argilla", places=answers[:8] or ["responses"])
        return [_annotated(texts, answers[0])]
    flat = [n for n in columns(rows) if n.endswith(".responses")]
    if flat:
        texts = [n for n in columns(rows) if isinstance(first.get(n), str) and "." not in n]
        texts = [n for n in texts if n not in ("id", "status", "external_id", "_server_id")]
        if len(flat) != 1 or not texts:
            raise InputError("data.argilla", places=flat[:8])
        return [_annotated(texts, f"{flat[0]}.0")]
    if "annotation" in first and "prediction" in first:
        texts = ["text"] if isinstance(first.get("text"), str) else _text_places(rows, "inputs")
        if not texts or isinstance(first.get("annotation"), (list, Mapping)):
            raise InputError("data.argilla", places=["annotation"])
        return [_annotated(texts, "annotation")]
    return []


def _annotated(texts: list[str], answer: str) -> ShapeProposal:
    prompt = "".join(f"### {heading(text)}: {{{text}}}\n" for text in texts)
    name = answer.removesuffix(".0").removesuffix(".responses").removesuffix(".value")
    return ShapeProposal(
        shape="columns",
        reasons=(Phrase("shape.argilla", answer=answer),),
        prompt=f"{prompt}### {heading(name)}:\n",
        completion=f"{{{answer}}}",
        repairs=(DropEmpty(),),
    )


def _prodigy(rows: Rows) -> Found:
    if not all("_input_hash" in row or "_task_hash" in row for row in rows):
        return []
    label = "accept.0" if any(row.get("accept") for row in rows) else "label"
    if any(row.get("spans") for row in rows) or not any(at(row, label) for row in rows):
        raise InputError("data.spans")
    repairs: list[Repair] = []
    reasons = [Phrase("shape.prodigy", label=label)]
    bad = bad_values("answer", [row.get("answer") for row in rows])
    if bad:
        repairs.append(DropMarked(column="answer", values=bad))
        reasons.append(Phrase("shape.bad_rows", column="answer", values=bad))
    if label == "accept.0":
        repairs.append(DropEmpty())
    return [
        ShapeProposal(
            shape="columns",
            reasons=tuple(reasons),
            prompt=f"### Text: {{text}}\n### {heading(label)}:\n",
            completion=f"{{{label}}}",
            repairs=tuple(repairs),
        )
    ]


# --- conversations -------------------------------------------------------------------------------


def _conversations(rows: Rows) -> Found:
    """Places that hold turns: one whole conversation, or its parts in several places."""
    found = {path: kind for path in _turn_places(rows) if (kind := _turns_kind(rows, path))}
    if (joined := _with_history(rows, list(found))) is not None:
        return [joined]
    whole = [path for path, kind in found.items() if kind == "whole"]
    asked = [path for path, kind in found.items() if kind == "asked"]
    answers = [path for path, kind in found.items() if kind == "answer"]
    if len(whole) == 1:
        return [_with_beginning(_conversation_shape(whole[0], rows, True), rows)]
    if whole:
        return [_conversation_shape(path, rows, False) for path in whole]
    if not asked and answers:
        asked = [
            name
            for name in _ASKED
            if name != "input" and all(isinstance(row.get(name), str) for row in rows)
        ]
        if not asked:
            raise InputError("data.no_questions", column=answers[0])
    if not asked:
        return []
    if not answers:
        answers = [
            name
            for name in ("completion", "response", "answer", "output", "ideal", "target")
            if all(isinstance(row.get(name), str) for row in rows)
        ]
    if not answers:
        turns = [turn for row in rows for turn in turns_of(at(row, asked[0])) or ()]
        unknown = {str(turn["role"]) for turn in turns if not is_known_role(str(turn["role"]))}
        if unknown:
            variant, roles = "roles", sorted(unknown)[:8]
            raise InputError("data.no_answers", variant=variant, column=asked[0], roles=roles)
        raise InputError("data.no_answers", column=asked[0])
    path = f"{asked[0]} + {answers[0]}"
    return [
        ShapeProposal(
            shape="messages",
            reasons=(Phrase("shape.turns_and_answer", turns=asked[0], answer=answers[0]),),
            messages=path,
            sure=len(asked) == len(answers) == 1,
        )
    ]


def _with_beginning(shape: ShapeProposal, rows: Rows) -> ShapeProposal:
    """With the column of system prompts, and the context of several questions, before the turns.
    A column that is called “system” is read without being named."""
    path = str(shape.messages)
    value = next((found for row in rows if (found := at(row, path)) is not None), None)
    pairs = isinstance(value, list) and isinstance(value[0], Mapping) and "answer" in value[0]
    before = [
        name
        for name in columns(rows)
        if (_SYSTEM.fullmatch(name.casefold()) and any(_is_answer(row.get(name)) for row in rows))
        or (pairs and strength(name, "context") == 3 and isinstance(rows[0].get(name), str))
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


def _turn_places(rows: Rows) -> list[str]:
    paths: dict[str, None] = {}
    texts = {name for row in rows[:20] for name, value in row.items() if isinstance(value, str)}
    texts = {name for name in texts if strength(name, "system") < 3}
    transcripts = [bool(turns_in(str(row.get(name)))) for row in rows[:20] for name in texts]
    # Next to other texts a transcript may be the question, or what has a label.
    are_rows = len(texts) == 1 and sum(transcripts) >= _NEARLY_ALL * len(transcripts)
    for row in rows[:20]:
        for name, value in row.items():
            if not are_rows and isinstance(value, str) and turns_in(value):
                continue
            paths.update(dict.fromkeys(_turn_leaves(value, str(name).strip(), 0)))
    return list(paths)


_NEARLY_ALL = 0.8
_SYSTEM = re.compile(r"system[_ ]?(prompt|message|instructions?|text)")
_HISTORIES = frozenset({"history", "chat_history", "conversation_history", "previous_turns"})
_ASKED = ("instruction", "input", "question", "query", "prompt", "user")
_ANSWERED = ("output", "response", "answer", "completion", "assistant")
_LIST_NAMES = re.compile(
    r"(data|conv|dialog|chat|turns|messages|utteranc|history|thread|gespr|nachricht|messaggi)"
)


def _turn_leaves(value: Any, path: str, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    turns = turns_of(value) if isinstance(value, (list, str, Mapping)) else None
    plain = isinstance(value, list) and bool(value) and not isinstance(value[0], Mapping)
    name = next((part for part in reversed(path.split(".")) if not part.isdigit()), path)
    if plain and not _LIST_NAMES.search(name.casefold()):
        turns = None
    if turns is not None and (not isinstance(value, Mapping) or "role" in value):
        yield path
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _turn_leaves(inner, f"{path}.{key}", depth + 1)
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        yield from _turn_leaves(value[0], f"{path}.0", depth + 1)


def _turns_kind(rows: Rows, path: str) -> str | None:
    """Whether a place holds questions, answers, or whole conversations."""
    roles = [
        {str(turn["role"]) for turn in turns}
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
    value = next((found for row in rows if (found := at(row, path)) is not None), None)
    first = value[0] if isinstance(value, list) and value else None
    shape: Shape = "messages"
    variant = ""
    if isinstance(first, Mapping) and "from" in first:
        shape = variant = "sharegpt"
    elif isinstance(first, Mapping) and "role" in first and "content" in first:
        variant = "messages"
    elif isinstance(first, str):
        variant = "texts"
    elif isinstance(value, str) and turns_in(value):
        variant = "transcripts"
    elif isinstance(value, str):
        variant = "written"
    reasons = [Phrase("shape.conversations", variant=variant, place=path)]
    if not sure:
        reasons.append(Phrase("shape.several_places"))
    return ShapeProposal(shape=shape, reasons=tuple(reasons), messages=path, sure=sure)


# --- pairs of languages --------------------------------------------------------------------------


def _translations(rows: Rows) -> Found:
    for name in ["", *columns(rows)]:
        holder = rows[0] if not name else rows[0].get(name)
        if not isinstance(holder, Mapping):
            continue
        prefix = f"{name}." if name else ""
        codes = [
            key
            for key, value in holder.items()
            if isinstance(value, str) and is_language(str(key)) and (name or key != "id")
        ]
        if len(codes) >= 2 and (not name or len(codes) == len(holder)):
            first, second = codes[0], codes[1]
            reason = Phrase(
                "shape.two_languages", first=f"{prefix}{first}", second=f"{prefix}{second}"
            )
            return [
                ShapeProposal(
                    shape="columns",
                    reasons=(reason,),
                    prompt=f"### {source}: {{{prefix}{source}}}\n### {target}:\n",
                    completion=f"{{{prefix}{target}}}",
                    sure=False,
                )
                for source, target in ((first, second), (second, first))
            ]
    return []


def _leaves(value: Any, path: str, depth: int = 0) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}", depth + 1)
    elif isinstance(value, list):
        if value:
            yield from _leaves(value[0], f"{path}.0", depth + 1)
    elif value is not None:
        yield path


_RECOGNISERS: tuple[Callable[[Rows], Found], ...] = (
    _tokenised,
    _preferences,
    _trees,
    _label_studio,
    _argilla,
    _prodigy,
    _conversations,
    _one_turn_a_row,
    _translations,
)
