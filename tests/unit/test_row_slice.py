"""Slices of rows, as Python and the splits of the hub write them."""

from __future__ import annotations

import pytest

from phi3studio.domain.datasets.source import Source
from phi3studio.domain.errors import InputError
from phi3studio.domain.recipe import parse_recipe
from phi3studio.domain.rows.row_slice import parse_slice


@pytest.mark.parametrize(
    ("text", "bounds", "counted"),
    [
        (":", (0, None), False),
        (":4096", (0, 4096), False),
        ("5:10", (5, 10), False),
        ("5 : 10", (5, 10), False),
        (":50%", (0, 500), True),
        ("10%:", (100, None), True),
        ("-128:", (872, None), True),
        ("-5000:-1", (0, 999), True),
        ("-10%:", (900, None), True),
    ],
)
def test_a_slice_asks_for_the_number_of_rows_only_where_it_depends_on_it(
    text, bounds, counted
) -> None:
    asked: list[bool] = []

    def count() -> int:
        asked.append(True)
        return 1000

    found = parse_slice(text)
    assert found is not None
    assert found.bounds(count) == bounds
    assert bool(asked) == counted


@pytest.mark.parametrize("text", ["", "5", "a:b", "1:2:3", ":150%", "train[:5]", "%:"])
def test_what_is_no_slice_is_refused(text) -> None:
    assert parse_slice(text) is None
    with pytest.raises(InputError) as caught:
        Source(source="x", slice=text)
    assert caught.value.code == "recipe.slice"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"split": {"file": "f", "column": "c"}}, "recipe.two_splits"),
        ({"split": {"column": "c", "slice": ":5"}}, "recipe.two_splits"),
        ({"split": {"hub_split": "test"}}, "recipe.two_splits"),
        ({"split": {"slice": "x"}}, "recipe.slice"),
        ({"split": {"hub_split": "test", "slice": ":5"}, "format": "hub"}, None),
    ],
)
def test_held_out_rows_are_named_in_one_way(changes, code) -> None:
    data = {"source": "x", "template": {"prompt": "", "completion": "{a}"}, **changes}
    if code is None:
        assert parse_recipe({"data": data}).rows.split.slice == ":5"
        return
    with pytest.raises(InputError) as caught:
        parse_recipe({"data": data})
    assert caught.value.code == code
