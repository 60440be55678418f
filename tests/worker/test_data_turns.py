"""Conversations are read in whichever form public data sets write them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from phi3studio.domain.datasets.source import Source
from phi3studio.domain.datasets.source_report import SourceReport
from phi3studio.worker.data.inspecting.describe import describe
from phi3studio.worker.data.meaning.message_turns import turns_of
from phi3studio.worker.data.preparing.row_pipeline import Process
from tests.worker.data_fixtures import byte_level, recipe_for, write_jsonl  # noqa: F401

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
    "Assistants API": [
        {"role": "user", "content": [{"type": "text", "text": {"value": ASKED}}]},
        {"role": "assistant", "content": [{"type": "text", "text": {"value": ANSWERED}}]},
    ],
    "ChatGPT export": [
        {"author": {"role": "user"}, "content": {"content_type": "text", "parts": [ASKED]}},
        {"author": {"role": "assistant"}, "content": {"content_type": "text", "parts": [ANSWERED]}},
    ],
    "LangChain": [
        {"type": "human", "data": {"content": ASKED}},
        {"type": "ai", "data": {"content": ANSWERED}},
    ],
    "marks": [{"is_user": True, "text": ASKED}, {"is_user": False, "text": ANSWERED}],
    "speakers are objects": [
        {"speaker": {"id": 1, "role": "user"}, "text": ASKED},
        {"speaker": {"id": 2, "role": "assistant"}, "text": ANSWERED},
    ],
    "an object for each speaker": [{"Human": ASKED}, {"AI": ANSWERED}],
    "speakers as keys": {"user": ASKED, "assistant": ANSWERED},
    "a list for each speaker": {"user": [ASKED], "assistant": [ANSWERED]},
    "pairs of speaker and text": [["user", ASKED], ["assistant", ANSWERED]],
    "texts with speakers": [f"User: {ASKED}", f"Assistant: {ANSWERED}"],
    "numbered turns": {"turn1": STANDARD[0], "turn2": STANDARD[1]},
    "letters": [{"Q": ASKED, "A": ANSWERED}],
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


def test_numbered_columns_are_turns_of_one_conversation(tmp_path: Path, byte_level: Any) -> None:  # noqa: F811
    rows = [
        {"user_1": f"{ASKED} {n}", "assistant_1": f"{ANSWERED} {n}"}
        | ({"user_2": f"And {n}?", "assistant_2": f"Two {n}."} if n % 2 else {})
        for n in range(12)
    ]
    (shape,) = described(tmp_path, rows).shapes
    assert (shape.messages, shape.sure) == ("user_1 + assistant_1 + user_2 + assistant_2", True)
    process = Process(recipe_for("x", messages=shape.messages).rows, byte_level, 200, list(rows[1]))
    short, long = process.render(rows[:2], [0, 1])
    assert short.rendered is not None
    assert long.rendered is not None
    assert short.rendered.completion == f"{ANSWERED} 0"
    learned = [part.text for part in long.rendered.segments if part.trained]
    assert learned == [f"{ANSWERED} 1", "Two 1."]


@pytest.mark.parametrize(
    ("turns", "names"),
    [
        (lambda a, b: [{"Anna": a}, {"Bob": b}], ["Anna", "Bob"]),
        (lambda a, b: [{"speaker": 1, "text": a}, {"speaker": 2, "text": b}], ["1", "2"]),
        (lambda a, b: [["Anna", a], ["Bob", b], ["Anna", b], ["Bob", a]], ["Anna", "Bob"]),
    ],
)
def test_speakers_whose_roles_nobody_knows_are_named(
    tmp_path: Path, turns: Callable[[str, str], Any], names: list[str]
) -> None:
    rows = [{"dialog": turns(f"{ASKED} {n}", f"{ANSWERED} {n}")} for n in range(12)]
    found = described(tmp_path, rows)
    assert found.obstacle is not None
    assert (found.obstacle["code"], found.obstacle["values"]["roles"]) == ("data.no_answers", names)


@pytest.mark.parametrize(
    "row",
    [
        {"dialog": {"speaker": "user", "text": ASKED}, "reply": {"speaker": "AI", "text": "x"}},
        {"user": {"from": "customer", "text": ASKED}, "agent": {"from": "agent", "text": "x"}},
    ],
)  # fmt: skip
def test_a_turn_that_is_one_object_is_joined_with_the_next(
    tmp_path: Path, row: dict[str, Any]
) -> None:
    (shape,) = described(tmp_path, [row] * 12).shapes
    assert (shape.messages, shape.sure) == (" + ".join(row), True)


def test_an_object_that_says_nothing_is_no_turn(tmp_path: Path) -> None:
    inside = {"author": {"role": "user"}, "qa": {"question": ASKED, "answer": ANSWERED}}
    rows = [{"text": f"{ASKED} {n}", "label": "ab"[n % 2], **inside} for n in range(12)]
    found = described(tmp_path, rows)
    assert found.obstacle is None
    assert found.shapes
    assert all(shape.messages is None for shape in found.shapes)


def test_comments_of_people_do_not_hide_what_is_asked_and_answered(tmp_path: Path) -> None:
    said = [{"author": "bob", "text": "I like it"}, {"author": "eve", "text": "me too"}]
    rows = [
        {"question": f"{ASKED} {n}", "answer": f"{ANSWERED} {n}", "comments": said}
        for n in range(12)
    ]
    (shape,) = described(tmp_path, rows).shapes
    assert (shape.completion, shape.sure) == ("{answer}", True)
    assert [(item.name, item.rows) for item in shape.unread] == [("comments", 12)]


def described(folder: Path, rows: list[dict[str, Any]]) -> SourceReport:
    return describe(Source(source=str(write_jsonl(folder / "rows.jsonl", rows))))


@pytest.mark.parametrize("role", [[], None, 0.5, ["user"]])
def test_a_role_that_names_nobody_does_not_hide_who_speaks(role: Any) -> None:
    turns = turns_of([{"from": "human", "role": role, "value": "Where?", "content": None}])
    assert turns is not None
    assert (turns[0]["role"], turns[0]["content"]) == ("user", "Where?")
