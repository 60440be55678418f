"""Drafts that leave steps out, start from an adapter, or have no data."""

from __future__ import annotations

import itertools

import pytest

from phi3studio.domain.datasets.source import Source
from phi3studio.domain.recipe import ALL_STEPS, Model, Recipe
from phi3studio.wizard.flow import (
    Draft,
    Facts,
    display_name,
    from_recipe,
    next_page,
    pages_of,
    parse_draft,
    previous_page,
    to_recipe,
    with_source,
)
from phi3studio.wizard.optional_steps import (
    step_reason,
    with_adapter,
    with_step,
    with_training,
    without_data,
)
from phi3studio.wizard.page_problems import can_continue, problems

WITH_DATA = Draft(
    source=Source(source="/data/a.csv"), shape="columns", prompt="{a}", completion="{b}"
)


def test_without_data_the_base_is_exported() -> None:
    draft = without_data(Draft())
    assert draft.steps == ("quantise", "verify")
    assert pages_of(draft) == ("data", "model", "target", "review")
    assert (next_page("model", draft), previous_page("target", draft)) == ("target", "model")
    assert problems(draft, Facts(), "data") == ()
    assert can_continue(draft, Facts(), "data")
    recipe = to_recipe(draft)
    assert recipe.data is None
    assert recipe.stages == ("prepare", "quantise", "verify")
    assert display_name(draft) == "starter"


def test_without_data_an_adapter_is_merged() -> None:
    draft = with_adapter(without_data(Draft()), "/runs/x/adapter", "phi-4-mini")
    assert draft.steps == ("merge", "quantise", "verify")
    assert to_recipe(draft).model == Model(source="phi-4-mini", adapter="/runs/x/adapter")
    # Without it there is nothing to merge any more.
    assert with_adapter(draft, None).steps == ("quantise", "verify")


def test_a_training_goes_on_from_an_adapter() -> None:
    draft = with_adapter(WITH_DATA, "/runs/x/adapter")
    assert draft.steps == ALL_STEPS
    assert to_recipe(draft).model.adapter == "/runs/x/adapter"


def test_training_needs_data_again() -> None:
    draft = with_training(without_data(Draft()))
    assert [p.code for p in problems(draft, Facts(), "data")] == ["draft.no_source"]
    assert not can_continue(draft, Facts(), "data")


@pytest.mark.parametrize(
    ("draft", "step", "reason"),
    [
        (without_data(Draft()), "train", "needs_data"),
        (without_data(Draft()), "merge", "needs_adapter"),
        (with_step(without_data(Draft()), "verify", on=False), "quantise", "only_step"),
        (without_data(Draft()), "quantise", "nothing_to_verify"),
        (WITH_DATA, "train", ""),
        (WITH_DATA, "merge", ""),
        (with_adapter(without_data(Draft()), "/a"), "merge", ""),
    ],
)
def test_what_cannot_be_switched_says_why(draft: Draft, step: str, reason: str) -> None:
    assert step_reason(draft, step) == reason  # type: ignore[arg-type]


def test_no_allowed_switch_leads_to_a_refused_recipe() -> None:
    """From every starting point, over every pair of switches that are offered."""
    starts = [WITH_DATA, without_data(Draft()), with_adapter(WITH_DATA, "/a")]
    seen = set()
    for start in starts:
        for switches in itertools.product(ALL_STEPS, repeat=3):
            draft = start
            for step in switches:
                if not step_reason(draft, step):
                    draft = with_step(draft, step, on=step not in draft.steps)
            if draft.trains or draft.source is None:
                recipe = to_recipe(draft)
                assert tuple(recipe.steps) == draft.steps
                seen.add(draft.steps)
    assert ("train",) in seen
    assert ("train", "quantise") in seen
    assert ("quantise",) in seen


def test_leaving_the_training_out_takes_the_merge_along() -> None:
    assert with_step(WITH_DATA, "train", on=False).steps == ("quantise", "verify")


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(steps=["quantise"], model=Model(source="starter")),
        Recipe(steps=["merge", "quantise"], model=Model(source="starter", adapter="/a")),
        to_recipe(with_step(WITH_DATA, "merge", on=False)),
    ],
)
def test_a_run_is_repeated_with_its_own_steps(recipe: Recipe) -> None:
    draft = from_recipe(recipe)
    assert to_recipe(draft) == recipe
    assert parse_draft(draft.to_json()) == draft


def test_another_source_keeps_the_steps() -> None:
    draft = with_source(without_data(Draft()), "/data/b.csv")
    assert draft.steps == ("quantise", "verify")
    assert step_reason(draft, "train") == ""


def test_a_format_that_the_device_does_not_run_is_an_error_only_where_it_is_built() -> None:
    draft = WITH_DATA.model_copy(
        update={"target": WITH_DATA.target.model_copy(update={"provider": "dml"})}
    )
    wrong = draft.model_copy(
        update={"target": draft.target.model_copy(update={"quantisation": "bf16"})}
    )
    assert [p.code for p in problems(wrong, Facts(), "target")] == ["draft.not_on_target"]
    adapter_only = wrong.model_copy(update={"steps": ("train",)})
    assert problems(adapter_only, Facts(), "target") == ()
