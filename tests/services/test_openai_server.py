"""The HTTP server with the official client, on a real model, over a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx
import openai
import psutil
import pytest

from phi3studio.app.paths import Home
from phi3studio.runs import launch
from phi3studio.runs.store import RunStore
from phi3studio.services.openai.answer_formats import ChatFormat
from phi3studio.services.openai.http_server import Export, Serving, serve
from phi3studio.services.openai.running_answers import RunningAnswers
from phi3studio.worker.genai.genai import Constraint
from tests import tiny_families
from tests.worker.running import completed, only_export
from tests.worker.test_chat_templates import tokenizer

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


@pytest.fixture(scope="module")
def conversational(pair, tmp_path_factory) -> Path:
    """The float32 model as if it had been trained on conversations."""
    import shutil

    folder = shutil.copytree(pair.second.model, tmp_path_factory.mktemp("talk") / "model")
    facts = json.loads((folder / "studio.json").read_text())
    (folder / "studio.json").write_text(json.dumps(facts | {"template": None}))
    return folder


@pytest.fixture(scope="module")
def with_tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose chat template knows tools, and whose vocabulary has every sign of JSON."""
    root = tmp_path_factory.mktemp("tools")
    base = tiny_families.make(tiny_families.SHAPES["qwen2.5"], root / "base")
    for file in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (base / file).unlink(missing_ok=True)
    tokenizer("qwen2.5").save_pretrained(base)
    run = RunStore(Home(root / "home")).create(only_export(base, ["quantise"]))
    launch.start(run)
    return completed(run).model


@pytest.fixture
def server(pair, conversational, with_tools, home, tmp_path) -> Iterator[Server]:
    with running(exports(pair.second.model, with_tools, conversational), tmp_path) as found:
        yield found


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


SEEDED: dict[str, Any] = {"temperature": 2.0, "top_k": 400, "seed": 11}
ASKS: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("chat/completions", {"model": "talk", "messages": ASK, "logprobs": True}),
    "a template": ("chat/completions", {"model": "tone", "messages": ASK, "logprobs": True}),
    "chat, drawn": ("chat/completions", {"model": "talk", "messages": ASK, **SEEDED}),
    "two answers": ("chat/completions", {"model": "talk", "messages": ASK, "n": 2, **SEEDED}),
    "labels": (
        "chat/completions",
        {"model": "tone", "messages": ASK, "guided_choice": ["formal", "casual"]},
    ),
    "text": ("completions", {"model": "talk", "prompt": PHRASE, "logprobs": 2}),
    "texts, drawn": ("completions", {"model": "talk", "prompt": [PHRASE, "No"], "n": 2, **SEEDED}),
    "response": ("responses", {"model": "talk", "input": PHRASE, "temperature": 0}),
    "tools": ("chat/completions", {"model": "tools", "messages": ASK, "tools": [SURE]}),
    "a call": (
        "chat/completions",
        {"model": "tools", "messages": ASK, "tools": [SURE], "tool_choice": "required"},
    ),
    "a call, drawn": (
        "chat/completions",
        {"model": "tools", "messages": ASK, "tools": [SURE], "tool_choice": "required", **SEEDED},
    ),
    "a response's call": (
        "responses",
        {"model": "tools", "input": PHRASE, "tools": [FLAT], "tool_choice": "required"},
    ),
}


def answers(server: Server, names: list[str]) -> dict[str, Any]:
    """What is said to requests, sent in this order, without what names or dates an answer, and
    how much of the prompt was still known."""
    passing = {
        "id", "created", "created_at", "completed_at", "call_id", "item_id",
        "prompt_tokens_details", "input_tokens_details",
    }  # fmt: skip

    def said(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: said(item) for key, item in value.items() if key not in passing}
        return [said(item) for item in value] if isinstance(value, list) else value

    found = {}
    for name in names:
        place, body = ASKS[name]
        limit = "max_output_tokens" if place == "responses" else "max_tokens"
        drawn = {} if "seed" in body else {"temperature": 0}
        reply = httpx.post(
            f"{server.url}/{place}",
            json=body | drawn | {limit: 16},
            headers={"Authorization": f"Bearer {KEY}"},
            timeout=60,
        )
        assert reply.status_code == 200, f"{name}: {reply.text}"
        found[name] = said(reply.json())
    return found


def test_an_answer_does_not_depend_on_what_was_asked_before(server) -> None:
    names = list(ASKS)
    first = answers(server, names)
    assert answers(server, names[::-1]) == first
    assert answers(server, [*names[::2], *names[1::2]]) == first
    with ThreadPoolExecutor(len(names)) as at_once:
        together = at_once.map(lambda name: answers(server, [name]), names)
        assert {name: said for each in together for name, said in each.items()} == first


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="one core is given on Linux")
def test_an_answer_does_not_depend_on_the_number_of_threads(
    server, pair, conversational, with_tools, tmp_path_factory
) -> None:
    names = list(ASKS)
    cores = os.sched_getaffinity(0)
    served = exports(pair.second.model, with_tools, conversational)
    os.sched_setaffinity(0, {min(cores)})
    try:
        with running(served, tmp_path_factory.mktemp("one core")) as slow:
            alone = answers(slow, names)
    finally:
        os.sched_setaffinity(0, cores)
    assert answers(server, names[::-1]) == alone


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


def test_a_schema_has_no_properties_but_those_it_names() -> None:
    inner = {"type": "object", "properties": {"b": {"type": "string"}}}
    schema = {"type": "object", "properties": {"a": {"type": "array", "items": inner}}}
    constraint = json.loads(Constraint.schema(schema).text)
    closed = {"additionalProperties": False}
    items = {"type": "array", "items": inner | closed}
    properties = {"type": "object", "properties": {"a": items}} | closed
    assert {key: value for key, value in constraint.items() if key != "x-guidance"} == properties
    open_one = {"type": "object", "additionalProperties": {"type": "string"}}
    assert json.loads(Constraint.schema(open_one).text).items() >= open_one.items()


def test_several_answers_to_one_request(server) -> None:
    drawn: dict[str, Any] = WILD | {"seed": 7}
    whole = server.ask("talk", n=3, **drawn)
    texts = [choice.message.content for choice in whole.choices]
    assert [choice.index for choice in whole.choices] == [0, 1, 2]
    assert len(set(texts)) > 1
    assert texts == [
        server.ask("talk", **WILD, seed=seed).choices[0].message.content for seed in (7, 8, 9)
    ]
    streamed = ["", "", ""]
    for chunk in server.ask("talk", n=3, stream=True, **drawn):
        for choice in chunk.choices:
            streamed[choice.index] += choice.delta.content or ""
    assert streamed == texts
    assert whole.usage.completion_tokens > server.ask("talk", **drawn).usage.completion_tokens


def test_what_asks_for_nothing_is_accepted(server) -> None:
    plain = server.ask("talk").choices[0].message.content
    nothing = {
        "tools": [], "tool_choice": "none", "parallel_tool_calls": False, "logit_bias": {},
        "reasoning_effort": "low", "modalities": ["text"], "n": None, "functions": [],
        "presence_penalty": 0, "user": "me", "store": False, "verbosity": "low",
    }  # fmt: skip
    body = {"model": "talk", "messages": ASK, "max_tokens": 12} | nothing
    answer = server.post(body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"][0]["message"]["content"] == plain


# --- log probabilities and plain texts ------------------------------------------------------------


def test_an_answer_tells_the_log_probabilities_of_its_tokens(server) -> None:
    answer = server.ask("talk", logprobs=True, top_logprobs=3)
    scores = answer.choices[0].logprobs.content
    assert "".join(score.token for score in scores) == answer.choices[0].message.content
    for score in scores:
        likeliest = score.top_logprobs[0]
        # Without sampling the likeliest token is what is answered.
        assert (likeliest.token, likeliest.logprob) == (score.token, score.logprob)
        assert len(score.top_logprobs) == 3
        assert score.logprob <= 0
        assert bytes(score.bytes).decode() == score.token
    streamed = [
        score
        for chunk in server.ask("talk", logprobs=True, top_logprobs=3, stream=True)
        for choice in chunk.choices
        if choice.logprobs
        for score in choice.logprobs.content
    ]
    assert [s.token for s in streamed] == [s.token for s in scores]
    assert server.ask("talk").choices[0].logprobs is None


def test_a_text_is_continued_as_it_stands(server, pair) -> None:
    template = json.loads((pair.second.model / "studio.json").read_text())["template"]
    prompt = template["prompt"].replace("{phrase}", PHRASE)
    told = server.ask("tone").choices[0].message.content
    client = server.client
    answer = client.completions.create(model="tone", prompt=prompt, max_tokens=12)
    assert answer.object == "text_completion"
    assert answer.choices[0].text == told
    several = client.completions.create(model="tone", prompt=[prompt, "x"], max_tokens=3, n=2)
    assert [choice.index for choice in several.choices] == [0, 1, 2, 3]
    assert several.choices[0].text == several.choices[1].text
    assert several.usage.prompt_tokens > answer.usage.prompt_tokens
    pieces = client.completions.create(
        model="tone",
        prompt=prompt,
        max_tokens=12,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(pieces)
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == told
    assert chunks[-1].usage.completion_tokens == answer.usage.completion_tokens


def test_an_echo_measures_a_text_as_the_verification_does(server, pair) -> None:
    import numpy as np

    from phi3studio.worker.fidelity.exported_process import log_softmax
    from phi3studio.worker.genai.genai import GenaiModel

    model = GenaiModel(pair.second.model, threads=1)
    ids = model.encode(f"{PHRASE} " * 20)  # more than one piece of a prompt
    expected = log_softmax(model.logits(ids))[np.arange(len(ids) - 1), ids[1:]]
    for prompt in (f"{PHRASE} " * 20, ids):
        answer = server.client.completions.create(
            model="tone", prompt=prompt, max_tokens=0, echo=True, logprobs=2
        )
        scores = answer.choices[0].logprobs
        assert scores.token_logprobs[0] is None
        assert scores.top_logprobs[0] is None
        np.testing.assert_allclose(scores.token_logprobs[1:], expected, atol=1e-3)
        assert all(1 <= len(top) <= 2 for top in scores.top_logprobs[1:])
        assert answer.choices[0].text == "".join(scores.tokens)
        assert scores.text_offset[-1] == len(answer.choices[0].text) - len(scores.tokens[-1])
        assert answer.usage.prompt_tokens == len(ids)
    both = server.client.completions.create(
        model="tone", prompt=ids[:5], max_tokens=2, echo=True, logprobs=0
    )
    assert len(both.choices[0].logprobs.tokens) in (6, 7)


def test_what_ends_a_continuation_is_a_token_of_it(server, pair) -> None:
    # Programs that measure likelihoods ask for one token more, and take the last one away.
    prompt = json.loads((pair.second.model / "studio.json").read_text())["template"]["prompt"]
    told = server.ask("tone", max_tokens=60).choices[0]
    assert told.finish_reason == "stop"
    prompt = prompt.replace("{phrase}", PHRASE) + told.message.content
    asked = {"model": "tone", "prompt": prompt, "echo": True, "logprobs": 1}
    lengths = [
        len(server.client.completions.create(**asked, max_tokens=more).choices[0].logprobs.tokens)
        for more in (0, 1)
    ]
    assert lengths[1] == lengths[0] + 1


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"prompt": []}, "prompt"),
        ({"prompt": [[5], "x"]}, "prompt"),
        ({"prompt": [10**9]}, ""),
        ({"suffix": "x"}, "suffix"),
        ({"best_of": 3}, "best_of"),
        ({"logprobs": 21}, "logprobs"),
        ({"stream": True, "echo": True}, ""),
        ({"messages": []}, "messages"),
    ],
)
def test_what_is_not_understood_of_a_text_is_named(server, change, param) -> None:
    body = {"model": "tone", "prompt": "x", "max_tokens": 1} | change
    answer = httpx.post(
        f"{server.url}/completions", json=body, headers={"Authorization": f"Bearer {KEY}"}
    )
    assert answer.status_code == 400, answer.text
    assert (answer.json()["error"]["param"] or "").startswith(param)


# --- responses ------------------------------------------------------------------------------------


def test_a_response_says_what_a_chat_completion_does(server) -> None:
    told = server.ask("talk").choices[0].message.content
    client = server.client
    answer = client.responses.create(model="talk", input=PHRASE, max_output_tokens=12)
    assert answer.output_text == told
    assert answer.status in ("completed", "incomplete")
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens
    parts: Any = [{"role": "user", "content": [{"type": "input_text", "text": PHRASE}]}]
    assert (
        client.responses.create(model="talk", input=parts, max_output_tokens=12).output_text == told
    )
    pieces, kinds = [], []
    with client.responses.stream(model="talk", input=PHRASE, max_output_tokens=12) as stream:
        for event in stream:
            kinds.append(event.type)
            if event.type == "response.output_text.delta":
                pieces.append(event.delta)
        assert stream.get_final_response().output_text == told
    assert "".join(pieces) == told
    assert kinds[0] == "response.created"
    assert kinds[-1] in ("response.completed", "response.incomplete")


def test_a_response_is_cut_off_and_constrained(server) -> None:
    short = server.client.responses.create(model="talk", input=PHRASE, max_output_tokens=1, **{
        "temperature": 2.0, "extra_body": {"top_k": 400, "seed": 3},
    })  # fmt: skip
    assert short.status == "incomplete"
    assert short.incomplete_details.reason == "max_output_tokens"
    wanted: Any = {"format": {"type": "json_schema", "name": "sure", "schema": {"type": "boolean"}}}
    answer = server.client.responses.create(
        model="talk", input=PHRASE, instructions="Be sure.", text=wanted, max_output_tokens=12
    )
    assert json.loads(answer.output_text) in (True, False)
    wrong: tuple[dict[str, Any], ...] = (
        {"previous_response_id": "resp_1"},
        {"tools": [{"type": "web_search"}]},
        {"tools": [FLAT], "tool_choice": {"type": "function", "name": "other"}},
    )
    for change in wrong:
        with pytest.raises(openai.BadRequestError):
            server.client.responses.create(model="tools", input="x", **change)


@pytest.mark.parametrize("choice", ["required", {"type": "function", "name": "sure"}])
def test_a_response_calls_a_tool(server, choice) -> None:
    asked: dict[str, Any] = {"model": "tools", "tools": [FLAT], "tool_choice": choice}
    client = server.client
    answer = client.responses.create(input=PHRASE, max_output_tokens=60, **asked)
    (call,) = answer.output
    assert (call.type, call.name, answer.status) == ("function_call", "sure", "completed")
    assert json.loads(call.arguments) in ({"so": True}, {"so": False})
    with client.responses.stream(input=PHRASE, max_output_tokens=60, **asked) as stream:
        kinds = [event.type for event in stream]
        (streamed,) = stream.get_final_response().output
    assert streamed.arguments == call.arguments
    assert "response.function_call_arguments.done" in kinds
    talk: list[Any] = [
        {"role": "user", "content": PHRASE},
        {"type": "function_call", "call_id": "c", "name": "sure", "arguments": call.arguments},
        {"type": "function_call_output", "call_id": "c", "output": "It is so."},
    ]
    after = client.responses.create(model="tools", input=talk, tools=[FLAT], max_output_tokens=5)
    assert after.usage.input_tokens > answer.usage.input_tokens
    assert after.output_text == after.output[0].content[0].text


# --- tools ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "sure"}}])
def test_a_call_that_has_to_be_made_fits_its_schema(server, choice) -> None:
    whole = server.ask("tools", tools=[SURE], tool_choice=choice, max_tokens=60)
    assert whole.choices[0].finish_reason == "tool_calls"
    assert whole.choices[0].message.content is None
    (call,) = whole.choices[0].message.tool_calls
    assert call.function.name == "sure"
    assert json.loads(call.function.arguments) in ({"so": True}, {"so": False})
    chunks = [
        chunk.choices[0]
        for chunk in server.ask(
            "tools", tools=[SURE], tool_choice=choice, max_tokens=60, stream=True
        )
    ]
    (streamed,) = [one for chunk in chunks for one in chunk.delta.tool_calls or ()]
    assert streamed.function.arguments == call.function.arguments
    assert chunks[-1].finish_reason == "tool_calls"


def test_results_of_calls_and_tools_reach_the_model(server) -> None:
    function = {"name": "sure", "arguments": '{"so": true}'}
    talk = [
        *ASK,
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "It is so."},
    ]
    with_result = server.ask("tools", messages=talk, tools=[SURE])
    without = server.ask("tools", messages=ASK)
    with_tools = server.ask("tools", messages=ASK, tools=[SURE])
    none = server.ask("tools", messages=ASK, tools=[SURE], tool_choice="none")
    tokens = [answer.usage.prompt_tokens for answer in (none, without, with_tools, with_result)]
    assert tokens[0] == tokens[1] < tokens[2] < tokens[3]
    assert with_tools.choices[0].message.tool_calls is None


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
