"""The body of ``/v1/chat/completions``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from phi3studio.domain.parsing import parse_json
from phi3studio.domain.template import parse_template
from phi3studio.services.chat_client import LoadedModel
from phi3studio.services.openai.api_errors import bad_request
from phi3studio.services.openai.sampling_request import Empty, SamplingRequest

DEFAULT_TOKENS = 1024
"""Longest answer where the request names none. Memory is taken for the length that is asked."""


class _Part(BaseModel):
    type: Literal["text", "input_text", "output_text"]
    text: str


class Message(BaseModel):
    """One message of a conversation."""

    model_config = ConfigDict(extra="ignore")

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[_Part] | None = None
    tool_calls: Empty = None

    @property
    def text(self) -> str:
        """All its parts."""
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content or ""


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid")

    schema_: dict[str, Any] = Field(alias="schema")
    name: str | None = None
    description: str | None = None
    strict: bool | None = None


class Format(BaseModel):
    """What the answer may be: text, any JSON object, or JSON that fits a schema."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["text", "json_object", "json_schema"] = "text"
    json_schema: _Schema | None = None

    @model_validator(mode="after")
    def _has_its_schema(self) -> Format:
        if (self.type == "json_schema") != (self.json_schema is not None):
            raise ValueError("json_schema belongs to the type json_schema, and nothing else does")
        return self

    @property
    def constraint(self) -> dict[str, Any]:
        """``schema`` for the chat service, or nothing."""
        if self.type == "text":
            return {}
        return {
            "schema": closed(self.json_schema.schema_) if self.json_schema else {"type": "object"}
        }


def closed(schema: Any) -> Any:
    """*schema* whose objects have no properties but those that it names: a small model would
    otherwise invent some without end."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {name: closed(part) for name, part in schema.items()}
    if isinstance(parts.get("properties"), dict):
        parts.setdefault("additionalProperties", False)
    return parts


class StreamOptions(BaseModel):
    """What a stream ends with."""

    model_config = ConfigDict(extra="ignore")

    include_usage: bool = False


class ChatRequest(SamplingRequest):
    """What is understood. ``guided_choice`` (labels, one of which is the answer) is not OpenAI's;
    other servers know it by this name."""

    messages: list[Message] = Field(min_length=1)
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    response_format: Format | None = None
    guided_choice: list[str] | None = Field(None, min_length=1)
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=20)
    # Accepted at the values that ask for nothing.
    tools: Empty = None
    tool_choice: Literal["none", "auto"] | None = None
    functions: Empty = None
    function_call: Literal["none", "auto"] | None = None
    audio: None = None
    modalities: list[Literal["text"]] | None = None
    # Accepted and of no consequence here.
    parallel_tool_calls: bool | None = None
    reasoning_effort: str | None = None
    verbosity: str | None = None
    prediction: dict[str, Any] | None = None
    web_search_options: None = None

    @model_validator(mode="after")
    def _has_one_constraint(self) -> ChatRequest:
        if self.guided_choice and self.response_format and self.response_format.type != "text":
            raise ValueError("guided_choice and response_format exclude each other")
        return self

    @property
    def longest(self) -> int:
        """Most tokens of the answer."""
        return self.max_completion_tokens or self.max_tokens or DEFAULT_TOKENS

    @property
    def wants_usage(self) -> bool:
        """Whether a stream ends with the numbers of tokens."""
        return self.stream_options is not None and self.stream_options.include_usage

    def asks(self, model: LoadedModel) -> list[dict[str, Any]]:
        """What the chat service is asked, once for each of the *n* answers."""
        ask = self.options | prompt_of(self.messages, model) | {"max_tokens": self.longest}
        if self.guided_choice is not None:
            ask["labels"] = self.guided_choice
        elif self.response_format is not None:
            ask |= self.response_format.constraint
        if self.logprobs:
            ask["logprobs"] = self.top_logprobs or 0
        return self.repeated(ask)


def prompt_of(given: Sequence[Message], model: LoadedModel) -> dict[str, Any]:
    """The messages as the chat service takes them.

    A model that was trained on a template gets its columns from the last user message: a JSON
    object with the columns, or plain text for the only column that has to be filled. Earlier turns
    have no place in a template; a system message, whose order would not be followed, is an error.
    """
    if model.is_conversation or model.template is None:
        return {
            "messages": [
                {
                    "role": "system" if message.role == "developer" else message.role,
                    "content": message.text,
                }
                for message in given
            ]
        }
    if any(message.role in ("system", "developer") and message.text for message in given):
        raise bad_request(
            "The model was trained on a template that has no place for a system message. Leave it "
            "out, or put what it says into the training's template.",
            "messages",
            "template_system",
        )
    users = [message for message in given if message.role == "user"]
    if not users:
        raise bad_request("There is no user message.", "messages")
    return {"values": _values(users[-1].text, model)}


def _values(text: str, model: LoadedModel) -> dict[str, str]:
    assert model.template is not None
    parsed = parse_template(model.template["prompt"], "prompt")
    try:
        given = parse_json(text)
    except ValueError:
        given = None
    if (
        isinstance(given, dict)
        and set(given) <= set(parsed.columns)
        and set(parsed.required) <= set(given)
    ):
        return {
            name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for name, value in given.items()
            if value is not None
        }
    free = parsed.required or parsed.columns
    if len(free) == 1:
        return {free[0]: text}
    raise bad_request(
        f"The model was trained on a template with the columns {', '.join(parsed.columns)}. "
        f"Write the user message as a JSON object that has "
        f"{', '.join(parsed.required) or 'some of them'}.",
        "messages",
        "template_columns",
    )
