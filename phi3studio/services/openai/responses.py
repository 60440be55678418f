"""``/v1/responses`` for text: its body, and how an answer is written. Nothing is kept, so no
request can go on from an earlier one."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from phi3studio.services.chat_client import LoadedModel
from phi3studio.services.openai.answer_formats import Json, event
from phi3studio.services.openai.chat_request import (
    DEFAULT_TOKENS,
    Format,
    Message,
    Part,
    Tool,
    checked_tools,
    prompt_of,
    tool_options,
)
from phi3studio.services.openai.running_answers import Piece, RunningAnswers
from phi3studio.services.openai.sampling_request import SamplingRequest


class _Item(Message):
    type: Literal["message"] = "message"


class _CallItem(BaseModel):
    """A call that an earlier answer made."""

    model_config = ConfigDict(extra="ignore")

    type: Literal["function_call"]
    call_id: str
    name: str
    arguments: str = "{}"


class _ResultItem(BaseModel):
    """What a call gave."""

    model_config = ConfigDict(extra="ignore")

    type: Literal["function_call_output"]
    call_id: str
    output: str | list[Part]


class _Function(BaseModel):
    """A tool, with the fields of a chat's function one level higher."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["function"]
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None

    @property
    def of_chat(self) -> Tool:
        function = self.model_dump(exclude={"type"})
        return Tool.model_validate({"type": "function", "function": function})


class _Chosen(BaseModel):
    type: Literal["function"]
    name: str


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

    input: str | list[_Item | _CallItem | _ResultItem] = Field(min_length=1)
    instructions: str | None = None
    max_output_tokens: int | None = Field(None, ge=1)
    text: _Text | None = None
    n: Literal[1] = 1
    tools: list[_Function] | None = None
    tool_choice: Literal["none", "auto", "required"] | _Chosen | None = None
    # Accepted at the values that ask for nothing.
    previous_response_id: None = None
    conversation: None = None
    background: Literal[False] | None = None
    include: list[str] | None = None
    prompt: None = None
    top_logprobs: Literal[0] | None = None
    # Accepted and of no consequence here.
    parallel_tool_calls: bool | None = None
    max_tool_calls: int | None = None
    reasoning: dict[str, Any] | None = None
    truncation: Literal["auto", "disabled"] | None = None
    stream_options: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _calls_what_there_is(self) -> ResponsesRequest:
        if self.tool_options and self.constraint:
            raise ValueError("tools and text.format exclude each other")
        return self

    @property
    def constraint(self) -> dict[str, Any]:
        """``schema`` for the chat service, or nothing."""
        wanted = self.text.format if self.text is not None else None
        return wanted.of_chat.constraint if wanted is not None else {}

    @property
    def tool_options(self) -> dict[str, Any]:
        """``tools`` and ``call`` for the chat service, or neither."""
        tools = [tool.of_chat for tool in self.tools or ()]
        chosen = self.tool_choice
        if isinstance(chosen, _Chosen):
            return tool_options(tools, None, chosen.name)
        return tool_options(tools, chosen, None)

    def asks(self, model: LoadedModel) -> list[dict[str, Any]]:
        """What the chat service is asked."""
        said = self.input
        messages: list[Message] = []
        if isinstance(said, str):
            messages.append(Message(role="user", content=said))
        else:
            messages += map(_message, said)
        if self.instructions:
            messages.insert(0, Message(role="system", content=self.instructions))
        ask = self.options | prompt_of(messages, model)
        ask["max_tokens"] = self.max_output_tokens or DEFAULT_TOKENS
        ask |= self.constraint | checked_tools(self.tool_options, ask)
        return self.repeated(ask)


def _message(item: _Item | _CallItem | _ResultItem) -> Message:
    """An item of the input as a message of a chat."""
    if isinstance(item, _CallItem):
        function = {"name": item.name, "arguments": item.arguments}
        calls = [{"id": item.call_id, "type": "function", "function": function}]
        return Message.model_validate({"role": "assistant", "tool_calls": calls})
    if isinstance(item, _ResultItem):
        return Message(role="tool", tool_call_id=item.call_id, content=item.output)
    return item


class ResponsesFormat:
    """A message of text and calls of tools as the output of a response."""

    def __init__(self, request: ResponsesRequest, model: str) -> None:
        self._request = request
        self._model = model
        self._id, self._message = (f"{kind}_{secrets.token_hex(16)}" for kind in ("resp", "msg"))
        self._created = int(time.time())
        self._count = 0
        self._opened = False

    def whole(self, answers: RunningAnswers) -> Json:
        answer = answers.all[0]
        cut_off = answer.finish_reason == "length"
        status = "incomplete" if cut_off else "completed"
        reading, writing = answers.prompt_tokens, answers.completion_tokens
        calls = [_call(call) for call in answer.calls]
        said = [self._item(status, [_part(answer.text)])] if answer.text or not calls else []
        return self._shell(status) | {
            "incomplete_details": {"reason": "max_output_tokens"} if cut_off else None,
            "output": [*said, *calls],
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

    def piece(self, piece: Piece) -> Iterator[bytes]:
        yield from self._open()
        yield self._event("output_text.delta", **self._place, delta=piece.text, logprobs=[])

    def end(self, answers: RunningAnswers) -> Iterator[bytes]:
        whole = self.whole(answers)
        for index, item in enumerate(whole["output"]):
            if item["type"] == "message":
                yield from self._open()
                text = answers.all[0].text
                yield self._event("output_text.done", **self._place, text=text, logprobs=[])
                yield self._event("content_part.done", **self._place, part=_part(text))
            else:
                yield from self._called(index, item)
            yield self._event("output_item.done", output_index=index, item=item)
        yield self._event(whole["status"], response=whole)

    def failed(self, error: Json) -> Iterator[bytes]:
        said = {"code": error["error"]["code"], "message": error["error"]["message"]}
        yield self._event("failed", response=self._shell("failed") | {"error": said})

    def _open(self) -> Iterator[bytes]:
        """The beginning of the message, once."""
        if not self._opened:
            self._opened = True
            begun = self._item("in_progress", [])
            yield self._event("output_item.added", output_index=0, item=begun)
            yield self._event("content_part.added", **self._place, part=_part(""))

    def _called(self, index: int, item: Json) -> Iterator[bytes]:
        begun = item | {"arguments": "", "status": "in_progress"}
        yield self._event("output_item.added", output_index=index, item=begun)
        place = {"item_id": item["id"], "output_index": index}
        given = item["arguments"]
        yield self._event("function_call_arguments.delta", **place, delta=given)
        yield self._event(
            "function_call_arguments.done", **place, name=item["name"], arguments=given
        )

    @property
    def _place(self) -> Json:
        return {"item_id": self._message, "output_index": 0, "content_index": 0}

    def _event(self, name: str, /, **values: Any) -> bytes:
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
            "tool_choice": _shown(request.tool_choice) or ("auto" if request.tools else "none"),
            "tools": [_shown(tool) for tool in request.tools or ()],
            "top_p": request.sampling.top_p,
            "truncation": "disabled",
            "usage": None,
        }


def _shown(value: Any) -> Any:
    return value.model_dump() if isinstance(value, BaseModel) else value


def _call(call: dict[str, str]) -> Json:
    return {
        "id": f"fc_{secrets.token_hex(16)}",
        "call_id": f"call_{secrets.token_hex(12)}",
        "type": "function_call",
        "status": "completed",
        **call,
    }


def _part(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
