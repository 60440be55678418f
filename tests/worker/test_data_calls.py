"""Calls of tools and their results, however they are written, reach the template as they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from phi3studio.domain.datasets.source import Source
from phi3studio.worker.data.inspecting.describe import describe
from phi3studio.worker.data.preparing.row_pipeline import Process, columns_of
from phi3studio.worker.data.reading.source_rows import RowSource
from tests.worker.data_fixtures import recipe_for
from tests.worker.test_chat_templates import tokenizer

ASKED, SAID, ANSWERED = "How warm is it in Rome?", "I look it up.", "It is 21 degrees."
RESULT = {"degrees": 21}
CALL = {"name": "weather", "arguments": {"city": "Rome"}}
USUAL: list[dict[str, Any]] = [
    {"role": "user", "content": ASKED},
    {
        "role": "assistant",
        "content": SAID,
        "tool_calls": [{"id": "c1", "type": "function", "function": CALL}],
    },
    {"role": "tool", "tool_call_id": "c1", "content": json.dumps(RESULT)},
    {"role": "assistant", "content": ANSWERED},
]
FORMS: dict[str, list[dict[str, Any]]] = {
    "Anthropic": [
        {"role": "user", "content": ASKED},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": SAID},
                {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Rome"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": json.dumps(RESULT)}
            ],
        },
        {"role": "assistant", "content": [{"type": "text", "text": ANSWERED}]},
    ],
    "Bedrock": [
        {"role": "user", "content": [{"text": ASKED}]},
        {
            "role": "assistant",
            "content": [
                {"text": SAID},
                {"toolUse": {"toolUseId": "c1", "name": "weather", "input": {"city": "Rome"}}},
            ],
        },
        {
            "role": "user",
            "content": [{"toolResult": {"toolUseId": "c1", "content": [{"json": RESULT}]}}],
        },
        {"role": "assistant", "content": [{"text": ANSWERED}]},
    ],
    "Gemini": [
        {"role": "user", "parts": [{"text": ASKED}]},
        {
            "role": "model",
            "parts": [
                {"text": SAID},
                {"functionCall": {"name": "weather", "args": {"city": "Rome"}}},
            ],
        },
        {
            "role": "function",
            "parts": [{"functionResponse": {"name": "weather", "response": RESULT}}],
        },
        {"role": "model", "parts": [{"text": ANSWERED}]},
    ],
}


def rendered(rows: list[dict[str, Any]]) -> list[str]:
    """The rows as Qwen2.5's template writes them, what is learned between « and »."""
    data = recipe_for("x", messages="messages").rows
    process = Process(data, tokenizer("qwen2.5"), 900, columns_of(rows))
    texts = []
    for passed in process.render(rows, range(len(rows))):
        assert passed.error is None
        assert passed.rendered is not None
        parts = [f"«{s.text}»" if s.trained else s.text for s in passed.rendered.segments]
        texts.append("".join(parts))
    return texts


@pytest.mark.parametrize("form", FORMS)
def test_parts_that_are_calls_and_results_render_as_the_usual_ones(form: str) -> None:
    (usual,) = rendered([{"messages": USUAL}])
    assert f"«{SAID}" in usual
    assert '"city": "Rome"' in usual
    assert rendered([{"messages": FORMS[form]}]) == [usual]


@pytest.mark.parametrize("form", FORMS)
def test_they_leave_nothing_unread(tmp_path: Path, form: str) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps({"messages": FORMS[form]}) + "\n" for _ in range(12)))
    (shape,) = describe(Source(source=str(file))).shapes
    assert (shape.sure, shape.unread) == (True, ())


def test_tools_that_no_template_shows_are_said(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    row = {"question": ASKED, "answer": ANSWERED, "tools": [{"name": "clock"}]}
    rows = [row | {"question": f"{ASKED} {n}", "answer": f"{ANSWERED} {n}"} for n in range(12)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (shape,) = describe(Source(source=str(file))).shapes
    assert [(item.name, item.detail) for item in shape.unread] == [("tools", False)]


def test_a_table_gives_calls_no_arguments_of_other_rows(tmp_path: Path) -> None:
    """All objects of a column have the same keys in a table: null stands for those of others."""

    def row(name: str, value: Any) -> dict[str, Any]:
        call = {"type": "function", "function": {"name": "f", "arguments": {name: value}}}
        of = {"type": "object", "properties": {name: {"type": "string"}}}
        turns = [USUAL[0], {"role": "assistant", "content": None, "tool_calls": [call]}]
        tools = [{"type": "function", "function": {"name": "f", "parameters": of}}]
        return {"messages": turns, "tools": tools, "note": {name: value}}

    made = [row("city", "Rome"), row("day", 3)]
    file = tmp_path / "rows.parquet"
    pq.write_table(pa.Table.from_pylist(made), file)
    rows = list(RowSource(Source(source=str(file))).rows())
    assert rows[0]["note"] == {"city": "Rome", "day": None}
    assert rendered(rows) == rendered(made)
