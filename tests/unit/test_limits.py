"""Limits in the wizard's draft, how long a search takes, and what no export can be."""

from __future__ import annotations

import dataclasses

import pytest

from phi3studio.domain.datasets.source import Source
from phi3studio.domain.errors import InputError
from phi3studio.domain.estimation.estimate import search_seconds
from phi3studio.domain.recipe import Limits, Target
from phi3studio.domain.run import RunView
from phi3studio.domain.search.export_kinds import all_kinds, least_bytes, smallest
from phi3studio.domain.search.search_points import Search
from phi3studio.domain.search.search_steps import expected_steps, seconds_left
from phi3studio.runs.demo import demo_recipe
from phi3studio.runs.shown.outcome import search_time
from phi3studio.wizard.azure_form import AzureForm
from phi3studio.wizard.flow import (
    Draft,
    Facts,
    MachineFacts,
    ModelFacts,
    edit,
    from_recipe,
    to_recipe,
)
from phi3studio.wizard.page_problems import problems
from tests.showcase.searches import POINTS, STARTER, search_record

DRAFT = Draft(
    source=Source(source="rows.jsonl"), shape="columns", prompt="{a}", completion="{b}",
    limits=Limits(size_mb=120),
)  # fmt: skip
FACTS = Facts(model=ModelFacts("starter", STARTER), machine=MachineFacts())


def said(draft: Draft, facts: Facts = FACTS) -> list[tuple[str, str]]:
    """Code and variant of each problem with the limits."""
    found = [p.says for p in problems(draft, facts, "target") if p.where == "limits"]
    return [(phrase.code, phrase.variant) for phrase in found]


def test_limits_are_edited_one_by_one_and_switched_off() -> None:
    plain = DRAFT.model_copy(update={"limits": None})
    assert to_recipe(plain).limits is None
    assert edit(plain, "target", limits=None) is plain
    some = edit(plain, "target", limits={"size_mb": 80})
    assert some.limits == Limits(size_mb=80)
    more = edit(some, "target", limits={"points_lost": 2.5})
    assert to_recipe(more).limits == Limits(size_mb=80, points_lost=2.5)
    assert to_recipe(edit(more, "target", limits={"size_mb": None})).limits == Limits(
        points_lost=2.5
    )
    assert edit(more, "target", limits=None).limits is None
    empty = edit(plain, "target", limits=Limits())
    assert empty.limits == Limits()
    assert from_recipe(to_recipe(empty)).limits == Limits()


@pytest.mark.parametrize(
    "limits",
    [
        {"size_mb": 0},
        {"size_mb": -1},
        {"memory_mb": float("nan")},
        {"tokens_per_s": float("inf")},
        {"score": 101},
        {"points_lost": -1},
        {"score": 90, "points_lost": 3},
    ],
)
def test_limits_that_cannot_be_are_not_taken_over(limits: dict[str, float]) -> None:
    with pytest.raises(InputError):
        edit(DRAFT, "target", limits=limits)


def test_what_keeps_a_search_from_being_made_is_a_problem() -> None:
    assert said(DRAFT) == []
    assert said(DRAFT.model_copy(update={"limits": None, "source": None})) == []

    def changed(**changes: object) -> Draft:
        return DRAFT.model_copy(update=changes)

    assert said(changed(steps=("train", "merge", "quantise"))) == [("draft.limits", "steps")]
    assert said(changed(steps=("train", "quantise", "verify"))) == [("draft.limits", "apart")]
    no_rows = changed(source=None, steps=("quantise", "verify"))
    assert said(no_rows) == [("draft.limits", "no_rows")]
    apart = changed(adapter="a", steps=("quantise", "verify"))
    assert said(apart) == [("draft.limits", "apart")]
    cloud = changed(target=Target(train_on="azureml"), azure=AzureForm())
    assert said(cloud) == [("draft.limits", "azure")]
    rounded = DRAFT.training.model_copy(update={"int4_aware": 0.5})
    against_merged = changed(training=rounded, limits=Limits(points_lost=2))
    assert said(against_merged) == [("draft.limits", "int4_aware")]
    assert said(changed(training=rounded, limits=Limits(score=90))) == []


def test_limits_are_for_what_this_computer_can_run() -> None:
    for provider, machine in (
        ("cuda", MachineFacts(cuda="A GPU")),
        ("dml", MachineFacts(directml=True)),
    ):
        draft = DRAFT.model_copy(update={"target": Target(provider=provider)})  # type: ignore[arg-type]
        assert said(draft) == [("draft.limits", "")]
        assert said(draft, Facts(machine=machine)) == []
        assert said(draft, Facts()) == []  # not looked at yet


def test_a_size_that_no_export_has_is_a_problem_once_the_model_is_known() -> None:
    least, kind = smallest(STARTER, "cpu")
    assert least == min(
        least_bytes(each, STARTER, "cpu") for each in all_kinds("cpu", True, STARTER)
    )
    assert kind.int4 == "small"
    tight = edit(DRAFT, "target", limits={"size_mb": least / 1e6 - 0.1})
    assert said(tight) == [("draft.limit_too_small", "")]
    assert said(tight, Facts()) == []
    assert said(tight, Facts(model=ModelFacts("x"))) == []
    assert said(edit(DRAFT, "target", limits={"size_mb": least / 1e6})) == []


def test_the_time_left_follows_the_pace() -> None:
    begun = Search.of(search_record(Limits(), (), done=False))
    assert seconds_left(begun) is None
    search = Search.of(search_record(Limits(size_mb=200), POINTS[:3], done=False))
    # Three points of 20 s, two of them measured whole as well: five steps.
    assert seconds_left(search) == pytest.approx(expected_steps(search) * 60 / 5)


def test_how_long_a_search_takes_comes_from_the_run_s_own_export() -> None:
    recipe = demo_recipe()
    view = RunView()
    assert search_time(view, recipe) is None
    timings = {"train": 100.0, "merge": 5.0, "quantise": 10.0, "verify": 7.0}
    view = dataclasses.replace(view, timings=timings)
    found = search_time(view, recipe)
    assert found == search_seconds(recipe, 10.0) + 12.0
    assert search_seconds(recipe, 10.0) > 60.0
    limited = recipe.model_copy(update={"limits": Limits()})
    assert search_time(view, limited) is None  # of what it took, most was the search
