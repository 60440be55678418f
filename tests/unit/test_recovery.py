"""The ladder of safer settings: what changes in which order, and what never does."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi3studio.domain.estimation.recovery import SHORTEST_ROWS, in_force, recovered, safer
from phi3studio.domain.events.event_line import Event, parse_event
from phi3studio.domain.events.run_events import Notice, Recovery
from phi3studio.domain.recipe import Data, Recipe, Target, Template, Training
from phi3studio.domain.run import fold

DATA = Data(source="d.csv", template=Template(prompt="{q}", completion="{a}"))


def recipe(**training) -> Recipe:
    return Recipe(data=DATA, training=Training(**training))


def ladder(start: Recipe, longest: int) -> list[Recovery]:
    """Every step from *start* to the end."""
    found: list[Recovery] = []
    while (step := safer(in_force(start, found), "train", "host", longest)) is not None:
        found.append(step)
        assert len(found) < 100
    return found


def test_the_order_is_batch_then_checkpointing_then_length() -> None:
    steps = ladder(recipe(batch_size=8, accumulation=2, sequence_length=512), 300)
    assert [(s.batch_size, s.accumulation) for s in steps[:3]] == [(4, 4), (2, 8), (1, 16)]
    assert [s.changed for s in steps] == [
        *[("batch_size", "accumulation")] * 3,
        ("gradient_checkpointing",),
        ("sequence_length",),
        ("sequence_length",),
        ("sequence_length",),
    ]
    assert [s.sequence_length for s in steps[4:]] == [150, 75, 64]


@given(
    batch=st.integers(1, 200),
    accumulation=st.integers(1, 64),
    length=st.integers(8, 8192),
    longest=st.integers(1, 8192),
)
def test_rows_of_an_optimiser_step_never_change_and_the_ladder_ends(
    batch, accumulation, length, longest
) -> None:
    start = recipe(batch_size=batch, accumulation=accumulation, sequence_length=length)
    steps = ladder(start, longest)
    assert all(s.batch_size * s.accumulation == batch * accumulation for s in steps)
    assert steps or length <= SHORTEST_ROWS or longest <= SHORTEST_ROWS
    lengths = [s.sequence_length for s in steps]
    assert all(b <= a for a, b in itertools.pairwise(lengths))
    last = in_force(start, steps).training
    assert last.batch_size == 1
    assert last.gradient_checkpointing


def test_in_the_quantisation_plain_int4_is_the_safer_one() -> None:
    start = Recipe(data=DATA, target=Target(int4="quality"))
    step = safer(start, "quantise", "killed", 100)
    assert step is not None
    after = in_force(start, [step])
    assert after.target.int4 == "fast"
    assert after.training == start.training
    assert safer(after, "quantise", "killed", 100) is None


@pytest.mark.parametrize("stage", ["prepare", "merge", "verify", None])
def test_where_nothing_is_safer_there_is_no_step(stage) -> None:
    assert safer(recipe(batch_size=8), stage, "host", 1000) is None


def test_the_recipe_itself_is_left_as_it_is() -> None:
    start = recipe(batch_size=8)
    before = start.to_json()
    in_force(start, ladder(start, 1000))
    assert start.to_json() == before


def test_settings_are_read_back_from_the_events() -> None:
    start = recipe(batch_size=4)
    steps = ladder(start, 100)
    lines = [Event(seq=n, t=float(n), payload=step).to_line() for n, step in enumerate(steps, 1)]
    events = [event for line in lines if (event := parse_event(line)) is not None]
    view = fold([*events, Event(seq=99, t=99.0, payload=Notice(code="x", text="y"))])
    assert view.recoveries == tuple(steps)
    assert in_force(start, view.recoveries) == in_force(start, steps)


def test_every_step_is_reported_in_words() -> None:
    start = recipe(batch_size=2, sequence_length=256)
    found: list[Recovery] = []
    for step in ladder(start, 256):
        text = recovered(step, in_force(start, found)).said().message
        assert text.startswith(
            "There was not enough memory (an allocation failed). Continuing with "
        )
        found.append(step)
    assert "1 row in a forward pass instead of 2" in recovered(found[0], start).said().message


@pytest.mark.parametrize(
    ("start", "stage", "said"),
    [
        (recipe(batch_size=4), "train", "2 rows in a forward pass instead of 4"),
        (recipe(batch_size=1), "train", "checkpointing"),
        (recipe(batch_size=1, gradient_checkpointing=True), "train", "128 tokens"),
    ],
)
def test_each_step_is_named_by_what_it_changes(start: Recipe, stage, said: str) -> None:
    step = safer(start, stage, "host", 256)
    assert step is not None
    assert said in recovered(step, start).said().message


def test_an_export_goes_on_with_a_lighter_preset() -> None:
    start = recipe()
    step = safer(start, "quantise", "host", 64)
    assert step is not None
    assert step.changed == ("int4",)
    assert step.int4 in recovered(step, start).said().message
