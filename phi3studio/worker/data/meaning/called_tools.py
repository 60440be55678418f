"""Calls of tools and their results that are parts of a message's content, as Anthropic, Bedrock
and Gemini write them, as the keys and turns that chat templates know. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Turn = Mapping[str, Any]
_CALLS = ("tool_use", "toolUse", "functionCall", "function_call", "tool_call")
_RESULTS = ("tool_result", "toolResult", "functionResponse", "function_response")
_ARGUMENTS = ("input", "args", "arguments")
_ANSWERS = ("content", "response", "output")
_IDS = ("id", "toolUseId", "tool_use_id")


def has_calls(turns: Sequence[Turn]) -> bool:
    """Whether some turn's content has a call or a result among its parts."""
    return any(
        type(parts := turn.get("content")) is list
        and any(_inside(part, _CALLS) or _inside(part, _RESULTS) for part in parts)
        for turn in turns
    )


def with_calls(turns: Sequence[Turn]) -> list[Turn]:
    """The turns with calls under ``tool_calls`` and each result as a turn of the tool."""
    return [made for turn in turns for made in _parted(turn)]


def _parted(turn: Turn) -> Iterator[Turn]:
    parts = turn.get("content")
    if not isinstance(parts, list):
        yield turn
        return
    calls, rest = list[dict[str, Any]](), list[Any]()
    for part in parts:
        if (call := _inside(part, _CALLS)) is not None:
            calls.append(_call(call))
        elif (result := _inside(part, _RESULTS)) is not None:
            yield _result(result)
        else:
            rest.append(part)
    if calls:
        yield {**turn, "content": rest, "tool_calls": calls}
    elif rest or not parts:
        yield {**turn, "content": rest}


def _inside(part: Any, names: Sequence[str]) -> Mapping[str, Any] | None:
    """What a part holds under one of *names*, or the part that is of such a type."""
    if not isinstance(part, Mapping):
        return None
    if part.get("type") in names:
        return part
    found = next((part[name] for name in names if isinstance(part.get(name), Mapping)), None)
    return found if isinstance(found, Mapping) else None


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    given = [call[key] for key in _ARGUMENTS if call.get(key) is not None]
    function = {"name": call.get("name"), "arguments": given[0] if given else {}}
    named = {"id": number} if (number := _identifier(call)) else {}
    return {**named, "type": "function", "function": function}


def _result(result: Mapping[str, Any]) -> dict[str, Any]:
    answer = next((result[key] for key in _ANSWERS if result.get(key) is not None), "")
    if isinstance(answer, list) and all(isinstance(part, Mapping) for part in answer):
        said = [part.get("text", part.get("json", part)) for part in answer]
        answer = said[0] if len(said) == 1 else said
    text = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
    found: dict[str, Any] = {"role": "tool", "content": text}
    if isinstance(name := result.get("name"), str):
        found["name"] = name
    if number := _identifier(result):
        found["tool_call_id"] = number
    return found


def _identifier(part: Mapping[str, Any]) -> str | None:
    """The identifier of a call; of a result that of its call, which comes last."""
    return next((part[key] for key in reversed(_IDS) if isinstance(part.get(key), str)), None)
