"""Conversations are read in whichever form public data sets write them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from phi3studio.worker.data.preparing.row_pipeline import Process
from tests.worker.data_fixtures import byte_level, recipe_for  # noqa: F401

ASKED, ANSWERED = "Where is the key?", "It hangs by the door."
STANDARD = [{"role": "user", "content": ASKED}, {"role": "assistant", "content": ANSWERED}]
FORMS: dict[str, Any] = {
    "messages": STANDARD,
    "sharegpt": [{"from": "human", "value": ASKED}, {"from": "gpt", "value": ANSWERED}],
    "role and text": [{"role": "user", "text": ASKED}, {"role": "assistant", "text": ANSWERED}],
    "speakers": [{"speaker": "User ", "text": ASKED}, {"speaker": "AI", "text": ANSWERED}],
    "texts": [ASKED, ANSWERED],
    "pairs": [[ASKED, ANSWERED]],
    "an object for each pair": [{"human": ASKED, "assistant": ANSWERED}],
    "Gemini": [
        {"role": "user", "parts": [{"text": ASKED}]},
        {"role": "model", "parts": [{"text": ANSWERED}]},
    ],
    "lists": {"role": ["user", "assistant"], "content": [ASKED, ANSWERED]},
    "JSON text": json.dumps(STANDARD),
    "Python text": str(STANDARD),
    "numpy text": str(STANDARD).replace("}, {", "}\n {"),
    "parts": [
        {"role": "user", "content": [{"type": "text", "text": ASKED}]},
        {"role": "assistant", "content": {"type": "output_text", "text": ANSWERED}},
    ],
}


def rendered(byte_level: Any, row: dict[str, Any], messages: str) -> str:  # noqa: F811
    process = Process(recipe_for("x", messages=messages).rows, byte_level, 200, list(row))
    passed = process.render([row], [0])[0]
    assert passed.error is None
    assert passed.rendered is not None
    assert passed.rendered.completion == row.get("last", ANSWERED)
    return passed.rendered.prompt


@pytest.mark.parametrize("form", FORMS)
def test_every_form_renders_as_the_usual_one(byte_level: Any, form: str) -> None:  # noqa: F811
    usual = rendered(byte_level, {"m": STANDARD}, "m")
    assert ASKED in usual
    assert rendered(byte_level, {"m": FORMS[form]}, "m") == usual


@pytest.mark.parametrize(
    ("row", "path"),
    [
        ({"prompt": STANDARD[:1], "completion": STANDARD[1:]}, "prompt + completion"),
        ({"prompt": STANDARD[:1], "completion": ANSWERED}, "prompt + completion"),
        ({"body": {"messages": STANDARD[:1]}, "reply": {"choices": [{"message": STANDARD[1]}]}},
         "body.messages + reply.choices.0.message"),
    ],
)  # fmt: skip
def test_places_are_joined_to_one_conversation(
    byte_level: Any,  # noqa: F811
    row: dict[str, Any],
    path: str,
) -> None:
    assert rendered(byte_level, row, path) == rendered(byte_level, {"m": STANDARD}, "m")


def test_a_system_prompt_joined_is_a_turn_of_the_system(byte_level: Any) -> None:  # noqa: F811
    row = {"system_prompt": "Be kind.", "question": ASKED, "response": ANSWERED}
    text = rendered(byte_level, row, "system_prompt + question + response")
    assert text.startswith("<|im_start|>system\nBe kind.")


def test_columns_whose_names_have_spaces_or_dots_are_found(byte_level: Any) -> None:  # noqa: F811
    row = {" question": ASKED, "label.responses": [ANSWERED]}
    recipe = recipe_for("x", prompt="{question}", completion="{label.responses.0}")
    passed = Process(recipe.rows, byte_level, 200, list(row)).render([row], [0])[0]
    assert passed.rendered is not None
    assert (passed.rendered.prompt, passed.rendered.completion) == (ASKED, ANSWERED)
