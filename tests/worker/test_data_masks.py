"""What is learned: exactly the answer and its stop token, after exactly what inference sends."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phi3studio.domain.errors import InputError
from phi3studio.worker.data.preparing.row_pipeline import Process
from phi3studio.worker.data.preparing.tokenise import (
    IGNORED,
    Encoder,
    Example,
    Rendered,
    Segment,
    find_stop,
)
from tests.worker.data_fixtures import byte_level, phi3_like, recipe_for  # noqa: F401


@pytest.fixture(scope="session", params=["byte_level", "phi3_like"])
def tokenizer(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def pair(prompt: str, completion: str) -> Rendered:
    segments = (Segment(prompt, False), Segment(completion, True))
    return Rendered(prompt, completion, segments, bos=True)


def example(tokenizer: Any, row: dict[str, Any], length: int = 500, **data: Any) -> Example:
    recipe = recipe_for("rows.jsonl", **data)
    process = Process(recipe.data, tokenizer, length, list(row))
    passed = process.render([row], [0])[0]
    if passed.error is not None:
        raise passed.error
    assert passed.rendered is not None
    return process.encoder.examples([passed.rendered], length)[0]


def learned(found: Example) -> list[int]:
    return [label for label in found.labels if label != IGNORED]


def test_the_stop_token_is_what_the_chat_template_ends_an_answer_with(
    byte_level: Any,  # noqa: F811
    phi3_like: Any,  # noqa: F811
) -> None:
    assert find_stop(byte_level).text == "<|im_end|>"
    # Phi-3's tags are special in its file only, not in all_special_tokens.
    stop = find_stop(phi3_like)
    assert (stop.text, stop.id) == ("<|end|>", phi3_like.convert_tokens_to_ids("<|end|>"))


@pytest.mark.parametrize(
    ("prompt", "completion"),
    [
        ("### Text: I feel fine.\n### The tone is:\n", "Joy"),
        ("Question: why?\nAnswer: ", "Because."),
        ("Question: why?\nAnswer:", " Because."),
        ("<|user|>\nHello<|end|>\n<|assistant|>\n", "Hi there"),
        ("", "only an answer"),
        ("ends with spaces   ", "  starts with spaces"),
        ("\n\n", "\n\nx"),
    ],
)
def test_prompt_ids_are_those_of_inference(tokenizer: Any, prompt: str, completion: str) -> None:
    found = Encoder(tokenizer).examples([pair(prompt, completion)], 1000)[0]
    sent = list(tokenizer(prompt)["input_ids"])
    assert list(found.input_ids[: found.prompt_tokens]) == sent
    assert set(found.labels[: found.prompt_tokens]) <= {IGNORED}
    stop = find_stop(tokenizer).id
    answer = list(found.input_ids[found.prompt_tokens :])
    assert list(found.labels[found.prompt_tokens :]) == answer
    assert answer[-1] == stop
    assert answer.count(stop) == 1


def test_the_answer_continues_the_prompt_as_in_the_whole_text(tokenizer: Any) -> None:
    # Where the whole text's ids begin with the prompt's, the rest are the answer's.
    for prompt, answer in [("### The tone is:\n", "Joy"), ("<|assistant|>\n", "Joy and sea")]:
        sent = list(tokenizer(prompt)["input_ids"])
        whole = list(tokenizer(prompt + answer)["input_ids"])
        assert whole[: len(sent)] == sent
        found = Encoder(tokenizer).examples([pair(prompt, answer)], 1000)[0]
        assert list(found.input_ids) == [*whole, find_stop(tokenizer).id]


@settings(max_examples=150, deadline=None)
@given(prompt=st.text(max_size=40), completion=st.text(min_size=1, max_size=40))
def test_any_text_keeps_the_rule(
    byte_level: Any,  # noqa: F811
    phi3_like: Any,  # noqa: F811
    prompt: str,
    completion: str,
) -> None:
    for tokenizer in (byte_level, phi3_like):
        encoder = Encoder(tokenizer)
        row = pair(prompt, completion)
        found = encoder.examples([row], 10_000)[0]
        assert list(found.input_ids[: found.prompt_tokens]) == list(tokenizer(prompt)["input_ids"])
        assert found.labels[found.prompt_tokens :] == found.input_ids[found.prompt_tokens :]
        measure = encoder.measure([row], 10)[0]
        assert (measure.tokens, measure.trained) == (
            len(found.input_ids),
            encoder.examples([row], 10)[0].learned,
        )
    tokens = byte_level.decode(learned(Encoder(byte_level).examples([row], 10_000)[0])[:-1])
    assert tokens == completion


def test_many_rows_at_once_give_the_same_as_one_by_one(tokenizer: Any) -> None:
    encoder = Encoder(tokenizer)
    rows = [pair(f"Text {n}: {'so ' * (n % 9)}\n", ["Joy", "Sad"][n % 2]) for n in range(300)]
    assert encoder.examples(rows, 50) == [encoder.examples([row], 50)[0] for row in rows]
    assert encoder.measure(rows, 20) == [encoder.measure([row], 20)[0] for row in rows]


def test_a_stop_token_in_the_template_is_not_doubled(byte_level: Any) -> None:  # noqa: F811
    row = {"q": "hello", "a": "world"}
    written = example(byte_level, row, prompt="{q}\n", completion="{a}<|im_end|>")
    assert written == example(byte_level, row, prompt="{q}\n", completion="{a}")


CHAT = [
    {"role": "system", "content": "Be short."},
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "Hi"},
    {"role": "user", "content": "How are you?"},
    {"role": "assistant", "content": "Fine\nthanks"},
    {"role": "user", "content": "never answered"},
]


def test_all_assistant_turns_are_learned_and_nothing_else(tokenizer: Any) -> None:
    found = example(tokenizer, {"messages": CHAT}, messages="messages")
    stop = find_stop(tokenizer)
    text = tokenizer.decode(learned(found))
    assert text.replace(" ", "") == f"Hi{stop.text}Fine\nthanks{stop.text}".replace(" ", "")
    sent = tokenizer.apply_chat_template(CHAT[:4], tokenize=False, add_generation_prompt=True)
    assert found.prompt == sent
    assert found.completion == "Fine\nthanks"
    ids = tokenizer(sent, add_special_tokens=False)["input_ids"]
    assert list(found.input_ids[: found.prompt_tokens]) == ids


def test_conversations_are_read_in_every_spelling(byte_level: Any) -> None:  # noqa: F811
    import json

    plain = [{"role": "user", "content": "a b"}, {"role": "assistant", "content": "c"}]
    expected = example(byte_level, {"m": plain}, messages="m")
    sharegpt = [{"from": "human", "value": "a b"}, {"from": "gpt", "value": "c"}]
    parts = [{"role": "user", "content": [{"type": "text", "text": "a b"}]}, plain[1]]
    nulls = [{**turn, "tool_calls": None, "name": None} for turn in plain]
    for spelling in (sharegpt, parts, nulls, json.dumps(plain), json.dumps(sharegpt)):
        assert example(byte_level, {"m": spelling}, messages="m") == expected
    nested = example(byte_level, {"data": {"turns": sharegpt}}, messages="data.turns")
    assert nested == expected


def test_tools_and_a_system_column_reach_the_template(byte_level: Any) -> None:  # noqa: F811
    import json

    tools = [{"type": "function", "function": {"name": "weather"}}]
    row = {"m": CHAT[1:3], "tools": tools, "system": "Be short."}
    found = example(byte_level, row, messages="m")
    assert "weather" in found.prompt
    assert "<|im_start|>system\nBe short.<|im_end|>" in found.prompt
    assert example(byte_level, {**row, "tools": json.dumps(tools)}, messages="m") == found


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "data.messages_shape"),
        ("hello", "data.messages_shape"),
        ([], "data.messages_shape"),
        ([1], "data.messages_shape"),
        ([{"role": "user", "content": "x"}], "data.no_assistant_turn"),
    ],
)
def test_what_is_no_conversation_is_an_input_error(
    byte_level: Any,  # noqa: F811
    value: Any,
    code: str,
) -> None:
    with pytest.raises(InputError) as caught:
        example(byte_level, {"messages": value}, messages="messages")
    assert caught.value.code == code


def test_a_template_that_refuses_the_order_of_roles_is_an_input_error(
    tmp_path: Any,
) -> None:
    from tests.worker.data_fixtures import make_byte_level

    strict = make_byte_level(tmp_path)
    strict.chat_template = (
        "{% for m in messages %}{% if 'VERYODD' in m['content'] %}"
        "{{ raise_exception('No such word') }}{% endif %}"
        "<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    odd = [CHAT[0] | {"content": "VERYODD"}, *CHAT[1:]]
    with pytest.raises(InputError, match="No such word") as caught:
        example(strict, {"messages": odd}, messages="messages")
    assert caught.value.code == "data.conversation"
    strict.chat_template = None
    with pytest.raises(InputError) as caught:
        example(strict, {"messages": CHAT}, messages="messages")
    assert caught.value.code == "model.no_chat_template"


def test_rows_are_cut_off_at_the_sequence_length(byte_level: Any) -> None:  # noqa: F811
    row = {"q": "one two three four five six", "a": "seven eight nine"}
    whole = example(byte_level, row, prompt="{q}\n", completion="{a}")
    cut = example(byte_level, row, length=12, prompt="{q}\n", completion="{a}")
    assert cut.input_ids == whole.input_ids[:12]
    assert cut.cut_off == len(whole.input_ids) - 12
