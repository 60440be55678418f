"""Where the shape of rows has to be asked, what can be chosen is what may be meant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from phi3studio.domain.datasets.source import Source
from phi3studio.domain.datasets.source_report import ShapeProposal
from phi3studio.worker.data.inspecting.describe import describe
from tests.worker.data_fixtures import write_jsonl

Make = Callable[[int], dict[str, Any]]
ASKED: dict[str, tuple[Make, list[str]]] = {
    "two answers": (
        lambda n: {"question": ask(n), "student_answer": f"no {n}", "correct_answer": say(n)},
        ["{student_answer}", "{correct_answer}"],
    ),
    "two labels": (
        lambda n: {"text": ask(n), "colour": ("red", "blue")[n % 2], "size": "sml"[n % 3]},
        ["{size}", "{colour}"],
    ),
    "a label, or one of two texts": (
        lambda n: {"x1": n, "x2": ask(n), "x3": say(n), "x4": ("red", "blue")[n % 2]},
        ["{x4}", "{x3}", "{x2}"],
    ),
    "three texts": (
        lambda n: {"alpha": ask(n), "beta": say(n), "gamma": f"A note {n} about both of them"},
        ["{beta}", "{alpha}", "{gamma}"],
    ),
    "one of several marks of yes or no": (
        lambda n: {"comment": ask(n), "toxic": n % 2, "obscene": int(n % 3 > 1), "spam": 0},
        ["{toxic}", "{obscene}"],
    ),
    "a label that is the same in the first rows": (
        lambda n: {"text": ask(n), "label": "billing"},
        ["{text}", "{label}"],
    ),
    "an event and its date": (
        lambda n: {"event": ask(n), "date": f"{n + 1:02}.03.2024"},
        ["{event}", "{date}"],
    ),
    "three replies": (
        lambda n: {"prompt": ask(n), "reply_x": say(n), "reply_y": f"Eh {n}", "reply_z": f"Oh {n}"},
        ["{reply_x}", "{reply_y}", "{reply_z}"],
    ),
}


def ask(n: int) -> str:
    return f"Where is the house with the number {n}?"


def say(n: int) -> str:
    return f"It stands {n} streets further on the left."


def proposed(folder: Path, make: Make) -> tuple[ShapeProposal, ...]:
    path = write_jsonl(folder / "rows.jsonl", [make(n) for n in range(24)])
    return describe(Source(source=str(path))).shapes


@pytest.mark.parametrize("name", ASKED)
def test_every_column_that_may_be_the_answer_can_be_chosen(tmp_path: Path, name: str) -> None:
    make, answers = ASKED[name]
    shapes = proposed(tmp_path, make)
    assert not any(shape.sure for shape in shapes)
    learned = list(dict.fromkeys(shape.completion for shape in shapes))
    assert learned[: len(answers)] == answers
    assert len({(shape.prompt, shape.completion) for shape in shapes}) == len(shapes)


@pytest.mark.parametrize("names", ["ABCD", ("opa", "opb", "opc"), "1234"])
def test_columns_in_order_are_choices(tmp_path: Path, names: Any) -> None:
    def make(n: int) -> dict[str, Any]:
        choices = {name: f"{name} {n}" for name in names}
        return {"question": ask(n), **choices, "answer": names[n % len(names)]}

    (shape,) = proposed(tmp_path, make)
    assert shape.sure
    assert all(f"{{{name}}}" in (shape.prompt or "") for name in names)
    assert shape.unread == ()


def test_letters_are_question_and_answer_where_there_are_no_choices(tmp_path: Path) -> None:
    (shape,) = proposed(tmp_path, lambda n: {"Q": ask(n), "A": say(n)})
    assert (shape.completion, shape.sure) == ("{A}", True)
    assert "{Q}" in (shape.prompt or "")
