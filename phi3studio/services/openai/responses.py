"""``/v1/responses`` for text: its body, and how an answer is written. Nothing is kept, so no
request can go on from an earlier one."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from phi3studio.services.chat_client import LoadedModel
from phi3studio.services.openai.answer_formats import Json, event
from phi3studio.services.openai.chat_request import DEFAULT_TOKENS, Format, Message, prompt_of
from phi3studio.services.openai.running_answers import Piece, RunningAnswers
from phi3studio.services.openai.sampling_request import Empty, SamplingRequest


class _Item(Message):
    type: Literal["message"] = "message"


class _TextFormat(BaseModel):
    """Like a chat's response format, with the schema's fields one level higher."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["text", "json_object", "json_schema"] = "text"
    name: str | None = None
    description: str | None = None
    schema_: dict[str, Any] | None = Field(None, alias="schema")
    strict: bool | None = None

    @property
    def of_chat(self) -> Format:
        if self.type != "json_schema":
            return Format(type=self.type)
        return Format.model_validate({"type": self.type, "json_schema": {"schema": self.schema_}})


class _Text(BaseModel):
    model_config = ConfigDict(extra="ignore")

    format: _TextFormat | None = None


class ResponsesRequest(SamplingRequest):
    """What is understood."""

    input: str | list[_Item] = Field(min_length=1)
    instructions: str | None = None
    max_output_tokens: int | None = Field(None, ge=1)
    text: _Text | None = None
    n: Literal[1] = 1
    # Accepted at the values that ask for nothing.
    previous_response_id: None = None
    conversation: None = None
    background: Literal[False] | None = None
    tools: Empty = None
    tool_choice: Literal["none", "auto"] | None = None
    include: list[str] | None = None
    prompt: None = None
    top_logprobs: Literal[0] | None = None
    # Accepted and of no consequence here.
    parallel_tool_calls: bool | None = None
    max_tool_calls: int | None = None
    reasoning: dict[str, Any] | None = None
    truncation: Literal["auto", "disabled"] | None = None
    stream_options: dict[str, Any] | None = None

    def asks(self, model: LoadedModel) -> list[dict[str, Any]]:
        """What the chat service is asked."""
        said = self.input
        messages: list[Message] = []
        messages += [Message(role="user", content=said)] if isinstance(said, str) else said
        if self.instructions:
            messages.insert(0, Message(role="system", content=self.instructions))
        ask = self.options | prompt_of(messages, model)
        ask["max_tokens"] = self.max_output_tokens or DEFAULT_TOKENS
        if self.text is not None and self.text.format is not None:
            ask |= self.text.format.of_chat.constraint
        return self.repeated(ask)


class ResponsesFormat:
    """One message of text as the output of a response."""

    def __init__(self, request: ResponsesRequest, model: str) -> None:
        self._request = request
        self._model = model
        self._id, self._message = (f"{kind}_{secrets.token_hex(16)}" for kind in ("resp", "msg"))
        self._created = int(time.time())
        self._count = 0

    def whole(self, answers: RunningAnswers) -> Json:
        answer = answers.all[0]
        cut_off = answer.finish_reason == "length"
        status = "incomplete" if cut_off else "completed"
        reading, writing = answers.prompt_tokens, answers.completion_tokens
        return self._shell(status) | {
            "incomplete_details": {"reason": "max_output_tokens"} if cut_off else None,
            "output": [self._item(status, [_part(answer.text)])],
            "usage": {
                "input_tokens": reading,
                "input_tokens_details": {"cached_tokens": answers.cached_tokens},
                "output_tokens": writing,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": reading + writing,
            },
        }

    def head(self, answers: RunningAnswers) -> Iterator[bytes]:
        for name in ("created", "in_progress"):
            yield self._event(name, response=self._shell("in_progress"))
        yield self._event("output_item.added", output_index=0, item=self._item("in_progress", []))
        yield self._event("content_part.added", **self._place, part=_part(""))

    def piece(self, piece: Piece) -> Iterator[bytes]:
        yield self._event("output_text.delta", **self._place, delta=piece.text, logprobs=[])

    def end(self, answers: RunningAnswers) -> Iterator[bytes]:
        whole = self.whole(answers)
        text = answers.all[0].text
        yield self._event("output_text.done", **self._place, text=text, logprobs=[])
        yield self._event("content_part.done", **self._place, part=_part(text))
        yield self._event("output_item.done", output_index=0, item=whole["output"][0])
        yield self._event(whole["status"], response=whole)

    def failed(self, error: Json) -> Iterator[bytes]:
        said = {"code": error["error"]["code"], "message": error["error"]["message"]}
        yield self._event("failed", response=self._shell("failed") | {"error": said})

    @property
    def _place(self) -> Json:
        return {"item_id": self._message, "output_index": 0, "content_index": 0}

    def _event(self, name: str, **values: Any) -> bytes:
        kind = f"response.{name}"
        self._count += 1
        return event({"type": kind, "sequence_number": self._count - 1, **values}, kind)

    def _item(self, status: str, content: list[Json]) -> Json:
        return {
            "id": self._message,
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": content,
        }

    def _shell(self, status: str) -> Json:
        request = self._request
        given = request.text.format if request.text is not None else None
        shown = given.model_dump(by_alias=True, exclude_none=True) if given else {"type": "text"}
        return {
            "id": self._id,
            "object": "response",
            "created_at": self._created,
            "status": status,
            "error": None,
            "incomplete_details": None,
            "instructions": request.instructions,
            "max_output_tokens": request.max_output_tokens,
            "metadata": request.metadata or {},
            "model": self._model,
            "output": [],
            "parallel_tool_calls": False,
            "previous_response_id": None,
            "store": False,
            "temperature": request.sampling.temperature,
            "text": {"format": shown},
            "tool_choice": "none",
            "tools": [],
            "top_p": request.sampling.top_p,
            "truncation": "disabled",
            "usage": None,
        }


def _part(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
