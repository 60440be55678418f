"""What the HTTP server answers, asked by the official client: chats, texts, responses, tools."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2 as httpx
import openai
import pytest

from phi3studio.worker.genai.genai import Constraint
from tests.services.model_server import ASK, FLAT, KEY, PHRASE, SURE, WILD, Server, exports, running

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
