"""Calls of tools: how a model's own template writes them, and calls read from an answer.

Templates write a call as JSON between texts of their own (``<tool_call>``, ``[TOOL_CALLS]``), with
keys of their own. What a template does is found out by having it write a call.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from phi3studio.domain.errors import InputError
from phi3studio.worker.data.preparing.conversation import ChatTemplate

_NAME, _KEY, _VALUE = "name-7f3a", "key-7f3a", "value-7f3a"
_ID = "call12345"
_ARGUMENTS = {_KEY: _VALUE}
_DECODER = json.JSONDecoder()
Path = tuple[str, ...]


@dataclass(frozen=True)
class CallFormat:
    """How a template writes a call: the text *before* the JSON of it, an example, and where in the
    example name and arguments are. ``listed``: the calls are a JSON list."""

    before: str
    example: Mapping[str, Any]
    name: Path
    arguments: Path
    listed: bool

    @property
    def encoded(self) -> bool:
        """Whether the arguments are JSON in a text, not an object."""
        return isinstance(_at(self.example, self.arguments), str)

    def schema(self, tools: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The JSON schema of exactly one call of one of the *tools* (functions)."""
        calls = [self._schema(self.example, (), tool) for tool in tools]
        one = calls[0] if len(calls) == 1 else {"anyOf": calls}
        if self.listed:
            return {"type": "array", "items": one, "minItems": 1, "maxItems": 1}
        return one

    def _schema(self, value: Any, path: Path, tool: Mapping[str, Any]) -> dict[str, Any]:
        if path == self.name:
            return {"const": tool["name"]}
        if path == self.arguments:
            given = tool.get("parameters") or {"type": "object", "properties": {}}
            return {"type": "string"} if self.encoded else dict(given)
        if isinstance(value, Mapping):
            parts = {key: self._schema(part, (*path, key), tool) for key, part in value.items()}
            return {"type": "object", "properties": parts, "required": list(parts)}
        return {"const": value}

    def read(self, text: str, names: Sequence[str]) -> tuple[str, list[dict[str, str]]]:
        """What *text* says before its first call of one of the tools *names*, and its calls: their
        ``name`` and their ``arguments``, as JSON."""
        calls: list[dict[str, str]] = []
        said = text
        for start, found in _values(text):
            read = [self._read(value, names) for value in found]
            if not read or None in read:
                continue
            if not calls:
                said = text[:start].rstrip().removesuffix(self.before.strip()).rstrip()
            calls += [call for call in read if call is not None]
        return said, calls

    def _read(self, value: Any, names: Sequence[str]) -> dict[str, str] | None:
        name, arguments = _at(value, self.name), _at(value, self.arguments)
        if isinstance(arguments, str):
            try:
                arguments = json.loads(arguments)
            except (ValueError, RecursionError):
                return None
        if name not in names or not isinstance(arguments, dict):
            return None
        return {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)}


def call_format(chat: ChatTemplate) -> CallFormat | None:
    """How the template writes calls; ``None`` where it writes none, or not as JSON."""
    question: dict[str, Any] = {"role": "user", "content": "question"}
    function = {"name": _NAME, "arguments": _ARGUMENTS}
    call = {"id": _ID, "type": "function", "function": function}
    asked = [question, {"role": "assistant", "content": "", "tool_calls": [call]}]
    try:
        prompt = chat.prompt([question])
        whole = chat.rendered(chat.accepted(asked), None, generation=False)
    except InputError:
        return None
    same = next((at for at, (a, b) in enumerate(zip(prompt, whole, strict=False)) if a != b), None)
    answer = whole[len(prompt) if same is None else same :]
    for start, found in _values(answer):
        example = found[0] if len(found) == 1 else None
        name, arguments = _place(example, _NAME), _place_of_arguments(example)
        if isinstance(example, dict) and name is not None and arguments is not None:
            listed = answer[start] == "["
            return CallFormat(answer[:start], example, name, arguments, listed)
    return None


def _values(text: str) -> Iterator[tuple[int, list[Any]]]:
    """Where JSON objects, or lists of them, begin in *text*, and the objects."""
    at = 0
    while at < len(text):
        if text[at] not in "{[":
            at += 1
            continue
        try:
            value, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            at += 1
            continue
        yield at, value if isinstance(value, list) else [value]
        at = end


def _at(value: Any, path: Path) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _place(value: Any, wanted: Any, path: Path = ()) -> Path | None:
    if value == wanted:
        return path
    if isinstance(value, Mapping):
        for key, part in value.items():
            if (found := _place(part, wanted, (*path, key))) is not None:
                return found
    return None


def _place_of_arguments(value: Any, path: Path = ()) -> Path | None:
    given = value
    if isinstance(value, str):
        try:
            given = json.loads(value)
        except ValueError:
            return None
    if given == _ARGUMENTS:
        return path
    for key, part in value.items() if isinstance(value, Mapping) else ():
        if (found := _place_of_arguments(part, (*path, key))) is not None:
            return found
    return None
