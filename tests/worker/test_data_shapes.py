"""Shapes are recognised with their reason, and every proposal can be trained as it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from phi3studio.domain.datasets.source import Source
from phi3studio.domain.recipe import Template
from phi3studio.worker.data.inspecting.describe import describe
from phi3studio.worker.data.inspecting.templates import template_presets
from phi3studio.worker.data.preparing.row_pipeline import Process, columns_of
from tests.worker.data_fixtures import SAMPLES, byte_level, recipe_for, write_jsonl  # noqa: F401

TURNS = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
SHAREGPT = [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}]

CASES: dict[str, tuple[list[dict[str, Any]], str, str]] = {
    "emotions": (
        [{"phrase": f"I feel thing {n} today", "tone": ["Joy", "Sad"][n % 2]} for n in range(20)],
        "columns",
        "“tone” has only 2 different values",
    ),
    "prompt/completion": ([{"prompt": "p", "completion": "c"}], "prompt_completion", "prompt"),
    "alpaca": ([{"instruction": "i", "input": "", "output": "o"}], "instruction", "Alpaca"),
    "alpaca, no input": ([{"instruction": "i", "output": "o"}], "instruction", "Alpaca"),
    "qa": ([{"Question": "q", "Best Answer": "a"}], "question_answer", "“Best Answer”"),
    "italian qa": ([{"domanda": "q", "risposta": "a"}], "question_answer", "“risposta”"),
    "messages": ([{"id": 1, "messages": TURNS}], "messages", "“role” and “content”"),
    "messages with tools": (
        [{"messages": TURNS, "tools": [{"name": "x"}]}],
        "messages",
        "“messages”",
    ),
    "messages as text": (
        [{"chat": '[{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]'}],
        "messages",
        "“chat”",
    ),
    "sharegpt": ([{"conversations": SHAREGPT}], "sharegpt", "ShareGPT"),
    "text": ([{"text": "once upon a time"}], "text", "only column of text"),
    "columns named by digits": ([{"0": "l", "00": "r"}], "columns", "a guess"),
    "two unknown columns": ([{"left": "l", "right": "r"}], "columns", "a guess"),
    "braces in names": ([{"text": "x"}], "text", "“text”"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_shape_is_recognised_with_its_reason(
    tmp_path: Path,
    byte_level: Any,  # noqa: F811
    name: str,
) -> None:
    rows, shape, reason = CASES[name]
    path = write_jsonl(tmp_path / "rows.jsonl", rows)
    report = describe(Source(source=str(path)))
    best = report.shapes[0]
    assert best.shape == shape
    assert reason in best.reason
    for proposal in report.shapes:
        keys: dict[str, Any] = {"messages": proposal.messages}
        if proposal.messages is None:
            keys = {"prompt": proposal.prompt, "completion": proposal.completion}
        recipe = recipe_for(path, **keys)
        passed = Process(recipe.data, byte_level, 500, columns_of(rows)).render(
            rows, range(len(rows))
        )
        assert [item.error for item in passed] == [None] * len(rows)


@pytest.mark.parametrize(
    ("sample", "shape"),
    [
        ("emotions.jsonl", "columns"),
        ("faq.csv", "question_answer"),
        ("recensioni_it.jsonl", "columns"),
        ("support_chat.jsonl", "messages"),
    ],
)
def test_the_bundled_samples_are_recognised(sample: str, shape: str) -> None:
    report = describe(Source(source=str(SAMPLES / sample)))
    assert report.shapes[0].shape == shape
    assert report.rows_exact


def test_columns_are_described(tmp_path: Path) -> None:
    rows = [
        {"t": "a", "n": 1, "b": True, "l": [1], "o": {"x": 1}, "m": n % 2 or "x", "e": None}
        for n in range(10)
    ]
    report = describe(Source(source=str(write_jsonl(tmp_path / "r.jsonl", rows))))
    kinds = {column.name: column.kind for column in report.columns}
    assert kinds == {
        **{"t": "text", "n": "number", "b": "boolean", "l": "list", "o": "object"},
        **{"m": "mixed", "e": "empty"},
    }
    missing = {column.name: column.missing for column in report.columns}
    assert (missing["t"], missing["e"]) == (0, 10)


def test_presets_fit_the_columns_and_the_chat_template_comes_first(
    byte_level: Any,  # noqa: F811
) -> None:
    plain = template_presets(byte_level)
    assert [preset.name for preset in plain] == [
        *("chat", "classification", "question_answer", "instruction", "phi3", "text"),
    ]
    for preset in plain:
        template = Template(prompt=preset.prompt, completion=preset.completion)
        assert set(template.columns) == set(preset.placeholders)
    filled = {preset.name: preset for preset in template_presets(byte_level, ["phrase", "tone"])}
    assert filled["chat"].prompt == (
        "<|im_start|>user\n{phrase}<|im_end|>\n<|im_start|>assistant\n"
    )
    assert filled["phi3"].prompt == "<|user|>\n{phrase}<|end|>\n<|assistant|>\n"
    for preset in filled.values():
        template = Template(prompt=preset.prompt, completion=preset.completion)
        assert set(template.columns) <= {"phrase", "tone"}
    assert filled["classification"].placeholders == ("phrase", "tone")
    assert "{?input}" not in filled["instruction"].prompt
    alpaca = template_presets(None, ["instruction", "input", "output"])
    assert "{?input}" in next(p.prompt for p in alpaca if p.name == "instruction")


def test_the_chat_preset_trains_what_the_chat_template_gives(byte_level: Any) -> None:  # noqa: F811
    preset = template_presets(byte_level, ["q", "a"])[0]
    row = {"q": "Hello {you}", "a": "Hi"}
    columns = recipe_for("x", prompt=preset.prompt, completion=preset.completion)
    chat = recipe_for("x", messages="m")
    turns = [{"role": "user", "content": row["q"]}, {"role": "assistant", "content": row["a"]}]
    rendered = [
        Process(recipe.data, byte_level, 500, [*row, "m"]).render([{**row, "m": turns}], [0])[0]
        for recipe in (columns, chat)
    ]
    examples = [
        Process(columns.data, byte_level, 500, []).encoder.examples([item.rendered], 500)[0]
        for item in rendered
        if item.rendered is not None
    ]
    assert examples[0] == examples[1]
