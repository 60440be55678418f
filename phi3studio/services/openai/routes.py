"""The routes: ``/v1/models`` and ``/v1/chat/completions``, streamed and not.

Requests wait for one another in the chat service, first come, first served. A client that hangs
up, also while it waits or while its prompt is read, stops its answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import secrets
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from phi3studio.domain.errors import UserFacingError
from phi3studio.runs.shown.transcript import Figures
from phi3studio.services.chat_client import Answer, Chat
from phi3studio.services.openai.api_errors import ApiError, from_ours
from phi3studio.services.openai.completion_request import (
    CompletionRequest,
    ServedModel,
    find_model,
    parse_request,
    prompt_of,
)

_BODY_BYTES = 8 * 1024 * 1024
_WAITING = 64
"""Requests that may wait or be answered at once; the next one is asked to come back."""


def make_app(
    chat: Chat, models: Iterable[ServedModel], key: str, hosts: Iterable[str] = ("*",)
) -> Starlette:
    """The application. *key* is what every request has to bring, *hosts* by which names the
    server may be called (a page in a browser could point a name of its own at it)."""
    server = _Server(chat, {model.id: model for model in models}, key)
    return Starlette(
        routes=[
            Route("/v1/models", server.list_models),
            Route("/v1/models/{id:path}", server.show_model),
            Route("/v1/chat/completions", server.complete, methods=["POST"]),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))],
        exception_handlers={
            ApiError: _on_error,
            UserFacingError: _on_error,
            HTTPException: _on_http,
            500: _on_bug,
        },
    )


async def _on_error(request: Request, error: Exception) -> Response:
    if isinstance(error, UserFacingError):
        error = from_ours(error)
    assert isinstance(error, ApiError)
    return JSONResponse(error.to_json(), error.status)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    known = {404: "unknown_url", 405: "method_not_allowed"}
    text = f"{error.detail}: {request.method} {request.url.path}"
    kind = "invalid_request_error"
    answer = ApiError(error.status_code, text, kind, known.get(error.status_code))
    return JSONResponse(answer.to_json(), error.status_code)


async def _on_bug(request: Request, error: Exception) -> Response:
    answer = ApiError(500, "An unexpected error occurred; the server's log holds it.", "server_error", "bug")  # fmt: skip  # noqa: E501
    return JSONResponse(answer.to_json(), 500)


class _Server:
    """The handlers and what they share."""

    def __init__(self, chat: Chat, models: dict[str, ServedModel], key: str) -> None:
        self._chat = chat
        self._models = models
        self._key = key.encode()
        self._began = int(time.time())
        self._waiting = 0

    # --- handlers --------------------------------------------------------------------------------

    async def list_models(self, request: Request) -> Response:
        self._authorise(request)
        data = [self._shown(model) for model in self._models.values()]
        return JSONResponse({"object": "list", "data": data})

    async def show_model(self, request: Request) -> Response:
        self._authorise(request)
        return JSONResponse(self._shown(find_model(self._models, request.path_params["id"])))

    async def complete(self, request: Request) -> Response:
        self._authorise(request)
        wanted = parse_request(await _body(request))
        model = find_model(self._models, wanted.model)
        prompt = prompt_of(wanted, model.model)
        if self._waiting >= _WAITING:
            raise ApiError(
                429, "Too many requests are waiting. Try again.", "server_error", "queue_full"
            )
        answer = _Running(self._chat, wanted, model, prompt)
        self._waiting += 1
        watch = asyncio.create_task(_stop_when_gone(request, answer))
        streams = False
        try:
            await answer.begin()
            if wanted.stream:
                streams = True
                return StreamingResponse(
                    self._events(answer, watch), media_type="text/event-stream"
                )
            async for _ in answer.pieces():
                pass
            return JSONResponse(answer.whole())
        finally:
            if not streams:
                self._ended(answer, watch)

    async def _events(self, answer: _Running, watch: asyncio.Task[None]) -> AsyncIterator[bytes]:
        try:
            yield _event(answer.chunk({"role": "assistant", "content": ""}))
            try:
                async for text in answer.pieces():
                    yield _event(answer.chunk({"content": text}))
            except UserFacingError as exc:
                yield _event(from_ours(exc).to_json())
                return
            yield _event(answer.chunk({}, answer.finish_reason))
            if answer.request.stream_options and answer.request.stream_options.include_usage:
                yield _event(answer.chunk(None))
            yield b"data: [DONE]\n\n"
        finally:
            self._ended(answer, watch)

    def _ended(self, answer: _Running, watch: asyncio.Task[None]) -> None:
        self._waiting -= 1
        watch.cancel()
        answer.stop()

    # --- helpers ---------------------------------------------------------------------------------

    def _authorise(self, request: Request) -> None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self._key):
            raise ApiError(
                401,
                "The key is missing or wrong. Send it as Authorization: Bearer KEY.",
                "invalid_request_error",
                "invalid_api_key",
            )

    def _shown(self, model: ServedModel) -> dict[str, Any]:
        return {
            "id": model.id,
            "object": "model",
            "created": self._began,
            "owned_by": "phi3studio",
        }


class _Running:
    """One answer on its way and the messages that tell of it."""

    def __init__(
        self, chat: Chat, request: CompletionRequest, model: ServedModel, prompt: dict[str, Any]
    ) -> None:
        self.request = request
        self._chat = chat
        self._model = model
        self._prompt = prompt
        self._id = f"chatcmpl-{secrets.token_hex(12)}"
        self._created = int(time.time())
        self._answer: Answer | None = None
        self._iterator: AsyncIterator[str] | None = None
        self._first: str | None = None
        self._texts: list[str] = []
        self._stopped = False

    async def begin(self) -> None:
        """Wait for the first piece, so that whatever is wrong becomes an error with a status.

        When the chat service dies before, it is asked once more: it starts again by itself.
        """
        for left in (1, 0):
            try:
                await self._begin()
                return
            except UserFacingError as exc:
                if exc.code != "service.died" or not left or self._stopped:
                    raise

    async def _begin(self) -> None:
        self._answer = self._chat.answer(
            Path(self._model.model.folder),
            **self._prompt,
            **self.request.constraint,
            sampling=self.request.sampling,
            max_tokens=self.request.longest,
            stop=self.request.stops,
            adapter=self._model.adapter,
            conversation="*",
        )
        self._iterator = aiter(self._answer)
        with contextlib.suppress(StopAsyncIteration):
            self._first = await anext(self._iterator)

    async def pieces(self) -> AsyncIterator[str]:
        """The texts of the answer, as they come."""
        if self._first is not None:
            self._texts.append(self._first)
            yield self._first
        assert self._iterator is not None
        async for text in self._iterator:
            self._texts.append(text)
            yield text

    def stop(self) -> None:
        """End it here; what is over stays as it is."""
        self._stopped = True
        if self._answer is not None:
            self._answer.stop()

    @property
    def _figures(self) -> Figures | None:
        return self._answer.figures if self._answer is not None else None

    @property
    def finish_reason(self) -> str:
        figures = self._figures
        return "length" if figures is not None and figures.reason == "length" else "stop"

    @property
    def _usage(self) -> dict[str, Any] | None:
        figures = self._figures
        if figures is None:
            return None
        return {
            "prompt_tokens": figures.prompt_tokens,
            "completion_tokens": figures.tokens,
            "total_tokens": figures.prompt_tokens + figures.tokens,
            "prompt_tokens_details": {"cached_tokens": figures.prompt_tokens - figures.prefilled},
        }

    def whole(self) -> dict[str, Any]:
        """The answer in one message."""
        message = {"role": "assistant", "content": "".join(self._texts), "refusal": None}
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": self.finish_reason,
        }
        return self._head("chat.completion") | {"choices": [choice], "usage": self._usage}

    def chunk(self, delta: dict[str, Any] | None, reason: str | None = None) -> dict[str, Any]:
        """One message of the stream; without a delta, the one with the usage."""
        head = self._head("chat.completion.chunk")
        if delta is None:
            return head | {"choices": [], "usage": self._usage}
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return head | {"choices": [choice]}

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": self._id,
            "object": kind,
            "created": self._created,
            "model": self._model.id,
        }


async def _body(request: Request) -> bytes:
    """The request's body; raises a 413 before a large one is in memory."""
    read = bytearray()
    async for part in request.stream():
        read += part
        if len(read) > _BODY_BYTES:
            raise ApiError(
                413, "The request is larger than 8 MiB.", "invalid_request_error", "too_large"
            )
    return bytes(read)


async def _stop_when_gone(request: Request, answer: _Running) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    answer.stop()


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") + b"\n\n"
