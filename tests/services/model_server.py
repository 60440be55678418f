"""The HTTP server over a real socket, with three real models."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx
import openai

from phi3studio.services.openai.http_server import Export, Serving, serve

KEY = "a-key-for-the-test"


PHRASE = "Nobody answered when I called."


ASK: list[Any] = [{"role": "user", "content": PHRASE}]


SURE: Any = {
    "type": "function",
    "function": {
        "name": "sure",
        "description": "Says whether it is so.",
        "parameters": {
            "type": "object",
            "properties": {"so": {"type": "boolean"}},
            "required": ["so"],
        },
        "strict": True,
    },
}


FLAT: Any = {"type": "function", **SURE["function"]}


WILD: dict[str, Any] = {"temperature": 2.0, "extra_body": {"top_k": 400}}


@dataclass(frozen=True)
class Server:
    """A running server; ``tone`` is a model with a template, ``talk`` one for conversations."""

    url: str
    models: tuple[str, ...]
    log: Path

    @property
    def client(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=self.url, api_key=KEY, max_retries=0, timeout=60)

    def ask(self, model: str = "tone", **options: Any) -> Any:
        return self.client.chat.completions.create(
            **{"model": model, "messages": ASK, "max_tokens": 12} | options
        )

    def post(self, body: Any, key: str = KEY, **headers: str) -> httpx.Response:
        content = body if isinstance(body, (str, bytes)) else json.dumps(body)
        return httpx.post(
            f"{self.url}/chat/completions",
            content=content,
            headers={"Authorization": f"Bearer {key}"} | headers,
            timeout=60,
        )


def exports(tone: Path, tools: Path, talk: Path) -> list[Export]:
    return [
        Export("tone", tone, ("latest", "of-tones")),
        Export("tools", tools),
        Export("talk", talk, ("latest",)),
    ]


@contextlib.contextmanager
def running(served: list[Export], folder: Path) -> Iterator[Server]:
    """A server in a thread of its own, with an event loop of its own; ended by cancelling it."""
    ready: list[Serving] = []
    started = threading.Event()
    loop = asyncio.new_event_loop()

    def on_start(serving: Serving) -> None:
        ready.append(serving)
        started.set()

    log = folder / "chat.log"
    task = loop.create_task(
        serve(served, KEY, "127.0.0.1", 0, on_start, log, origins=["http://localhost:3000"])
    )

    def run() -> None:
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            pass
        finally:
            started.set()
            loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(60)
    assert ready
    try:
        yield Server(ready[0].url, ready[0].models, log)
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(20)
    assert not thread.is_alive()
