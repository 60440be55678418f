"""The conversation of a row, in whichever of the usual forms it is written.

=============================================  ===================================
form                                           found in
=============================================  ===================================
``[{"role": …, "content": …}]``                OpenAI, TRL
``[{"from": …, "value": …}]`` and other keys   ShareGPT and its variants
``["question", "answer", …]``                  UltraChat, LIMA
``[{"human": …, "assistant": …}]``             one object for each pair of turns
``[["question", "answer"], …]``                histories
``[["user", "question"], …]``                  pairs of a speaker and a text
``[{"user": …}, {"assistant": …}]``            objects named by their speaker
``[{"type": "human", "data": …}]``             LangChain; ``{"author": {"role": …}}``: ChatGPT
``{"turn1": {…}, "turn2": {…}}``               numbered turns
``{"a1": {"message": …, "children": [b2]}}``   ChatGPT's exports: the path to the last answer
``{"role": […], "content": […]}``              Parquet of the library datasets
``{"user": […], "assistant": […]}``            a list for each speaker
a text of one of these                         CSV: JSON or Python's notation
``Human: … Assistant: …``                      transcripts
=============================================  ===================================

A path such as ``prompt + completion`` joins several places of a row; a text there is a turn of
the user, the last one a turn of the assistant, or of whom the place is named after (``user_2``).
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from phi3studio.domain.template import lookup
from phi3studio.worker.data.meaning.called_tools import has_calls, with_calls
from phi3studio.worker.data.meaning.chat_trees import last_path
from phi3studio.worker.data.meaning.column_names import words_of
from phi3studio.worker.data.meaning.transcripts import spoken, turns_in

Turn = Mapping[str, Any]

ROLES = {
    **dict.fromkeys(("human", "user", "prompter", "customer", "client"), "user"),
    **dict.fromkeys(("lead", "contact", "visitor", "end-user", "end_user"), "user"),
    **dict.fromkeys(("admin", "teammate"), "assistant"),
    **dict.fromkeys(
        ("gpt", "chatgpt", "bing", "bard", "bot", "chatbot", "model", "assistant", "ai", "llm"),
        "assistant",
    ),
    **dict.fromkeys(("function_call", "chatgpt response", "agent", "operator"), "assistant"),
    "system": "system",
    "developer": "developer",
    **dict.fromkeys(("tool", "function", "observation", "function_response"), "tool"),
}
"""What a role is called in data sets → what chat templates call it."""

NOTE = "note"
"""The role of a message that was not said to the other side."""
_INTERNAL = ("internal", "private", "is_internal", "is_private", "is_note")
_NOTES = ("note", "internal_note", "private_note", "internal", "internal_comment")
ROLE_KEYS = ("role", "from", "speaker", "author", "sender")
TEXT_KEYS = ("content", "value", "text", "message", "utterance", "parts", "data")
_NAMES_INSIDE = ("role", "type", "name", "id")
_TEXT_TYPES = frozenset({"text", "input_text", "output_text"})
_PAIR_KEYS = (
    *(("user", "assistant"), ("human", "assistant"), ("human", "gpt"), ("human", "bot")),
    *(("user", "bot"), ("user", "model"), ("question", "answer"), ("prompt", "response")),
    *(("prompt", "completion"), ("input", "output"), ("instruction", "output"), ("q", "a")),
)
_JOIN = " + "
_LONGEST_TEXT = 200_000
_TWO = 2
_LONGEST_NAME = 30
_NUMPY_GAP = re.compile(r"\}\s*\n?\s*\{")


def places(path: str, columns: Sequence[str] | Mapping[str, Any] = ()) -> tuple[str, ...]:
    """The places that a path joins; one, if it joins none."""
    return (path,) if path in columns or _JOIN not in path else tuple(path.split(_JOIN))


def turns_at(row: Mapping[str, Any], path: str) -> list[Turn] | None:
    """The turns of a row with ``role`` and ``content``; ``None`` if there is no conversation."""
    found: list[Turn] = []
    joined = False
    names = places(path, row)
    for number, name in enumerate(names):
        try:
            value = lookup(row, name)
        except KeyError:
            value = None
        if len(names) > 1 and value in (None, "", []):
            continue
        part = turns_of(value)
        if part is None and len(names) > 1 and isinstance(value, str):
            last = number == len(names) - 1
            role = "system" if "system" in name.casefold() else role_named(name)
            role = role or ("assistant" if last else "user")
            if role == "user" and joined:
                # An instruction and its input are one turn.
                value = f"{found.pop()['content']}\n\n{value}"
            found.append(_turn(role, value))
            joined = role == "user"
            continue
        if part is None:
            return None
        if joined and part[0]["role"] == "user" and isinstance(part[0].get("content"), str):
            texts = (found.pop()["content"], part[0]["content"])
            text = "\n\n".join(text for text in texts if text)
            part = [{**part[0], "content": text}, *part[1:]]
        joined = False
        found += part
    return found or None


def turns_of(value: Any) -> list[Turn] | None:
    """The turns in a value; ``None`` if it is no conversation."""
    if isinstance(value, str):
        value = _written_out(value) or turns_in(value)
    if isinstance(value, Mapping):
        value = last_path(value) or _of_lists(value) or _numbered(value) or [value]
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        return None
    if all(isinstance(turn, Mapping) for turn in value):
        return _of_objects(value)
    if all(isinstance(turn, str) for turn in value) and len(value) > 1:
        said = [spoken(text) for text in value]
        if all(said):
            return [_turn(*turn) for turn in said if turn]
        return [_turn(("user", "assistant")[at % 2], text) for at, text in enumerate(value)]
    if all(_is_pair(pair) for pair in value):
        if _begin_with_speakers(value):
            return [_turn(canonical_role(who), text) for who, text in value]
        return [
            _turn(role, text)
            for pair in value
            for role, text in zip(("user", "assistant"), pair, strict=True)
        ]
    return None


def not_learned(turn: Turn) -> bool:
    """Whether a data set marks this turn as one that is not to be learned."""
    for key in ("weight", "loss_weight"):
        value = turn.get(key)
        if isinstance(value, (int, float)) and value == 0:
            return True
    return any(
        turn.get(key) in (False, "false", 0) for key in ("loss", "train", "trainable", "training")
    )


def role_named(name: str) -> str | None:
    """Who speaks at a place that is called ``user``, ``assistant_1`` or ``Bot2``."""
    return ROLES.get(name.rpartition(".")[2].rstrip("0123456789").rstrip("_- ").casefold())


def text_of(part: Any) -> str | None:
    """The text of a message's content, or of a part of it; ``None`` for pictures and the like."""
    if isinstance(part, str):
        return part
    if isinstance(part, Mapping):
        if part.get("text") is not None:
            return text_of(part["text"])
        if part.get("type", "text") in _TEXT_TYPES:
            return next((text_of(part[key]) for key in TEXT_KEYS if key in part), None)
    elif isinstance(part, list):
        texts = [text_of(item) for item in part]
        return None if None in texts else "".join(map(str, texts))
    return None


def _begin_with_speakers(pairs: Sequence[Sequence[str]]) -> bool:
    """Whether the first of two texts says who speaks: a known role, or one of a few names."""
    first = [pair[0].strip() for pair in pairs]
    names = set(first)
    if all(is_known_role(name) for name in names):
        return True
    few = len(names) > 1 and len(names) * 2 <= len(first)
    return few and all(len(name) < _LONGEST_NAME for name in names)


def _numbered(value: Mapping[str, Any]) -> list[Turn] | None:
    """The turns of an object that numbers them."""
    turns = list(value.values())
    numbered = len(turns) > 1 and all(str(key)[-1:].isdecimal() for key in value)
    whole = numbered and all(isinstance(turn, Mapping) and _with_known_keys(turn) for turn in turns)
    return turns if whole else None


def _of_lists(value: Mapping[str, Any]) -> list[Turn] | None:
    """The turns of an object that holds one list of roles and one of texts, or a list for each
    of two speakers."""
    lists = {k: v for k, v in value.items() if isinstance(v, (list, tuple))}
    lengths = {len(items) for items in lists.values()}
    speakers = {ROLES.get(str(name).casefold()): name for name in lists}
    if {"user", "assistant"} <= set(speakers) and len(lists) == len(value):
        asked, answered = lists[speakers["user"]], lists[speakers["assistant"]]
        texts = all(isinstance(text, str) for text in (*asked, *answered))
        if texts and 0 <= len(asked) - len(answered) <= 1:
            both = zip_longest(asked, answered)
            turns = [
                (("user", "assistant")[at], text) for pair in both for at, text in enumerate(pair)
            ]
            return [_turn(role, text) for role, text in turns if text is not None]
    roles = [key for key in ROLE_KEYS if key in lists]
    if len(lengths) != 1 or not lengths.isdisjoint({0}) or not roles:
        return None
    if not all(isinstance(role, str) for role in lists[roles[0]]):
        return None
    return [dict(zip(lists, items, strict=True)) for items in zip(*lists.values(), strict=True)]


def _is_event(turn: Turn) -> bool:
    """Whether nothing was said: a help desk's note that a conversation was closed."""
    return "body" in turn and not turn["body"] and not any(turn.get(key) for key in TEXT_KEYS)


def _is_internal(turn: Turn) -> bool:
    """Whether a message is a note among colleagues, which the customer never saw."""
    if turn.get("public") is False or any(turn.get(key) is True for key in _INTERNAL):
        return True
    return any(turn.get(key) in _NOTES for key in ("part_type", "type", "kind", "message_type"))


def _of_objects(value: Sequence[Turn]) -> list[Turn] | None:
    value = [turn for turn in value if not _is_event(turn)]
    if not value:
        return None
    if all(isinstance(turn.get("role"), str) and "content" in turn for turn in value):
        named = list(value)
    else:
        found = [_with_known_keys(turn) for turn in value]
        if any(turn is None for turn in found):
            return _of_pairs(value) or _of_speakers(value)
        named = [turn for turn in found if turn is not None]
    if has_calls(named):
        named = with_calls(named)
    internal = list(map(_is_internal, value))
    if len(named) == len(value) and any(internal):
        named = [
            {**t, "role": NOTE} if note else t for t, note in zip(named, internal, strict=True)
        ]
    if all(turn["role"] in _CANONICAL for turn in named):
        return named
    return [{**turn, "role": canonical_role(turn["role"])} for turn in named]


_CANONICAL = frozenset(ROLES.values())


def canonical_role(role: Any) -> str:
    """A role as chat templates name it; an unknown one as it is."""
    name = str(role)
    return ROLES.get(name.strip().casefold(), name)


def is_known_role(role: str) -> bool:
    """Whether a role is one of those that data sets use."""
    return role.strip().casefold() in ROLES


def _with_known_keys(turn: Turn) -> Turn | None:
    """The turn with its role and text under the usual keys."""
    role = _role_of(turn)
    if role is None:
        return None
    key, name = role
    # What help desks call a text is the body of many other things too.
    keys = (*TEXT_KEYS, "body") if is_known_role(str(name)) else TEXT_KEYS
    text = next((k for k in keys if k != key and turn.get(k) is not None), None)
    if key == "role" and name is turn["role"] and text in (None, "content"):
        return turn
    # A “role” beside “from” that names nobody, and an empty “content”, are in nobody's way.
    rest = {k: item for k, item in turn.items() if k not in (key, text, "role", "content")}
    content = turn[text] if text is not None else None
    inside = text_of(content) if isinstance(content, Mapping) else None
    return {"role": name, "content": content if inside is None else inside, **rest}


def _role_of(turn: Turn) -> tuple[str, str] | None:
    """Who speaks, and the key that says it: a name, a number, an object with a name, or a mark
    such as ``is_user``."""
    for key in ROLE_KEYS:
        value = turn.get(key)
        if isinstance(value, str):
            return key, value
        if isinstance(value, Mapping):
            inside = (value.get(name) for name in _NAMES_INSIDE)
            found = next((name for name in inside if isinstance(name, (str, int))), None)
            return (key, str(found)) if found is not None else None
        if isinstance(value, int) and any(text in turn for text in TEXT_KEYS):
            return key, str(value)
    kind = turn.get("type")
    if isinstance(kind, str) and is_known_role(kind) and any(text in turn for text in TEXT_KEYS):
        return "type", kind
    for key, value in turn.items():
        words = words_of(str(key)) if isinstance(value, bool) else ()
        if len(words) == 2 and words[0] in ("is", "from") and words[1] in ROLES:
            role = ROLES[words[1]]
            return str(key), role if value else {"user": "assistant"}.get(role, "user")
    return None


def _of_speakers(value: Sequence[Turn]) -> list[Turn] | None:
    """The turns of objects that hold one text each, under the name of who says it."""
    named = [next(iter(turn.items())) for turn in value if len(turn) == 1]
    if len(named) < len(value) or not all(isinstance(text, str) for _, text in named):
        return None
    keys = {str(key) for key, _ in named}
    # Names of people begin with a capital, those of fields hardly.
    spoken_by = any(map(is_known_role, keys)) or all(key[:1].isupper() for key in keys)
    if len(keys) < _TWO or not spoken_by:
        return None
    return [_turn(canonical_role(key), text) for key, text in named]


def _of_pairs(value: Sequence[Turn]) -> list[Turn] | None:
    keys = {str(key).casefold(): key for key in value[0]}
    for pair in _PAIR_KEYS:
        if pair[0] not in keys or pair[1] not in keys:
            continue
        asked, answered = (keys[name] for name in pair)
        if not all(isinstance(turn.get(asked), str) and answered in turn for turn in value):
            continue
        found: list[Turn] = []
        for turn in value:
            rest = {key: item for key, item in turn.items() if key not in (asked, answered)}
            system = rest.pop("system", None)
            if isinstance(system, str) and system.strip() and not found:
                found.append(_turn("system", system))
            found.append({"role": "user", "content": turn[asked], **rest})
            found.append(_turn("assistant", turn[answered]))
        return found
    return None


def _is_pair(value: Any) -> bool:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and len(value) == 2
        and all(isinstance(text, str) for text in value)
    )


def _turn(role: str, text: Any) -> Turn:
    return {"role": role, "content": text}


def _written_out(text: str) -> Any:
    """A list that was written as text: JSON, or what Python and numpy print."""
    if text.lstrip()[:1] != "[" or len(text) > _LONGEST_TEXT:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        try:
            value = ast.literal_eval(_NUMPY_GAP.sub("}, {", text.strip()))
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            return None
    return value if isinstance(value, list) and value and isinstance(value[0], Mapping) else None
