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
from phi3studio.worker.data.inspecting.conversation_places import conversations, one_turn_a_row
from phi3studio.worker.data.inspecting.preference_pairs import preferences
from phi3studio.worker.data.inspecting.row_places import Found, Rows, at, columns, example
from phi3studio.worker.data.meaning.chat_trees import last_path
from phi3studio.worker.data.meaning.column_names import is_language, words_of

_WORDS = (("tokens",), ("words",))
_TAGS = (("tags",), ("labels",))
_TAG = re.compile(r"O|[BIESLU]-\w+")
_STACK_EXCHANGE = {"id", "posttypeid", "parentid"}


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
    preferences,
    _trees,
    label_studio,
    argilla,
    prodigy,
    conversations,
    one_turn_a_row,
    _translations,
)
