"""Data sets that are recognised by their structure: exports of tools, logs, preference pairs.

A recogniser returns proposals, raises :class:`InputError` for what cannot be trained as it
stands, or returns nothing if the rows are something else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from phi3studio.domain.datasets.source_report import ShapeProposal
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import Phrase
from phi3studio.worker.data.inspecting.annotation_exports import argilla, label_studio, prodigy
from phi3studio.worker.data.inspecting.conversation_places import (
    asked_places,
    conversations,
    one_turn_a_row,
)
from phi3studio.worker.data.inspecting.row_places import (
    Found,
    Rows,
    at,
    columns,
    example,
    is_text,
)
from phi3studio.worker.data.meaning.chat_trees import last_path
from phi3studio.worker.data.meaning.column_names import (
    NameRole,
    is_language,
    strength,
    words_of,
)
from phi3studio.worker.data.meaning.message_turns import turns_of

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
_WORDS = (("tokens",), ("words",))
_TAGS = (("tags",), ("labels",))
_TAG = re.compile(r"O|[BIESLU]-\w+")
_RANKED = frozenset({"rank", "score", "overall_score", "rating", "label", "is_best", "preference"})
_GOOD_ANSWERS = frozenset(
    {"response", "output", "answer", "completion", "messages", "conversations"}
)
_STACK_EXCHANGE = {"id", "posttypeid", "parentid"}
_QUESTIONS: tuple[NameRole, ...] = ("prompt", "question", "instruction", "text", "context")
_LISTED = frozenset({"completions", "responses", "answers", "candidates", "outputs"})


def structured(rows: Rows) -> Found:
    """The proposals of the first structure that the rows have; empty if they have none."""
    for recognise in _RECOGNISERS:
        found = recognise(rows)
        if found:
            return found
    return []


# --- what cannot be trained as it stands -----------------------------------------------------


def _tokenised(rows: Rows) -> Found:
    for name in ("input_ids", "token_ids", "tokens"):
        values = [value for row in rows if (value := row.get(name)) is not None]
        if values and all(_numbers(value) for value in values):
            raise InputError("data.tokenised", column=name)
    return []


def _segments(rows: Rows) -> Found:
    """Texts in segments with a mark for each, as axolotl's input_output has them."""
    for name in columns(rows):
        value = example(rows, name)
        if isinstance(value, list) and all(
            isinstance(part, Mapping) and set(part) == {"label", "text"} for part in value
        ):
            marks = [part["label"] for part in value]
            if all(isinstance(mark, bool) for mark in marks):
                raise InputError("data.segments", column=name)
    return []


def _nested_questions(rows: Rows) -> Found:
    """Documents with many questions each, as the files of SQuAD have them."""
    place = "paragraphs.0.qas"
    found = next((value for row in rows if (value := at(row, place))), None)
    if isinstance(found, list) and isinstance(found[0], Mapping) and "question" in found[0]:
        raise InputError("data.nested", place="paragraphs.qas")
    return []


def _notebook(rows: Rows) -> Found:
    """The cells of a Jupyter notebook."""
    if all("cell_type" in row and "source" in row for row in rows):
        raise InputError("data.notebook")
    return []


def _tagged(rows: Rows) -> Found:
    """A word a row with its tag: “B-PER”, “I-PER”, “O”."""
    for name in columns(rows):
        values = [str(value) for row in rows if (value := row.get(name)) not in (None, "")]
        if sum(map(bool, map(_TAG.fullmatch, values))) >= 0.9 * len(values) > 0 and any(
            value.startswith("B-") for value in values
        ):
            raise InputError("data.spans")
    words = [name for name in columns(rows) if words_of(name)[-1:] in _WORDS]
    for name in columns(rows):
        lists = [value for row in rows if isinstance(value := row.get(name), list) and value]
        if 2 * len(lists) > len(rows) and all(_is_span(span) for spans in lists for span in spans):
            raise InputError("data.spans")
        if words_of(name)[-1:] in _TAGS and any(_tag_words(rows, word, name) for word in words):
            raise InputError("data.spans")
    return []


def _is_span(value: Any) -> bool:
    """A place in a text and its label: ``[0, 5, "CITY"]``."""
    return (
        isinstance(value, list)
        and [type(part) for part in value] == [int, int, str]
        and value[0] <= value[1]
    )


def _tag_words(rows: Rows, words: str, tags: str) -> bool:
    """Whether there is a tag, or its number, for each word of a text."""
    pairs = [(row[words], row[tags]) for row in rows if row.get(words) and row.get(tags)]
    return bool(pairs) and all(
        isinstance(of, list) and isinstance(each, list) and len(of) == len(each)
        for of, each in pairs
    )


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
        raise InputError("data.preference", chosen=good, rejected=bad, way=_way_to(rows, good))
    trained = [n for n in names if folded[n] in _GOOD_ANSWERS]
    lost = [n for n in rejected if n in texts and folded[n].startswith("rejected")]
    if trained and lost:
        way = _way_to(rows, trained[0])
        raise InputError("data.preference", chosen=trained[0], rejected=lost[0], way=way)
    numbered = [n for n in names if _NUMBERED.search(folded[n]) and _is_answer(example(rows, n))]
    verdict = next((n for n in names if _VERDICT.search(folded[n]) and n not in numbered), None)
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


def _way_to(rows: Rows, answer: str) -> str:
    """The option that trains on the good answers with their questions, wherever these stand."""
    turns = turns_of(example(rows, answer))
    asked = asked_places(rows)
    if turns is not None:
        alone = all(turn["role"] == "assistant" for turn in turns) and asked
        return f"--messages '{asked[0]} + {answer}'" if alone else f"--messages '{answer}'"
    if asked and not is_text(rows, asked[0]):
        return f"--messages '{asked[0]} + {answer}'"
    texts = [name for name in columns(rows) if is_text(rows, name)]
    named = [name for role in _QUESTIONS for name in texts if strength(name, role) > 1]
    question = next((name for name in (*asked, *named) if name != answer), "QUESTION")
    return f"--template '{{{question}}}\\n{{=>}}{{{answer}}}'"


def _picks(rows: Rows, name: str) -> bool:
    """Whether a column says by number which of several is the best."""
    values = [value for row in rows if (value := row.get(name)) is not None]
    return bool(values and _PICK.search(name.casefold())) and all(type(n) is int for n in values)


def _is_answer(value: Any) -> bool:
    return isinstance(value, (str, list, dict)) and bool(value)


def _trees(rows: Rows) -> Found:
    names = {name.casefold() for name in columns(rows)}
    of_rows = ({"message_id", "parent_id"}, {"id", "parent_id", "role"}, _STACK_EXCHANGE)
    if any(tree <= names for tree in of_rows):
        raise InputError("data.tree", variant="rows")
    values = [example(rows, name) for name in columns(rows)]
    if any(isinstance(value, Mapping) and _is_tree(value) for value in values):
        raise InputError("data.tree")
    return []


def _is_tree(value: Mapping[str, Any]) -> bool:
    if "replies" in value:
        return True
    nodes = [node for node in value.values() if isinstance(node, Mapping)]
    return last_path(value) is None and any({"parent", "children"} <= set(node) for node in nodes)


# --- pairs of languages --------------------------------------------------------------------------


def _translations(rows: Rows) -> Found:
    whole = {name: example(rows, name) for name in columns(rows)}
    for name in ["", *whole]:
        holder = whole[name] if name else whole
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


_RECOGNISERS: tuple[Callable[[Rows], Found], ...] = (
    _tokenised,
    _tagged,
    _segments,
    _nested_questions,
    _notebook,
    _preferences,
    _trees,
    label_studio,
    argilla,
    prodigy,
    conversations,
    one_turn_a_row,
    _translations,
)
