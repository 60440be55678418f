"""The body of ``/v1/chat/completions``: parsed once, here; what we cannot do is an error."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from phi3studio.domain.parsing import parse_json
from phi3studio.domain.sampling import Sampling
from phi3studio.services.chat_client import LoadedModel
from phi3studio.services.openai.api_errors import ApiError, bad_request

DEFAULT_TOKENS = 1024
"""Longest answer where the request names none. Memory is taken for the length that is asked."""


class _Part(BaseModel):
    type: Literal["text"]
    text: str


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore")

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[_Part] | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content or ""


class _Schema(BaseModel):
    model_config = ConfigDict(extra="ignore")

    schema_: dict[str, Any] = Field({"type": "object"}, alias="schema")


class _Format(BaseModel):
    type: Literal["text", "json_object", "json_schema"] = "text"
    json_schema: _Schema | None = None


class _StreamOptions(BaseModel):
    model_config = ConfigDict(extra="ignore")

    include_usage: bool = False


class CompletionRequest(BaseModel):
    """What is understood. ``top_k``, ``repetition_penalty`` and ``guided_choice`` (labels, one of
    which is the answer) are not OpenAI's; other servers know them by these names."""

    model_config = ConfigDict(extra="forbid")

    model: str
    messages: list[_Message] = Field(min_length=1)
    stream: bool = False
    stream_options: _StreamOptions | None = None
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    seed: int | None = Field(None, ge=-(2**63), lt=2**63)
    stop: str | list[str] | None = None
    n: Literal[1] | None = None
    response_format: _Format | None = None
    top_k: int | None = Field(None, ge=1)
    repetition_penalty: float | None = Field(None, gt=0)
    guided_choice: list[str] | None = Field(None, min_length=1)
    # Accepted at the values that ask for nothing.
    presence_penalty: Literal[0] | None = None
    frequency_penalty: Literal[0] | None = None
    logprobs: Literal[False] | None = None
    # Accepted and of no consequence here.
    user: str | None = None
    metadata: dict[str, Any] | None = None
    store: bool | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    service_tier: str | None = None

    @property
    def sampling(self) -> Sampling:
        """Without a temperature the most likely answer is given, as it was measured."""
        plain = Sampling()
        return Sampling(
            temperature=self.temperature or 0.0,
            top_p=self.top_p or plain.top_p,
            top_k=self.top_k or plain.top_k,
            repetition_penalty=self.repetition_penalty or plain.repetition_penalty,
            # The engine's seeds are 31 bits wide.
            seed=None if self.seed is None else self.seed % 2**31,
        )

    @property
    def longest(self) -> int:
        """Most tokens of the answer."""
        return self.max_completion_tokens or self.max_tokens or DEFAULT_TOKENS

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts that end the answer; they are not a part of it."""
        given = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return tuple(text for text in given if text)

    @property
    def constraint(self) -> dict[str, Any]:
        """``labels`` or ``schema`` for the chat service, or neither."""
        if self.guided_choice is not None:
            return {"labels": self.guided_choice}
        wanted = self.response_format
        if wanted is None or wanted.type == "text":
            return {}
        schema = wanted.json_schema.schema_ if wanted.json_schema else {"type": "object"}
        return {"schema": schema}


@dataclass(frozen=True)
class ServedModel:
    """A model as a request names it: an exported model, perhaps with one of its adapters."""

    id: str
    model: LoadedModel
    adapter: str | None = None


def parse_request(body: bytes) -> CompletionRequest:
    """Read a body; raises :class:`ApiError` that names the wrong parameter."""
    try:
        values = parse_json(body)
    except ValueError as exc:
        raise bad_request(f"The body is not JSON: {exc}", None, "invalid_json") from exc
    try:
        return CompletionRequest.model_validate(values)
    except ValidationError as exc:
        first = exc.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or None
        if first["type"] == "extra_forbidden":
            raise bad_request(
                f"This server does not know the parameter {place}.", place, "unknown_parameter"
            ) from exc
        raise bad_request(f"{place}: {first['msg']}", place) from exc


def prompt_of(request: CompletionRequest, model: LoadedModel) -> dict[str, Any]:
    """The messages as the chat service takes them.

    A model that was trained on a template gets its columns from the last user message: a JSON
    object with the columns, or plain text for the only column that has to be filled. Other
    messages have no place in a template.
    """
    if model.is_conversation or model.template is None:
        return {
            "messages": [
                {
                    "role": "system" if message.role == "developer" else message.role,
                    "content": message.text,
                }
                for message in request.messages
            ]
        }
    users = [message for message in request.messages if message.role == "user"]
    if not users:
        raise bad_request("There is no user message.", "messages")
    return {"values": _values(users[-1].text, model)}


def _values(text: str, model: LoadedModel) -> dict[str, str]:
    from phi3studio.domain.template import parse_template

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


def find_model(models: dict[str, ServedModel], name: str) -> ServedModel:
    """The model of that id; raises a 404."""
    if name not in models:
        listed = ", ".join(models)
        raise ApiError(
            404,
            f"The model “{name}” does not exist here. There are: {listed}.",
            "invalid_request_error",
            "model_not_found",
            "model",
        )
    return models[name]
