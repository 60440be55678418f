"""The HTTP server as a server: who may ask, many at once, clients that leave, what is wrong."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from typing import Any

import httpx2 as httpx
import openai
import psutil
import pytest

from phi3studio.services.openai.answer_formats import ChatFormat
from phi3studio.services.openai.running_answers import RunningAnswers
from tests.services.model_server import ASK, KEY, PHRASE, SURE, Server


def test_the_models_are_listed(server) -> None:
    assert [model.id for model in server.client.models.list()] == ["tone", "tools", "talk"]
    assert server.client.models.retrieve("tone").owned_by == "phi3studio"
    with pytest.raises(openai.NotFoundError) as caught:
        server.client.models.retrieve("absent")
    assert caught.value.code == "model_not_found"


def test_a_model_answers_to_its_other_names_the_newest_first(server) -> None:
    assert server.client.models.retrieve("of-tones").id == "tone"
    assert server.client.models.retrieve("latest").id == "talk"
    assert server.ask("of-tones", max_tokens=1).model == "tone"


@pytest.mark.parametrize("key", ["wrong", KEY + "x", "ключ"])
def test_without_the_key_nothing_is_answered(server, key) -> None:
    header = {"Authorization": f"Bearer {key}".encode()}
    for call in (
        httpx.get(f"{server.url}/models", headers=header),
        httpx.get(f"{server.url}/models"),
        *(
            httpx.post(f"{server.url}/{route}", content="{}", headers=header)
            for route in ("chat/completions", "completions", "responses")
        ),
    ):
        assert call.status_code == 401
        assert call.json()["error"]["code"] == "invalid_api_key"


@pytest.mark.parametrize("name", ["evil.example", "host.docker.internal:11434", "[::1", "", "@"])
def test_a_page_in_a_browser_cannot_reach_it_by_a_name_of_its_own(server, name) -> None:
    answer = httpx.get(
        f"{server.url}/models", headers={"Host": name, "Authorization": f"Bearer {KEY}"}
    )
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == "unknown_host"
    assert "localhost" in error["message"]
    assert "--host 0.0.0.0" in error["message"]


@pytest.mark.parametrize("name", ["localhost:1", "LOCALHOST", "127.0.0.1", "[::1]:8080"])
def test_it_answers_by_each_name_of_this_computer(server, name) -> None:
    answer = httpx.get(
        f"{server.url}/models", headers={"Host": name, "Authorization": f"Bearer {KEY}"}
    )
    assert answer.status_code == 200


def test_pages_of_a_browser_read_answers_only_where_they_are_allowed_to(server) -> None:
    for origin, allowed in (("http://localhost:3000", True), ("https://evil.example", False)):
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        asked["Access-Control-Request-Headers"] = "authorization,content-type"
        before = httpx.options(f"{server.url}/chat/completions", headers=asked)
        assert (before.headers.get("access-control-allow-origin") == origin) is allowed
        with_key = httpx.get(
            f"{server.url}/models", headers={"Origin": origin, "Authorization": f"Bearer {KEY}"}
        )
        assert (with_key.headers.get("access-control-allow-origin") == origin) is allowed
        assert httpx.get(f"{server.url}/models", headers={"Origin": origin}).status_code == 401


def test_whoever_watches_the_server_needs_no_key(server) -> None:
    answer = httpx.get(server.url.removesuffix("/v1") + "/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


# --- many at once -------------------------------------------------------------------------------


def test_four_requests_are_answered_at_once_in_their_order(server, monkeypatch) -> None:
    # Seen where the answers end: a client finds two that came meanwhile in any order.
    done: list[int] = []
    whole = ChatFormat.whole

    def ended(self: ChatFormat, answers: RunningAnswers) -> Any:
        done.append(answers.all[0]._ask["sampling"].seed)
        return whole(self, answers)

    monkeypatch.setattr(ChatFormat, "whole", ended)

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
    assert sorted(done) == list(range(6))
    # One that ended had a place: of those before it three at most were still being written.
    assert all(number <= place + 3 for place, number in enumerate(done)), done


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


def test_a_megabyte_of_headers_ends_its_connection_alone(server) -> None:
    address = httpx.URL(server.url)
    own = psutil.Process()
    with socket.create_connection((address.host, address.port), timeout=10) as client:
        client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        before = own.memory_info().rss
        answer = b""
        with contextlib.suppress(OSError):
            for number in range(16):
                client.sendall(b"X-%d: " % number + b"x" * 65_536 + b"\r\n")
        # The answer comes in pieces of any sizes; a connection that stays open runs into the limit.
        with contextlib.suppress(ConnectionError):
            while said := client.recv(4096):
                answer += said
    assert answer[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 431", b"")
    assert own.memory_info().rss - before < 16e6
    assert server.ask(max_tokens=1).choices


def test_a_client_that_leaves_within_its_request_is_no_error(server, caplog) -> None:
    address = httpx.URL(server.url)
    with socket.create_connection((address.host, address.port), timeout=10) as client:
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}"
        )
        client.sendall(head.encode() + b"\r\nContent-Length: 100\r\n\r\n{")
    assert server.ask(max_tokens=1).choices
    assert "Traceback" not in caplog.text


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


def test_a_killed_engine_is_started_again(server) -> None:
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
        ({"n": 9}, "n"),
        ({"n": 0}, "n"),
        ({"temperature": 3}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "critic", "content": "x"}]}, "messages.0.role"),
        ({"tools": [SURE]}, "tools"),
        ({"model": "talk", "tools": [SURE]}, ""),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools"),
        ({"tools": [{"type": "web_search"}]}, "tools"),
        ({"tools": [SURE], "response_format": {"type": "json_object"}}, ""),
        (
            {"tools": [SURE], "tool_choice": {"type": "function", "function": {"name": "other"}}},
            "",
        ),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"tool_choice": "required"}, ""),
        ({"logit_bias": {"5": 100}}, "logit_bias"),
        ({"top_logprobs": 21}, "top_logprobs"),
        ({"modalities": ["audio"]}, "modalities"),
        ({"response_format": {"type": "json_object", "schema": {}}}, "response_format"),
        ({"response_format": {"type": "json_schema"}}, "response_format"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}}, "response"),
        ({"response_format": {"type": "json_object"}, "guided_choice": ["a"]}, ""),
        ({"messages": [{"role": "system", "content": "x"}, *ASK]}, "messages"),
        ({"strange": 1}, "strange"),
        ({"stop": {}}, "stop"),
        ({"model": 3}, "model"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "messages.0.content",
        ),
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
