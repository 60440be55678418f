"""The conversation of a row, in whichever of the usual forms it is written.

=============================================  ===================================
form                                           found in
=============================================  ===================================
``[{"role": …, "content": …}]``                OpenAI, TRL
``[{"from": …, "value": …}]`` and other keys   ShareGPT and its variants
``["question", "answer", …]``                  UltraChat, LIMA
``[{"human": …, "assistant": …}]``             one object for each pair of turns
``[["question", "answer"], …]``                histories
``{"role": […], "content": […]}``              Parquet of the library datasets
a text of one of these                         CSV: JSON or Python's notation
``Human: … Assistant: …``                      transcripts
=============================================  ===================================

A path such as ``prompt + completion`` joins several places of a row; a text there is a turn of
the user, the last one a turn of the assistant.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from phi3studio.domain.template import lookup
from phi3studio.worker.data.meaning.transcripts import turns_in

Turn = Mapping[str, Any]

ROLES = {
    **dict.fromkeys(("human", "user", "prompter", "customer", "client"), "user"),
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

ROLE_KEYS = ("role", "from", "speaker", "author", "sender")
TEXT_KEYS = ("content", "value", "text", "message", "utterance", "parts")
_PAIR_KEYS = (
    *(("user", "assistant"), ("human", "assistant"), ("human", "gpt"), ("human", "bot")),
    *(("user", "bot"), ("user", "model"), ("question", "answer"), ("prompt", "response")),
    *(("prompt", "completion"), ("input", "output"), ("instruction", "output")),
)
_JOIN = " + "
_LONGEST_TEXT = 200_000
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
            role = "assistant" if last else "system" if "system" in name.casefold() else "user"
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
        value = _of_lists(value) or [value]
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        return None
    if all(isinstance(turn, Mapping) for turn in value):
        return _of_objects(value)
    if all(isinstance(turn, str) for turn in value) and len(value) > 1:
        return [_turn(("user", "assistant")[at % 2], text) for at, text in enumerate(value)]
    if all(_is_pair(pair) for pair in value):
        return [
            _turn(role, text)
            for pair in value
            for role, text in zip(("user", "assistant"), pair, strict=True)
        ]
    return None


def _of_lists(value: Mapping[str, Any]) -> list[Turn] | None:
    """The turns of an object that holds one list of roles and one of texts."""
    lists = {k: v for k, v in value.items() if isinstance(v, (list, tuple))}
    lengths = {len(items) for items in lists.values()}
    if len(lengths) != 1 or not lengths.isdisjoint({0}) or not set(lists) & set(ROLE_KEYS):
        return None
    return [dict(zip(lists, items, strict=True)) for items in zip(*lists.values(), strict=True)]


def _of_objects(value: Sequence[Turn]) -> list[Turn] | None:
    if all(isinstance(turn.get("role"), str) and "content" in turn for turn in value):
        named = list(value)
    else:
        found = [_with_known_keys(turn) for turn in value]
        if any(turn is None for turn in found):
            return _of_pairs(value)
        named = [turn for turn in found if turn is not None]
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
    role = next((key for key in ROLE_KEYS if isinstance(turn.get(key), str)), None)
    if role is None:
        return None
    text = next((key for key in TEXT_KEYS if key != role and turn.get(key) is not None), None)
    if role == "role" and text in (None, "content"):
        return turn
    rest = {key: item for key, item in turn.items() if key not in (role, text)}
    content = turn[text] if text is not None else None
    return {"role": turn[role], "content": content, **rest}


def _of_pairs(value: Sequence[Turn]) -> list[Turn] | None:
    for asked, answered in _PAIR_KEYS:
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
