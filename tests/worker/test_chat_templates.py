"""Masks of conversations on the templates of published models, against hand-written truth."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from phi3studio.domain.errors import InputError
from phi3studio.resources import resources
from phi3studio.worker.data.meaning.unread_parts import UnreadTally
from phi3studio.worker.data.preparing.render import chat_template
from phi3studio.worker.data.preparing.row_pipeline import Process
from tests.chat_templates import FAMILIES
from tests.worker.data_fixtures import recipe_for

SYSTEM = {"role": "system", "content": "Be brief."}
TALK = [
    {"role": "user", "content": "Is it open?"},
    {"role": "assistant", "content": "Yes."},
    {"role": "user", "content": "Until when?"},
    {"role": "assistant", "content": "Six."},
]
every = pytest.mark.parametrize("name", list(FAMILIES))


@cache
def tokenizer(name: str) -> Any:
    """Bytes as tokens, and the family's special tokens."""
    family = FAMILIES[name]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    plain = Tokenizer(models.BPE(vocab={c: n for n, c in enumerate(alphabet)}, merges=[]))
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    made = PreTrainedTokenizerFast(
        tokenizer_object=plain,
        eos_token=family.eos,
        bos_token=family.bos,
        additional_special_tokens=list(family.specials),
    )
    made.chat_template = family.template
    return made


def process(name: str, known: tuple[str, ...] = ("messages",)) -> Process:
    recipe = recipe_for("rows.jsonl", messages="messages")
    return Process(recipe.data, tokenizer(name), 4000, list(known))


def masked(name: str, messages: Any, **columns: Any) -> tuple[str, list[str]]:
    """The whole text of the ids, and each run of trained ids as text."""
    row = {"messages": messages, **columns}
    found = process(name, tuple(row)).render([row], [0])[0]
    if found.error is not None:
        raise found.error
    (encoded,) = process(name).encoder.encode([found.rendered])  # type: ignore[list-item]
    runs: list[list[int]] = []
    for at, (token, learned) in enumerate(zip(encoded.ids, encoded.trained, strict=True)):
        if learned and not (at and encoded.trained[at - 1]):
            runs.append([])
        if learned:
            runs[-1].append(token)
    decode = tokenizer(name).decode
    return decode(encoded.ids), [decode(run) for run in runs]


# What each family's model learns of TALK, and the beginning of what it sees.
TRUTH = {
    "phi-3": ("<|user|>\nIs it open?", ["Yes.<|end|>", "Six.<|end|>"]),
    "phi-3.5": ("<|user|>\nIs it open?", ["Yes.<|end|>", "Six.<|end|>"]),
    "phi-3-first": ("<s><|user|>\nIs it open?", ["Yes.<|end|>", "Six.<|end|>"]),
    "phi-4-mini": ("<|user|>Is it open?", ["Yes.<|end|>", "Six.<|end|>"]),
    "qwen2.5": (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n",
        ["Yes.<|im_end|>", "Six.<|im_end|>"],
    ),
    # An earlier answer is written without the thought that the model begins its answers with.
    "qwen3": ("<|im_start|>user\nIs it open?", ["<think>\n\n</think>\n\nSix.<|im_end|>"]),
    # The prompt begins the thought, and what is learned ends it.
    "qwen3-thinking": ("<|im_start|>user\nIs it open?", ["\n</think>\n\nSix.<|im_end|>"]),
    "deepseek-r1": (
        "<|begin_of_sentence|><|User|>Is it open?<|Assistant|>Yes.<|end_of_sentence|>",
        ["\n</think>\n\nSix.<|end_of_sentence|>"],
    ),
    "mistral": ("<s>[INST] Is it open?[/INST]", [" Yes.<|endoftext|>", " Six.<|endoftext|>"]),
    "mistral-tekken": ("<s>[INST]Is it open?[/INST]", ["Yes.<|endoftext|>", "Six.<|endoftext|>"]),
    "mistral-last": ("<s>[INST]Is it open?[/INST]", ["Yes.<|endoftext|>", "Six.<|endoftext|>"]),
    "glm": ("<|user|>\nIs it open?", ["Yes.<|user|>", "Six.<|user|>"]),
    "deepseek-v3": ("<s><|User|>Is it open?", ["Yes.<|endoftext|>", "Six.<|endoftext|>"]),
    "granite": (
        "<|start_of_role|>system<|end_of_role|>Knowledge Cutoff",
        ["Yes.<|end_of_text|>", "Six.<|end_of_text|>"],
    ),
    "olmo-2": ("<|endoftext|><|user|>\nIs it", ["Yes.<|endoftext|>", "Six.<|endoftext|>"]),
    "llama-3.2": ("<|begin_of_text|><|start_header_id|>", ["Yes.<|eot_id|>", "Six.<|eot_id|>"]),
    "gemma-2": ("<bos><start_of_turn>user\nIs", ["Yes.<end_of_turn>", "Six.<end_of_turn>"]),
    "gemma-3": ("<bos><start_of_turn>user\nIs", ["Yes.<end_of_turn>", "Six.<end_of_turn>"]),
    "smollm2": (
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM<|im_end|>\n",
        ["Yes.<|im_end|>", "Six.<|im_end|>"],
    ),
    "marked": ("<|im_start|>user\nIs it open?", ["Yes.<|im_end|>", "Six.<|im_end|>"]),
}  # fmt: skip


@every
def test_all_answers_that_inference_writes_so_are_learned_with_their_stop(name: str) -> None:
    text, learned = masked(name, TALK)
    begins, answers = TRUTH[name]
    assert text.startswith(begins)
    assert learned == answers
    assert text.endswith(answers[-1])


@every
def test_a_single_turn_is_learned_whole(name: str) -> None:
    _, learned = masked(name, TALK[:2])
    assert learned == [TRUTH[name][1][-1].replace("Six.", "Yes.")]


@every
def test_a_system_turn_is_seen_and_never_learned(name: str) -> None:
    text, learned = masked(name, [SYSTEM, *TALK])
    assert text.count("Be brief.") == 1
    # Where the system prompt moves to the last question, no earlier answer stands as it did.
    assert learned == TRUTH[name][1][-1 if name in ("mistral-tekken", "mistral-last") else 0 :]
    if name in ("gemma-2", "phi-3-first", "mistral"):
        assert "Be brief.\n\nIs it open?" in text


@every
def test_what_precedes_an_answer_is_what_inference_sends(name: str) -> None:
    row = {"messages": [SYSTEM, *TALK]}
    rendered = process(name).render([row], [0])[0].rendered
    assert rendered is not None
    assert rendered.prompt == chat_template(tokenizer(name)).prompt([SYSTEM, *TALK[:3]])


@every
def test_a_greeting_of_the_assistant_is_not_learned_nor_what_stands_before_it(name: str) -> None:
    greeting = {"role": "assistant", "content": "Welcome!"}
    text, learned = masked(name, [greeting, *TALK])
    # A template that marks the answers itself marks this one, too.
    assert learned == ["Welcome!<|im_end|>"] * (name == "marked") + TRUTH[name][1]
    # Templates that want the user first do not show it.
    assert ("Welcome!" in text) == (name not in ("gemma-2", "gemma-3", "mistral"))


@every
def test_turns_that_are_marked_are_not_learned(name: str) -> None:
    for mark in ({"weight": 0}, {"loss": False}, {"train": False}, {"weight": 0.0}):
        text, learned = masked(name, [TALK[0], TALK[1] | mark, *TALK[2:]])
        assert learned == TRUTH[name][1][-1:]
        assert "Yes." in text
    with pytest.raises(InputError) as caught:
        masked(name, [*TALK[:1], TALK[1] | {"weight": 0}])
    assert caught.value.code == "data.nothing_learned"


@every
def test_what_comes_after_the_last_answer_is_left_out(name: str) -> None:
    text, learned = masked(name, [*TALK, {"role": "user", "content": "Thanks"}])
    assert "Thanks" not in text
    assert learned == TRUTH[name][1]


@every
def test_two_questions_in_a_row_are_both_seen(name: str) -> None:
    text, learned = masked(name, [{"role": "user", "content": "Hello?"}, *TALK])
    assert text.index("Hello?") < text.index("Is it open?")
    assert learned == TRUTH[name][1]


def test_reasoning_is_learned_where_the_model_writes_it() -> None:
    thought = {"role": "assistant", "content": "Six.", "reasoning_content": "Closing time."}
    _, learned = masked("qwen3", [*TALK[:3], thought])
    assert learned == ["<think>\nClosing time.\n</think>\n\nSix.<|im_end|>"]
    inside = {"role": "assistant", "content": "<think>\nClosing time.\n</think>\n\nSix."}
    assert masked("qwen3", [*TALK[:3], inside])[1] == learned
    parts = [{"type": "thinking", "thinking": "Closing time."}, {"type": "text", "text": "Six."}]
    given = {"role": "assistant", "content": parts}
    assert masked("qwen3", [*TALK[:3], given])[1] == learned


def test_a_thought_that_the_prompt_begins_is_gone_on_with() -> None:
    prompt = "<|User|>Until when?<|Assistant|><think>\n"
    expected = ["Closing time.\n</think>\n\nSix.<|end_of_sentence|>"]
    for answer in (
        {"content": "Six.", "reasoning_content": "Closing time."},
        {"content": "<think>\nClosing time.\n</think>\n\nSix."},
        {"content": "Closing time.\n</think>\n\nSix."},
    ):
        text, learned = masked("deepseek-r1", [*TALK[:3], {"role": "assistant", **answer}])
        assert learned == expected
        assert text.endswith(prompt + expected[0])


CALL = {"name": "hours", "arguments": {"day": "Monday"}}


@pytest.mark.parametrize(
    "call",
    [
        {"type": "function", "function": CALL},
        {"function": CALL | {"arguments": json.dumps(CALL["arguments"])}},
    ],
)
def test_tool_calls_are_learned_once_encoded(call: dict[str, Any]) -> None:
    messages = [
        TALK[0],
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "9 to 6"},
        TALK[3],
    ]
    tools = [{"type": "function", "function": {"name": "hours", "parameters": {}}}]
    for given in (tools, json.dumps(tools)):
        text, learned = masked("qwen2.5", messages, tools=given)
        assert '"name": "hours", "parameters": {}' in text
        assert "<tool_response>9 to 6</tool_response>" in text
        expected = '<tool_call>{"name": "hours", "arguments": {"day": "Monday"}}</tool_call>'
        assert learned == [f"{expected}<|im_end|>", "Six.<|im_end|>"]


AFTER_CALL = [
    TALK[0],
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "call_123456", "type": "function", "function": CALL}],
    },
    {"role": "tool", "content": "9 to 6"},
    TALK[3],
]


def test_calls_get_identifiers_that_the_template_takes() -> None:
    _, learned = masked("mistral-tekken", AFTER_CALL)
    assert learned == [
        '[TOOL_CALLS][{"name": "hours", "arguments": {"day": "Monday"}}]<|endoftext|>',
        "Six.<|endoftext|>",
    ]


@pytest.mark.parametrize("name", ["phi-4-mini", "llama-3.2", "granite", "deepseek-r1"])
def test_a_call_that_the_template_does_not_write_is_no_empty_answer(name: str) -> None:
    _, learned = masked(name, AFTER_CALL)
    assert learned == [f"Six.{FAMILIES[name].stop}"]


def test_arguments_are_texts_where_the_template_takes_no_objects() -> None:
    text, learned = masked("deepseek-v3", AFTER_CALL)
    assert learned == ['hours\n{"day": "Monday"}<|endoftext|>', "Six.<|endoftext|>"]
    assert "<|output|>9 to 6<|Assistant|>" in text


@pytest.mark.parametrize("name", ["qwen2.5", "deepseek-v3", "mistral-tekken", "phi-4-mini"])
@pytest.mark.parametrize("as_text", [True, False])
def test_a_call_is_said_to_be_unread_only_where_it_is(name: str, as_text: bool) -> None:
    arguments = json.dumps(CALL["arguments"]) if as_text else CALL["arguments"]
    call = {"id": "call_123456", "type": "function", "function": CALL | {"arguments": arguments}}
    row = {"messages": [AFTER_CALL[0], AFTER_CALL[1] | {"tool_calls": [call]}, *AFTER_CALL[2:]]}
    way = process(name)
    tally = UnreadTally(way.data)
    way.count_unread(way.render([row], [0])[0], tally, 0)
    unread = {item.name for item in tally.found()}
    is_written = name != "phi-4-mini"
    assert ("answers that are not trained" in unread) != is_written
    assert ("messages.tool_calls" in unread) != is_written


def test_tools_reach_a_template_that_reads_them_from_the_system_turn() -> None:
    tools = [{"type": "function", "function": {"name": "hours"}}]
    for messages in (TALK, [SYSTEM, *TALK]):
        text, learned = masked("phi-4-mini", messages, tools=tools)
        assert '<|tool|>[{"type": "function"' in text
        assert learned == TRUTH["phi-4-mini"][1]


def test_a_developers_turn_is_a_system_turn_where_the_template_has_no_other() -> None:
    text, _ = masked("gemma-3", [SYSTEM | {"role": "developer"}, *TALK])
    assert text.startswith("<bos><start_of_turn>user\nBe brief.\n\nIs it open?")


@every
def test_the_bundled_conversations_are_all_kept(name: str) -> None:
    file: Path = resources() / "samples" / "support_chat.jsonl"
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    found = process(name, tuple(rows[0])).render(rows, range(len(rows)))
    assert [passed.error for passed in found if passed.error] == []
    assert len(found) == 152


def test_a_template_that_writes_the_beginning_a_second_time_is_refused() -> None:
    recipe = recipe_for("rows.jsonl", prompt="<s>{q}", completion="{a}")
    adds = tokenizer("phi-3-first")
    assert Process(recipe.data, adds, 100, ["q", "a"])  # this one adds none
    from tokenizers.processors import TemplateProcessing

    adds.backend_tokenizer.post_processor = TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", adds.convert_tokens_to_ids("<s>"))]
    )
    try:
        with pytest.raises(InputError) as caught:
            Process(recipe.data, adds, 100, ["q", "a"])
    finally:
        tokenizer.cache_clear()
    assert caught.value.code == "template.writes_bos"
    assert "<s>" in caught.value.hint
