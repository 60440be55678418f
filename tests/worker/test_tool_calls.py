"""Calls of tools: how templates write them is found out, and answers are read by it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from phi3studio.worker.chat.tool_calls import CallFormat, call_format
from phi3studio.worker.data.preparing.render import chat_template
from tests.worker.test_chat_templates import tokenizer

WEATHER = {
    "name": "weather",
    "parameters": {
        "type": "object",
        "properties": {"town": {"type": "string"}},
        "required": ["town"],
    },
}
CLOCK = {"name": "clock"}
NAMES = ["weather", "clock"]
CALL = {"name": "weather", "arguments": '{"town": "Rome {old}"}'}
LLAMA = (
    "{% for message in messages %}<|{{ message.role }}|>\n{% if message.tool_calls %}"
    "{% set f = message.tool_calls[0].function %}"
    '{{ \'{"name": "\' + f.name + \'", "parameters": \' + (f.arguments | tojson) + "}" }}'
    "{% else %}{{ message.content }}{% endif %}<|eot|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
WHOLE = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}"
    "{% if message.tool_calls %}<call>{{ message.tool_calls | tojson }}{% endif %}<|eot|>"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def found(name: str, template: str | None = None) -> CallFormat | None:
    made = tokenizer(name)
    if template is None:
        return call_format(chat_template(made))
    own = made.chat_template
    try:
        made.chat_template = template
        return call_format(chat_template(made))
    finally:
        made.chat_template = own


@pytest.mark.parametrize(
    ("name", "template", "before", "listed"),
    [
        ("qwen2.5", None, "<tool_call>", False),
        ("mistral-tekken", None, "[TOOL_CALLS]", True),
        ("qwen2.5", LLAMA, "", False),
        ("qwen2.5", WHOLE, "<call>", True),
    ],
    ids=["qwen", "mistral", "llama", "all of it"],
)
def test_calls_are_written_and_read_as_the_template_does(name, template, before, listed) -> None:
    written = found(name, template)
    assert written is not None
    assert (written.before, written.listed) == (before, listed)
    schema = written.schema([WEATHER, CLOCK])
    call = json.loads(json.dumps(written.example))
    place = call
    for key in written.name[:-1]:
        place = place[key]
    place[written.name[-1]] = "weather"
    place = call
    for key in written.arguments[:-1]:
        place = place[key]
    place[written.arguments[-1]] = json.loads(CALL["arguments"])
    one: Any = [call] if listed else call
    Draft202012Validator(schema).validate(one)
    place[written.arguments[-1]] = {"town": 3}
    assert not Draft202012Validator(schema).is_valid([call] if listed else call)
    place[written.arguments[-1]] = json.loads(CALL["arguments"])
    text = f"I look. {before}{json.dumps(one)}</x>"
    assert written.read(text, NAMES) == ("I look.", [CALL])
    # Also where the decoder leaves out the tokens around it.
    assert written.read(json.dumps(one), NAMES) == ("", [CALL])
    twice = f"{before}{json.dumps(one)}\n{before}{json.dumps(one)}"
    assert written.read(twice, NAMES) == ("", [CALL, CALL])
    assert written.read(text, ["clock"]) == (text, [])


@pytest.mark.parametrize("name", ["phi-3", "gemma-2"])
def test_a_template_without_calls_has_no_format(name) -> None:
    assert found(name) is None


@pytest.mark.parametrize(
    "text", ["", "[1, 2]", "{", "[" * 5000, '{"name": "clock"}', '{"a": 1} {"name": 3}', "plain"]
)
def test_other_answers_are_texts(text) -> None:
    written = found("qwen2.5")
    assert written is not None
    assert written.read(text, NAMES) == (text, [])
