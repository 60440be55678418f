"""The routes: models, chat completions, text completions and responses, streamed and not.

Requests wait for one another in the chat service, first come, first served. A client that hangs
up, also while it waits or while its prompt is read, stops its answer.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from phi3studio.domain.errors import UserFacingError
from phi3studio.services.chat_client import Chat
from phi3studio.services.openai.answer_formats import AnswerFormat, ChatFormat, TextFormat
from phi3studio.services.openai.api_errors import ApiError, bad_request, from_ours
from phi3studio.services.openai.chat_request import ChatRequest
from phi3studio.services.openai.responses import ResponsesFormat, ResponsesRequest
from phi3studio.services.openai.running_answers import RunningAnswers, Tokens
from phi3studio.services.openai.sampling_request import parse_body
from phi3studio.services.openai.served_models import ServedModel, find_model
from phi3studio.services.openai.text_request import TextRequest

_BODY_BYTES = 8 * 1024 * 1024
_WAITING = 64
"""Requests that may wait or be answered at once; the next one is asked to come back."""


def make_app(
    chat: Chat,
    models: Iterable[ServedModel],
    key: str,
    hosts: Iterable[str] = (),
    origins: Iterable[str] = (),
) -> Starlette:
    """The application. *key* is what every request has to bring, *hosts* by which names the
    server may be called (a page in a browser could point a name of its own at it; empty: by any),
    *origins* the web pages that may read its answers, which need the key as well."""
    server = _Server(chat, {model.id: model for model in models}, key)
    middleware = [Middleware(_KnownNames, names=frozenset(hosts))] if hosts else []
    if allowed := list(origins):
        middleware.append(
            Middleware(
                CORSMiddleware,
                allow_origins=allowed,
                allow_methods=["GET", "POST"],
                allow_headers=["*"],
            )
        )
    return Starlette(
        routes=[
            Route("/health", server.tell_health),
            Route("/v1/models", server.list_models),
            Route("/v1/models/{id:path}", server.show_model),
            Route("/v1/chat/completions", server.complete_chat, methods=["POST"]),
            Route("/v1/completions", server.complete_text, methods=["POST"]),
            Route("/v1/responses", server.respond, methods=["POST"]),
        ],
        middleware=middleware,
        exception_handlers={
            ApiError: _on_error,
            UserFacingError: _on_error,
            HTTPException: _on_http,
            ClientDisconnect: _on_hang_up,
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


async def _on_hang_up(request: Request, error: Exception) -> Response:
    """The client left before its request was whole: nobody reads the answer."""
    return Response(status_code=400)


async def _on_bug(request: Request, error: Exception) -> Response:
    answer = ApiError(500, "An unexpected error occurred; the server's log holds it.", "server_error", "bug")  # fmt: skip  # noqa: E501
    return JSONResponse(answer.to_json(), 500)


class _KnownNames:
    """Refuses requests to another name of this computer; Starlette's own middleware says too little
    for the many who call from a container."""

    def __init__(self, app: ASGIApp, names: frozenset[str]) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._is_known(scope):
            await self._app(scope, receive, send)
            return
        text = (
            f"This server answers only as {', '.join(sorted(self._names))}. Call it by one of "
            "these names, or have it started with --host 0.0.0.0 to let other computers and "
            "containers in."
        )
        answer = JSONResponse(bad_request(text, None, "unknown_host").to_json(), 400)
        await answer(scope, receive, send)

    def _is_known(self, scope: Scope) -> bool:
        try:
            named = urlsplit("//" + Headers(scope=scope).get("host", ""))
            return named.hostname in self._names
        except ValueError:  # brackets that do not close
            return False


class _Server:
    """The handlers and what they share."""

    def __init__(self, chat: Chat, models: dict[str, ServedModel], key: str) -> None:
        self._chat = chat
        self._models = models
        self._key = key.encode()
        self._began = int(time.time())
        self._waiting = 0

    # --- handlers --------------------------------------------------------------------------------

    async def tell_health(self, request: Request) -> Response:
        """Whether the server is up, without the key: what watches it has none."""
        return JSONResponse({"status": "ok"})

    async def list_models(self, request: Request) -> Response:
        self._authorise(request)
        data = [self._shown(model) for model in self._models.values()]
        return JSONResponse({"object": "list", "data": data})

    async def show_model(self, request: Request) -> Response:
        self._authorise(request)
        return JSONResponse(self._shown(find_model(self._models, request.path_params["id"])))

    async def complete_chat(self, request: Request) -> Response:
        self._authorise(request)
        wanted = parse_body(ChatRequest, await _body(request))
        model = find_model(self._models, wanted.model)
        answers = RunningAnswers(self._chat, model, wanted.asks(model.model), wanted.n)
        shown = ChatFormat(model.id, wanted.wants_usage, bool(wanted.logprobs))
        return await self._answer(request, answers, shown, wanted.stream)

    async def complete_text(self, request: Request) -> Response:
        self._authorise(request)
        wanted = parse_body(TextRequest, await _body(request))
        model = find_model(self._models, wanted.model)
        echoed = await self._echoed(wanted, model) if wanted.echo else []
        answers = RunningAnswers(self._chat, model, wanted.asks(model.model), wanted.n)
        shown = TextFormat(model.id, wanted.wants_usage, wanted.logprobs is not None, echoed)
        return await self._answer(request, answers, shown, wanted.stream)

    async def respond(self, request: Request) -> Response:
        self._authorise(request)
        wanted = parse_body(ResponsesRequest, await _body(request))
        model = find_model(self._models, wanted.model)
        answers = RunningAnswers(self._chat, model, wanted.asks(model.model), wanted.n)
        shown = ResponsesFormat(wanted, model.id)
        return await self._answer(request, answers, shown, wanted.stream)

    async def _echoed(self, wanted: TextRequest, model: ServedModel) -> list[Tokens]:
        """The tokens of each prompt, once for each of its answers."""
        found: list[Tokens] = []
        for prompt in wanted.prompts:
            tokens = await self._chat.score(
                Path(model.model.folder), prompt, wanted.logprobs or 0, model.adapter
            )
            found += [tokens] * wanted.n
        return found

    async def _answer(
        self, request: Request, answers: RunningAnswers, shown: AnswerFormat, streamed: bool
    ) -> Response:
        if self._waiting >= _WAITING:
            raise ApiError(
                429, "Too many requests are waiting. Try again.", "server_error", "queue_full"
            )
        self._waiting += 1
        watch = asyncio.create_task(_stop_when_gone(request, answers))
        streams = False
        try:
            await answers.begin()
            if streamed:
                streams = True
                return StreamingResponse(
                    self._events(answers, shown, watch), media_type="text/event-stream"
                )
            async for _ in answers.pieces():
                pass
            return JSONResponse(shown.whole(answers))
        finally:
            if not streams:
                self._ended(answers, watch)

    async def _events(
        self, answers: RunningAnswers, shown: AnswerFormat, watch: asyncio.Task[None]
    ) -> AsyncIterator[bytes]:
        try:
            for event in shown.head(answers):
                yield event
            try:
                async for piece in answers.pieces():
                    for event in shown.piece(piece):
                        yield event
            except UserFacingError as exc:
                for event in shown.failed(from_ours(exc).to_json()):
                    yield event
                return
            for event in shown.end(answers):
                yield event
        finally:
            self._ended(answers, watch)

    def _ended(self, answers: RunningAnswers, watch: asyncio.Task[None]) -> None:
        self._waiting -= 1
        watch.cancel()
        answers.stop()

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


async def _stop_when_gone(request: Request, answers: RunningAnswers) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    answers.stop()
