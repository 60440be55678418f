"""Labels and schemas as people type them."""

from __future__ import annotations

import pytest

from phi3studio.domain.answer_constraints import parse_labels, parse_schema
from phi3studio.domain.errors import InputError
from phi3studio.domain.sampling import Sampling


def test_labels_are_lines_each_once() -> None:
    assert parse_labels(" Fear\n\nJoy \nFear\n") == ("Fear", "Joy")


@pytest.mark.parametrize("text", ["", "  \n \n"])
def test_no_label_at_all_is_said(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_labels(text)
    assert caught.value.code == "chat.labels"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ('{"type": "object",\n "x": }', "line 2, column 7"),
        ("[1, 2]", "not an object"),
        ("null", "not an object"),
    ],
)
def test_a_wrong_schema_names_the_place(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_schema(text)
    assert caught.value.code == "chat.schema"
    assert said in caught.value.message


def test_a_schema_is_an_object() -> None:
    assert parse_schema('{"type": "object"}') == {"type": "object"}


def test_an_answer_is_greedy_unless_one_asks_for_more() -> None:
    assert Sampling() == Sampling(temperature=0.0, top_p=1.0, seed=None)
