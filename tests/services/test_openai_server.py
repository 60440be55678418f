"""The HTTP server with the official client, on a real model, over a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx
import openai
import psutil
import pytest

from phi3studio.services.openai.http_server import Serving, serve
from phi3studio.services.openai.routes import _Running

KEY = "a-key-for-the-test"
PHRASE = "Nobody answered when I called."
ASK: list[Any] = [{"role": "user", "content": PHRASE}]
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


@pytest.fixture(scope="module")
def conversational(pair, tmp_path_factory) -> Path:
    """The float32 model as if it had been trained on conversations."""
    import shutil

    folder = shutil.copytree(pair.second.model, tmp_path_factory.mktemp("talk") / "model")
    facts = json.loads((folder / "studio.json").read_text())
    (folder / "studio.json").write_text(json.dumps(facts | {"template": None}))
    return folder


@pytest.fixture
def server(pair, conversational, home, tmp_path) -> Iterator[Server]:
    """In a thread of its own, with an event loop of its own; ended by cancelling it."""
    ready: list[Serving] = []
    started = threading.Event()
    loop = asyncio.new_event_loop()

    def on_start(serving: Serving) -> None:
        ready.append(serving)
        started.set()

    log = tmp_path / "chat.log"
    folders = [("tone", pair.second.model), ("talk", conversational)]
    task = loop.create_task(serve(folders, KEY, "127.0.0.1", 0, on_start, log))

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
    yield Server(ready[0].url, ready[0].models, log)
    loop.call_soon_threadsafe(task.cancel)
    thread.join(20)
    assert not thread.is_alive()


# --- models and keys ----------------------------------------------------------------------------


def test_the_models_are_listed(server) -> None:
    assert [model.id for model in server.client.models.list()] == ["tone", "talk"]
    assert server.client.models.retrieve("tone").owned_by == "phi3studio"
    with pytest.raises(openai.NotFoundError) as caught:
        server.client.models.retrieve("absent")
    assert caught.value.code == "model_not_found"


@pytest.mark.parametrize("key", ["wrong", KEY + "x", "ключ"])
def test_without_the_key_nothing_is_answered(server, key) -> None:
    header = {"Authorization": f"Bearer {key}".encode()}
    for call in (
        httpx.get(f"{server.url}/models", headers=header),
        httpx.get(f"{server.url}/models"),
        httpx.post(f"{server.url}/chat/completions", content="{}", headers=header),
    ):
        assert call.status_code == 401
        assert call.json()["error"]["code"] == "invalid_api_key"


def test_a_page_in_a_browser_cannot_reach_it_by_a_name_of_its_own(server) -> None:
    answer = httpx.get(
        f"{server.url}/models", headers={"Host": "evil.example", "Authorization": f"Bearer {KEY}"}
    )
    assert answer.status_code == 400


# --- answers ------------------------------------------------------------------------------------


def test_an_answer_in_one_piece_and_streamed_is_the_same(server) -> None:
    wild: dict[str, Any] = WILD | {"seed": 2}
    whole = server.ask("talk", **wild)
    text = whole.choices[0].message.content
    assert text
    assert whole.object == "chat.completion"
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens
    assert 1 <= whole.usage.completion_tokens <= 12
    chunks = list(server.ask("talk", stream=True, stream_options={"include_usage": True}, **wild))
    pieces = [c.choices[0].delta.content or "" for c in chunks if c.choices]
    assert "".join(pieces) == text
    assert len(pieces) > 3
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] in ("stop", "length")
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens


def test_a_cut_off_answer_says_so(server) -> None:
    longer = 0
    for seed in range(6):
        whole = server.ask("talk", **WILD, seed=seed).usage.completion_tokens
        cut_off = server.ask("talk", max_tokens=2, **WILD, seed=seed)
        assert cut_off.usage.completion_tokens == min(whole, 2)
        if whole > 2:  # what is drawn at random may also end by itself
            assert cut_off.choices[0].finish_reason == "length"
            longer += 1
    assert longer
    assert server.ask("talk", max_completion_tokens=1, max_tokens=None, **WILD, seed=3)


def test_the_same_seed_draws_the_same_answer(server) -> None:
    def draw(seed: int) -> str:
        return server.ask("talk", seed=seed, **WILD).choices[0].message.content

    assert draw(5) == draw(5)
    assert len({draw(seed) for seed in range(4)}) > 1


def test_a_template_is_filled_from_the_message(server) -> None:
    plain = server.ask("tone").choices[0].message.content
    as_object = server.ask(
        "tone", messages=[{"role": "user", "content": json.dumps({"phrase": PHRASE})}]
    )
    parts = [{"type": "text", "text": PHRASE}]
    in_parts = server.ask(
        "tone",
        messages=[
            {"role": "system", "content": "has no place in a template"},
            {"role": "user", "content": "an earlier one"},
            {"role": "assistant", "content": "Joy"},
            {"role": "user", "content": parts},
        ],
    )
    assert as_object.choices[0].message.content == plain
    assert in_parts.choices[0].message.content == plain


def test_an_answer_ends_before_a_stop_text(server) -> None:
    text = server.ask("talk", max_tokens=30, seed=2, **WILD).choices[0].message.content
    middle = text[len(text) // 2 :][:3]
    before = text[: text.index(middle)]
    for stream in (False, True):
        answer = server.ask(
            "talk", max_tokens=30, seed=2, **WILD, stop=["never there", middle], stream=stream
        )
        if stream:
            chunks = [chunk.choices[0] for chunk in answer]
            assert "".join(c.delta.content or "" for c in chunks) == before
            assert chunks[-1].finish_reason == "stop"
        else:
            assert answer.choices[0].message.content == before
            assert answer.choices[0].finish_reason == "stop"
            assert answer.usage.completion_tokens <= 30


def test_answers_are_held_to_labels_and_schemas(server) -> None:
    labels = ["Joy", 'Rather "sad" (a | b)']
    for seed in range(3):
        answer = server.ask(
            "tone",
            seed=seed,
            temperature=2.0,
            max_tokens=60,
            extra_body={"guided_choice": labels, "top_k": 400},
        )
        assert answer.choices[0].message.content in labels
        assert answer.choices[0].finish_reason == "stop"
    for seed in range(3):
        answer = server.ask(
            "talk",
            seed=seed,
            **WILD,
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "sure", "schema": {"type": "boolean"}, "strict": True},
            },
        )
        assert json.loads(answer.choices[0].message.content) in (True, False)


# --- many at once -------------------------------------------------------------------------------


def test_requests_are_answered_in_their_order(server, monkeypatch) -> None:
    # Seen where the answers end: a client finds two that came meanwhile in any order.
    done: list[int] = []
    whole = _Running.whole

    def ended(self: _Running) -> Any:
        done.append(self.request.seed)
        return whole(self)

    monkeypatch.setattr(_Running, "whole", ended)

    async def ask_all() -> None:
        async def one(client: httpx.AsyncClient, number: int, sent: asyncio.Event) -> None:
            async def trace(event: str, _: object) -> None:
                if event == "http11.send_request_body.complete":
                    sent.set()

            body = {"model": "talk", "messages": ASK, "max_tokens": 40, "seed": number}
            body |= {"temperature": 2.0, "top_k": 400}
            answer = await client.post(
                "/chat/completions", json=body, extensions={"trace": trace}, timeout=600
            )
            assert answer.status_code == 200

        key = {"Authorization": f"Bearer {KEY}"}
        async with httpx.AsyncClient(base_url=server.url, headers=key, timeout=60) as client:
            tasks = []
            for number in range(6):
                sent = asyncio.Event()
                tasks.append(asyncio.create_task(one(client, number, sent)))
                await sent.wait()
                await client.get("/models")  # answered by the same loop, which has it by then
            await asyncio.gather(*tasks)

    asyncio.run(ask_all())
    assert done == sorted(range(6))


def engine_process() -> psutil.Process:
    (engine,) = [
        child
        for child in psutil.Process().children()
        if child.status() != psutil.STATUS_ZOMBIE and "service" in child.cmdline()
    ]
    return engine


def computed() -> float:
    """What the engine has computed so far, in seconds of the processor."""
    times = engine_process().cpu_times()
    return times.user + times.system


def leave(server: Server, body: dict[str, Any], hold: psutil.Process) -> float:
    """Ask, and hang up after the first line of a stream, or when nothing comes.

    The engine is held meanwhile, so that the server knows of it before a token more is computed.
    Returns what the engine computes after that, in seconds of the processor.
    """
    with contextlib.suppress(httpx.ReadTimeout):  # noqa: SIM117
        with (
            httpx.Client(timeout=httpx.Timeout(5, read=5 if body["stream"] else 0.3)) as client,
            client.stream(
                "POST",
                f"{server.url}/chat/completions",
                json=body,
                headers={"Authorization": f"Bearer {KEY}"},
            ) as answer,
        ):
            if body["stream"]:
                next(answer.iter_lines())
                hold.suspend()
    time.sleep(0.3)
    used = computed()
    hold.resume()
    server.ask("talk", max_tokens=1)  # in its turn: the engine is done with what was left
    return computed() - used


def test_a_client_that_hangs_up_stops_its_answer(server) -> None:
    body = {
        "model": "talk",
        "messages": ASK,
        "max_tokens": 480,
        "temperature": 2.0,
        "top_k": 400,
        "guided_choice": ["Joy and fear. " * 30],
    }
    server.ask("talk", max_tokens=1)  # the model is loaded
    engine, used, rounds = engine_process(), computed(), 5
    for _ in range(rounds):
        whole = server.post(body | {"stream": False})
        assert whole.json()["usage"]["completion_tokens"] > 100
    full = computed() - used
    for stream in (True, False):
        after = 0.0
        for _ in range(rounds):
            if not stream:
                engine.suspend()
            after += leave(server, body | {"stream": stream}, engine)
        assert after < full / 2


def test_a_killed_engine_is_started_anew(server) -> None:
    before = server.ask("talk").choices[0].message.content
    engine = engine_process()
    engine.kill()
    engine.wait(5)
    time.sleep(0.2)
    assert server.ask("talk").choices[0].message.content == before


# --- what is wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"n": 2}, "n"),
        ({"temperature": 3}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role"),
        ({"tools": []}, "tools"),
        ({"logprobs": True}, "logprobs"),
        ({"strange": 1}, "strange"),
        ({"stop": {}}, "stop"),
        ({"model": 3}, "model"),
    ],
)
def test_what_is_not_understood_is_named(server, change, param) -> None:
    body = {"model": "tone", "messages": ASK, "max_tokens": 3} | change
    answer = server.post(body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert (error["param"] or "").startswith(param.split(".")[0])


def test_other_wrong_requests_are_errors_in_openais_form(server) -> None:
    assert server.post("no json").json()["error"]["code"] == "invalid_json"
    with pytest.raises(openai.NotFoundError):
        server.ask("absent")
    with pytest.raises(openai.BadRequestError) as caught:
        server.ask("talk", messages=[{"role": "user", "content": "tone " * 600}])
    assert caught.value.code == "context_length_exceeded"
    with pytest.raises(openai.BadRequestError) as caught:
        server.ask(
            "talk",
            response_format={"type": "json_schema", "json_schema": {"schema": {"type": "odd"}}},
        )
    assert caught.value.code == "chat.schema"
    with pytest.raises(openai.BadRequestError):
        server.ask("tone", messages=[{"role": "assistant", "content": "x"}])
    root = server.url.removesuffix("/v1")
    assert httpx.get(root + "/absent").json()["error"]["code"] == "unknown_url"
    assert httpx.get(f"{server.url}/chat/completions").status_code == 405
    assert server.post(b'{"model": "' + b"x" * 9_000_000 + b'"}').status_code == 413


def test_the_log_holds_neither_texts_nor_the_key(server) -> None:
    server.ask("talk")
    with pytest.raises(openai.BadRequestError):
        server.ask("talk", messages=[{"role": "user", "content": f"{PHRASE} " * 200}])
    written = server.log.read_text()
    assert PHRASE not in written
    assert KEY not in written
