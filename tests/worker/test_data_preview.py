"""What the preview shows is, bit for bit, what is trained: on every shape."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from phi3studio.domain.datasets.source_report import Preview
from phi3studio.domain.errors import InputError
from phi3studio.domain.recipe import Recipe
from phi3studio.worker.data.inspecting.preview import preview
from phi3studio.worker.data.preparing.prepare_examples import prepare
from phi3studio.worker.data.preparing.row_pipeline import Process, columns_of
from phi3studio.worker.data.preparing.tokenise import IGNORED
from phi3studio.worker.data.reading.source_rows import RowSource
from tests.worker.data_fixtures import byte_level, phi3_like, recipe_for, write_jsonl  # noqa: F401

WORDS = [
    "sea",
    "storm",
    "joy",
    "fear",
    "long",
    "evening",
    "quiet",
    "neighbour",
    "circus",
    "letter",
    "garden",
    "winter",
]


def sentence(n: int) -> str:
    return " ".join(WORDS[(n * 7 + k * (n % 5 + 1)) % len(WORDS)] for k in range(8)) + f" {n}."


def rows_of(shape: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Thirty rows of a shape, and the recipe keys that read them."""
    count = range(30)
    if shape == "columns":
        template = {"prompt": "### Text: {phrase}\n### Tone:\n", "completion": "{tone}"}
        rows = [{"phrase": sentence(n), "tone": ["Joy", "Sad"][n % 2]} for n in count]
    elif shape == "prompt_completion":
        template = {"prompt": "{prompt}", "completion": " {completion}"}
        rows = [{"prompt": sentence(n), "completion": sentence(n + 50)} for n in count]
    elif shape == "instruction":
        template = {
            "prompt": "Do: {instruction}\n{?input}With: {input}\n{/input}Done: ",
            "completion": "{output}",
        }
        rows = [
            {"instruction": sentence(n), "input": ["", sentence(n + 9)][n % 2], "output": "ok é"}
            for n in count
        ]
    elif shape == "nested":
        template = {"prompt": "{q.text}\n", "completion": "{answers.0}"}
        rows = [{"q": {"text": sentence(n)}, "answers": [sentence(n + 1), 2]} for n in count]
    elif shape == "repaired":
        template = {"prompt": "{q}\n", "completion": "{a}"}
        rows = [
            {"q": f" {sentence(n)} cafÃ©\u200b <|im_end|> a{n}@b.org ", "a": ["Joy ", "joy"][n % 2]}
            for n in count
        ]
        kinds = ["fix_mojibake", "strip_control", "remove_tags", "redact", "trim", "shorten"]
        merge = {"kind": "merge_labels", "column": "a", "labels": {"joy": "Joy"}}
        return rows, {"template": template, "repairs": [{"kind": k} for k in kinds] + [merge]}
    elif shape == "text":
        template = {"prompt": "", "completion": "{text}"}
        rows = [{"text": sentence(n) + " Zażółć 東京 🎉"} for n in count]
    else:
        turns = [
            [
                {"role": "system", "content": "Be kind."},
                {"role": "user", "content": sentence(n)},
                {"role": "assistant", "content": sentence(n + 3)},
                {"role": "user", "content": "And?"},
                {"role": "assistant", "content": "Naïve 🎉"},
            ]
            for n in count
        ]
        if shape == "tools":
            return [
                {"messages": turn, "tools": [{"name": f"tool{n}"}]} for n, turn in enumerate(turns)
            ], {"messages": "messages"}
        if shape == "sharegpt":
            names = {"system": "system", "user": "human", "assistant": "gpt"}
            return [
                {"conversations": [{"from": names[t["role"]], "value": t["content"]} for t in turn]}
                for turn in turns
            ], {"messages": "conversations"}
        return [{"messages": turn} for turn in turns], {"messages": "messages"}
    return rows, {"template": template}


SHAPES = [
    *("columns", "prompt_completion", "instruction", "nested", "repaired", "text"),
    *("messages", "tools", "sharegpt"),
]


def preview_of(recipe: Recipe, tokenizer: Any, number: int) -> Preview:
    rows = list(RowSource(recipe.data).rows())
    process = Process(recipe.data, tokenizer, recipe.training.sequence_length, columns_of(rows))
    return preview(process, rows[number], number)


@pytest.mark.parametrize("length", [1024, 40])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["byte_level", "phi3_like"])
def test_preview_is_what_is_trained(
    tmp_path: Path, request: pytest.FixtureRequest, name: str, shape: str, length: int
) -> None:
    tokenizer = request.getfixturevalue(name)
    rows, keys = rows_of(shape)
    path = write_jsonl(tmp_path / "rows.jsonl", rows)
    recipe = recipe_for(path, length=length, **keys)
    try:
        prepared = prepare(recipe, tokenizer, tmp_path / "data", lambda done, total: None)
    except InputError as exc:
        # A length at which every row is cut off before its answer.
        if length == 1024 or exc.code not in ("data.too_few_rows", "data.nothing_held_out"):
            raise
        return
    trained = [
        *pq.read_table(prepared.train).to_pylist(),
        *pq.read_table(prepared.held_out).to_pylist(),
    ]
    assert length == 40 or {row["row"] for row in trained} == set(range(30))
    for row in trained:
        seen = preview_of(recipe, tokenizer, row["row"])
        within = [token for token in seen.tokens if token.kind != "cut_off"]
        assert [token.id for token in within] == row["input_ids"]
        assert [token.id if token.kind != "masked" else IGNORED for token in within] == row[
            "labels"
        ]
        assert (seen.prompt, seen.completion) == (row["prompt"], row["completion"])
        assert seen.prompt_tokens == row["prompt_tokens"]
        assert seen.cut_off == len(seen.tokens) - len(within)
        assert seen.dropped is None


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["byte_level", "phi3_like"])
def test_token_texts_joined_are_the_rendered_text(
    tmp_path: Path, request: pytest.FixtureRequest, name: str, shape: str
) -> None:
    tokenizer = request.getfixturevalue(name)
    rows, keys = rows_of(shape)
    recipe = recipe_for(write_jsonl(tmp_path / "rows.jsonl", rows), length=1024, **keys)
    for number in (0, 1, 29):
        seen = preview_of(recipe, tokenizer, number)
        joined = "".join(token.text for token in seen.tokens)
        assert joined.removeprefix("<s>") == seen.rendered
        assert seen.raw == json.loads(json.dumps(rows[number]))
        stops = [token for token in seen.tokens if token.kind == "stop"]
        assert len(stops) == (2 if shape in ("messages", "tools", "sharegpt") else 1)
        assert seen.trained_tokens == sum(t.kind in ("trained", "stop") for t in seen.tokens)


def test_a_row_that_a_repair_leaves_out_says_so(tmp_path: Path, byte_level: Any) -> None:  # noqa: F811
    rows = [{"q": "x", "a": " "}, {"q": "y", "a": "fine"}]
    recipe = recipe_for(
        write_jsonl(tmp_path / "rows.jsonl", rows),
        prompt="{q}\n",
        completion="{a}",
        repairs=[{"kind": "drop_empty"}],
    )
    assert preview_of(recipe, byte_level, 0).dropped == "drop_empty"
    assert preview_of(recipe, byte_level, 1).dropped is None


def test_a_row_without_a_value_is_an_error_that_names_row_and_column(
    tmp_path: Path,
    byte_level: Any,  # noqa: F811
) -> None:
    rows = [{"q": "x", "a": "y"}, {"q": "z", "a": None}]
    recipe = recipe_for(
        write_jsonl(tmp_path / "rows.jsonl", rows), prompt="{q}\n", completion="{a}"
    )
    with pytest.raises(InputError) as caught:
        preview_of(recipe, byte_level, 1)
    assert "Row 2" in caught.value.message
    assert "“a”" in caught.value.message
