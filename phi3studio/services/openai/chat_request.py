"""The body of ``/v1/chat/completions``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from phi3studio.domain.parsing import parse_json
from phi3studio.domain.template import parse_template
from phi3studio.services.chat_client import LoadedModel
from phi3studio.services.openai.api_errors import bad_request
from phi3studio.services.openai.sampling_request import CompletionRequest, Empty

DEFAULT_TOKENS = 1024
"""Longest answer where the request names none. Memory is taken for the length that is asked."""


def _texts_alone(content: Any) -> Any:
    """Refuse pictures, sound and files in words: the model reads none."""
    for part in content if isinstance(content, list) else ():
        kind = part.get("type") if isinstance(part, dict) else None
        if isinstance(kind, str) and kind not in get_args(_TextKind):
            raise ValueError(f"a part of type {kind} cannot be read: the model reads texts alone")
    return content


_TextKind = Literal["text", "input_text", "output_text"]


class Part(BaseModel):
    """A part of a message."""

    type: _TextKind
    text: str


class _CalledFunction(BaseModel):
    name: str
    arguments: str = "{}"


class _Call(BaseModel):
    id: str = ""
    type: Literal["function"] = "function"
    function: _CalledFunction


class Message(BaseModel):
    """One message of a conversation."""

    model_config = ConfigDict(extra="ignore")

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Annotated[str | list[Part] | None, BeforeValidator(_texts_alone)] = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None
    name: str | None = None

    @property
    def text(self) -> str:
        """All its parts."""
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content or ""

    @property
    def as_sent(self) -> dict[str, Any]:
        """The message as the chat service takes it."""
        role = "system" if self.role == "developer" else self.role
        sent: dict[str, Any] = {"role": role, "content": self.text}
        if self.tool_calls:
            sent["tool_calls"] = [call.model_dump() for call in self.tool_calls]
        for name in ("tool_call_id", "name") if self.role == "tool" else ():
            if (value := getattr(self, name)) is not None:
                sent[name] = value
        return sent


class _Function(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=r"^[a-zA-Z0-9_.-]{1,64}$")
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(BaseModel):
    """A function that an answer may call."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["function"]
    function: _Function

    @property
    def as_sent(self) -> dict[str, Any]:
        """As models are shown it; ``strict`` is for servers."""
        return self.model_dump(exclude_none=True, exclude={"function": {"strict"}})


def tool_options(
    tools: Sequence[Tool] | None, choice: str | None, named: str | None
) -> dict[str, Any]:
    """``tools`` and ``call`` for the chat service, or neither. *choice* is ``none``, ``auto`` or
    ``required``, *named* the one tool that has to be called."""
    names = [tool.function.name for tool in tools or ()]
    if named is not None and named not in names:
        raise ValueError(f"tool_choice: there is no tool {named}")
    if choice == "required" and not names:
        raise ValueError("tool_choice: there are no tools")
    if not tools or choice == "none":
        return {}
    call = [named] if named is not None else names if choice == "required" else None
    return {"tools": [tool.as_sent for tool in tools], "call": call}


def checked_tools(options: dict[str, Any], ask: dict[str, Any]) -> dict[str, Any]:
    """*options*, if what is asked is a conversation: a template has no place for tools."""
    if options and "messages" not in ask:
        raise bad_request(
            "The model was trained on a template, which has no place for tools.",
            "tools",
            "template_tools",
        )
    return options


class _Named(BaseModel):
    name: str


class _Choice(BaseModel):
    type: Literal["function"] = "function"
    function: _Named


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
        wanted = self.json_schema
        return {"schema": wanted.schema_ if wanted is not None else {"type": "object"}}


class ChatRequest(CompletionRequest):
    """What is understood. ``guided_choice`` (labels, one of which is the answer) is not OpenAI's;
    other servers know it by this name."""

    messages: list[Message] = Field(min_length=1)
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    response_format: Format | None = None
    guided_choice: list[str] | None = Field(None, min_length=1)
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=20)
    tools: list[Tool] | None = None
    tool_choice: Literal["none", "auto", "required"] | _Choice | None = None
    # Accepted at the values that ask for nothing.
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

    @model_validator(mode="after")
    def _calls_what_there_is(self) -> ChatRequest:
        if self.tool_options and self.constraint:
            raise ValueError("tools, and response_format or guided_choice, exclude each other")
        return self

    @property
    def constraint(self) -> dict[str, Any]:
        """``labels`` or ``schema`` for the chat service, or neither."""
        if self.guided_choice is not None:
            return {"labels": self.guided_choice}
        return self.response_format.constraint if self.response_format is not None else {}

    @property
    def tool_options(self) -> dict[str, Any]:
        """``tools`` and ``call`` for the chat service, or neither."""
        chosen = self.tool_choice
        if isinstance(chosen, _Choice):
            return tool_options(self.tools, None, chosen.function.name)
        return tool_options(self.tools, chosen, None)

    @property
    def longest(self) -> int:
        """Most tokens of the answer."""
        return self.max_completion_tokens or self.max_tokens or DEFAULT_TOKENS

    def asks(self, model: LoadedModel) -> list[dict[str, Any]]:
        """What the chat service is asked, once for each of the *n* answers."""
        ask = self.options | prompt_of(self.messages, model) | {"max_tokens": self.longest}
        ask |= self.constraint | checked_tools(self.tool_options, ask)
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
        return {"messages": [message.as_sent for message in given]}
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
