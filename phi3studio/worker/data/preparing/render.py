"""From a row to text: by a template, or as a conversation through the model's own template."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from phi3studio.domain.errors import InputError
from phi3studio.domain.recipe import Data
from phi3studio.domain.template import column_of, missing_column, parse_template
from phi3studio.worker.data.meaning.message_turns import places, turns_at
from phi3studio.worker.data.preparing.tokenise import (
    Rendered,
    Segment,
    Stop,
    Tokenizer,
)

Row = Mapping[str, Any]


class Renderer:
    """Renders rows of one data section for one model.

    *known* are the columns that the data has, so that a row without one of them is told from a
    template that names a column which does not exist.
    """

    def __init__(
        self, data: Data, tokenizer: Tokenizer, stop: Stop, known: Collection[str]
    ) -> None:
        self._tokenizer = tokenizer
        self._stop = stop
        self._known = frozenset(known)
        self._messages = data.messages
        if data.template is not None:
            self._prompt = parse_template(data.template.prompt, "prompt")
            self._completion = parse_template(data.template.completion, "completion")
        elif not tokenizer.chat_template:
            raise InputError(
                "model.no_chat_template",
                "The model's tokenizer has no chat template, so conversations cannot be rendered.",
                "Choose an instruct model, or use columns with a template instead.",
            )

    def render(self, row: Row) -> Rendered:
        """One row as text; raises :class:`InputError` if it lacks something."""
        if self._messages is None:
            prompt = self._prompt.render(row, self._known)
            completion = self._completion.render(row, self._known)
            body = completion.removesuffix(self._stop.text)
            segments = (Segment(prompt, False), Segment(body, True))
            return Rendered(prompt, body.rstrip("\n"), segments, bos=True)
        return self._conversation(conversation(row, self._messages), tools_of(row))

    def _conversation(self, messages: list[dict[str, Any]], tools: Any) -> Rendered:
        """Every assistant turn is learned, as the template itself bounds it: what it adds for a
        turn beyond the generation prompt before it, up to and including the stop token."""
        answers = [at for at, turn in enumerate(messages) if turn.get("role") == "assistant"]
        if not answers:
            raise InputError(
                "data.no_assistant_turn",
                "A conversation has no assistant turn, so there is nothing to learn.",
                "Add the assistant's answer, or drop the row.",
            )
        # What comes after the last answer teaches nothing.
        whole = self._render(messages[: answers[-1] + 1], tools, generation=False)
        segments: list[Segment] = []
        end, before = 0, ""
        for at in answers:
            before = self._render(messages[:at], tools, generation=True)
            after = (
                whole
                if at == answers[-1]
                else self._render(messages[: at + 1], tools, generation=False)
            )
            if not (after.startswith(before) and whole.startswith(after.rstrip("\n"))):
                raise InputError(
                    "model.chat_template",
                    "The model's chat template rewrites earlier turns, so their mask is unknown.",
                    "Use a model whose template keeps the turns, or rows with a template.",
                )
            cut = after.rfind(self._stop.text, len(before))
            stop = cut if cut >= 0 else len(after.rstrip("\n"))
            segments.append(Segment(whole[end : len(before)], False))
            segments.append(Segment(whole[len(before) : stop], True))
            end = stop + (len(self._stop.text) if cut >= 0 else 0)
        return Rendered(whole[: len(before)], segments[-1].text, tuple(segments), bos=False)

    def _render(self, messages: list[dict[str, Any]], tools: Any, *, generation: bool) -> str:
        extra = {"tools": tools} if tools else {}
        try:
            return str(
                self._tokenizer.apply_chat_template(
                    messages, tokenize=False, add_generation_prompt=generation, **extra
                )
            )
        except Exception as exc:  # whatever a template raises: jinja's errors, TypeError, …
            if not messages:
                return ""
            raise InputError(
                "data.conversation",
                f"The model's chat template refuses the conversation: {_first_line(exc)}",
                "Check the order of the roles: most models want user and assistant in turn, "
                "after at most one system message.",
            ) from exc


def conversation(row: Row, column: str) -> list[dict[str, Any]]:
    """The messages of a row with ``role`` and ``content``, whichever way they are written
    (see ``meaning.message_turns``)."""
    value = turns_at(row, column)
    if value is None:
        raise InputError(
            "data.messages_shape",
            f"“{column}” is not a list of messages with role and content.",
            'Write [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}].',
        )
    messages = [_message(turn) for turn in value]
    system = row.get("system")
    if isinstance(system, str) and system.strip() and messages[0]["role"] != "system":
        messages.insert(0, {"role": "system", "content": system})
    return messages


def _message(turn: Mapping[str, Any]) -> dict[str, Any]:
    message = {key: value for key, value in turn.items() if value is not None}
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(map(_part, content))
    elif isinstance(content, Mapping):
        content = _part(content)
    if content is None:
        content = ""
    message["content"] = content if isinstance(content, str) else json.dumps(content, default=str)
    return message


def _part(part: Any) -> str:
    """The text of a part of a message. Pictures, sound and files have none: ``unread`` counts
    them."""
    if isinstance(part, Mapping):
        text = part.get("text")
        if isinstance(text, str):
            return text
        return "" if "type" in part else json.dumps(part, ensure_ascii=False, default=str)
    return str(part)


def tools_of(row: Row) -> Any:
    """The tools of a conversation: a list, or a JSON text of one; ``None`` without."""
    tools = row.get("tools")
    if isinstance(tools, str):
        try:
            tools = json.loads(tools)
        except (ValueError, RecursionError):
            return None
    return tools if isinstance(tools, list) and tools else None


def check_columns(data: Data, columns: Collection[str]) -> None:
    """Every column that the recipe needs must exist in the data."""
    if data.template is not None:
        named = data.template.required
    else:
        named = places(data.messages or "messages", dict.fromkeys(columns))
    split = (data.split.column,) if data.split.column else ()
    existing = dict.fromkeys(columns)
    for name in (*named, *split):
        if column_of(existing, name) is None:
            raise missing_column(name, list(columns))


def _first_line(exc: Exception) -> str:
    return (str(exc).splitlines() or [type(exc).__name__])[0][:200]
