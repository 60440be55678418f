"""From a row to text: by a template, or as a conversation through the model's own template."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from phi3studio.domain.errors import InputError
from phi3studio.domain.recipe import Data
from phi3studio.domain.template import column_of, missing_column, parse_template
from phi3studio.worker.data.meaning.message_turns import not_learned, places, text_of, turns_at
from phi3studio.worker.data.preparing.conversation import (
    ChatTemplate,
    Message,
    marked_spans,
    marks_answers,
)
from phi3studio.worker.data.preparing.tokenise import Rendered, Segment, Stop, Tokenizer

Row = Mapping[str, Any]
_THOUGHTS = ("thinking", "reasoning")


class Renderer:
    """Renders rows of one data section for one model.

    *known* are the columns that the data has, to distinguish a row without one of them from a
    template that names a column which does not exist.
    """

    def __init__(
        self, data: Data, tokenizer: Tokenizer, stop: Stop, known: Collection[str]
    ) -> None:
        self._tokenizer = tokenizer
        self._stop = stop
        self._known = frozenset(known)
        self._messages = data.messages
        self._chat = chat_template(tokenizer)
        self._marked = marks_answers(tokenizer.chat_template)
        if data.template is not None:
            self._prompt = parse_template(data.template.prompt, "prompt")
            self._completion = parse_template(data.template.completion, "completion")
            beginning = getattr(tokenizer, "bos_token", None)
            if (
                beginning
                and data.template.prompt.startswith(beginning)
                and list(tokenizer("a")["input_ids"])[:1] == [tokenizer.bos_token_id]
            ):
                raise InputError("template.writes_bos", token=beginning)
        elif not tokenizer.chat_template:
            raise InputError("model.no_chat_template")

    def render(self, row: Row) -> Rendered:
        """One row as text; raises :class:`InputError` if it lacks something."""
        if self._messages is None:
            prompt = self._prompt.render(row, self._known)
            completion = self._completion.render(row, self._known)
            if self._completion.columns and not completion.strip():
                raise InputError("data.empty_value", column=self._completion.columns[0])
            body = completion.removesuffix(self._stop.text)
            segments = (Segment(prompt, False), Segment(body, True))
            return Rendered(prompt, body.rstrip("\n"), segments, bos=True)
        return self._conversation(conversation(row, self._messages), tools_of(row))

    def _conversation(self, messages: list[Message], tools: Any) -> Rendered:
        answers = [at for at, turn in enumerate(messages) if turn["role"] == "assistant"]
        if not answers:
            raise InputError("data.no_assistant_turn")
        # What comes after the last answer teaches nothing.
        given = self._chat.accepted(messages[: answers[-1] + 1], tools)
        skipped = {
            at
            for at, turn in enumerate(given)
            if not_learned(turn) or not self._chat.shows_call(turn)
        }
        if self._marked and not skipped:
            whole, spans = marked_spans(lambda: self._with_marks(given, tools), self._stop.text)
        else:
            whole, spans = self._chat.learned(given, tools, self._stop.text, skipped)
        if not spans and not any(turn["role"] in ("user", "tool") for turn in given):
            raise InputError("data.no_user_turn")
        if not spans:
            raise InputError("data.nothing_learned" if skipped else "model.chat_template")
        segments: list[Segment] = []
        end = 0
        for span in spans:
            segments.append(Segment(whole[end : span.start], False))
            segments.append(Segment(whole[span.start : span.end], True, span.stops))
            written = span.stops and whole.startswith(self._stop.text, span.end)
            end = span.end + (len(self._stop.text) if written else 0)
        return Rendered(whole[: spans[-1].start], segments[-1].text, tuple(segments), bos=False)

    def _with_marks(self, messages: list[Message], tools: Any) -> tuple[str, list[tuple[int, int]]]:
        from transformers.utils.chat_template_utils import render_jinja_template

        texts, marks = render_jinja_template(
            [messages],
            tools=tools,
            chat_template=self._tokenizer.chat_template,
            return_assistant_tokens_mask=True,
            **getattr(self._tokenizer, "special_tokens_map", {}),
        )
        return str(texts[0]), [(int(start), int(end)) for start, end in marks[0]]


def chat_template(tokenizer: Tokenizer) -> ChatTemplate:
    """The chat template of a Hugging Face tokenizer."""

    def render(messages: list[Message], tools: Any, generation: bool) -> str:
        extra = {"tools": tools} if tools else {}
        return str(
            tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=generation, **extra
            )
        )

    return ChatTemplate(render)


def conversation(row: Row, column: str) -> list[dict[str, Any]]:
    """The messages of a row with ``role`` and ``content``, whichever way they are written
    (see ``meaning.message_turns``)."""
    value = turns_at(row, column)
    if value is None:
        raise InputError("data.messages_shape", column=column)
    messages = [_message(turn) for turn in value]
    if (system := row.get("system")) and messages[0]["role"] != "system":
        message = _message({"role": "system", "content": system})
        if message["content"].strip() and (isinstance(system, str) or _holds_texts(system)):
            messages.insert(0, message)
    return messages


def _holds_texts(value: Any) -> bool:
    """Whether it is a list of parts with texts, as the content of a message may be."""
    return isinstance(value, list) and all(
        isinstance(part, str) or _has(part, "text") for part in value
    )


def _message(turn: Mapping[str, Any]) -> dict[str, Any]:
    message = {key: value for key, value in turn.items() if value is not None}
    content = message.get("content")
    if isinstance(content, list):
        thoughts = [str(part[key]) for part in content for key in _THOUGHTS if _has(part, key)]
        if thoughts and "reasoning_content" not in message:
            message["reasoning_content"] = "\n".join(thoughts)
        content = "".join(map(_part, content))
    elif isinstance(content, Mapping):
        content = _part(content)
    if content is None:
        content = ""
    message["content"] = content if isinstance(content, str) else json.dumps(content, default=str)
    return message


def _has(part: Any, key: str) -> bool:
    return isinstance(part, Mapping) and isinstance(part.get(key), str)


def _part(part: Any) -> str:
    """The text of a part of a message. Pictures, sound and files have none: ``unread`` counts
    them."""
    text = text_of(part)
    if text is not None:
        return text
    if isinstance(part, Mapping):
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
        named = data.required_columns
    else:
        known = dict.fromkeys(columns)
        named = tuple(name for path in data.text_places for name in places(path, known))
    apart = (name for name in (data.split.column, data.rating) if name)
    existing = dict.fromkeys(columns)
    for name in (*named, *apart):
        if column_of(existing, name) is None:
            raise missing_column(name, list(columns))
