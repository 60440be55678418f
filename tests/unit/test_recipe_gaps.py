"""Gaps of a recipe: written as what belongs there, and named before anything runs."""

from __future__ import annotations

import pytest

from phi3studio.domain.errors import InputError
from phi3studio.domain.hyperparameters import Training
from phi3studio.domain.recipe import parse_recipe
from phi3studio.domain.recipes.recipe_gaps import ASKED, marker, with_gaps

AZURE = {"subscription": "x", "resource_group": "x", "workspace": "x", "compute": "x"}
WHOLE = with_gaps(
    {"data": {"template": {}, "split": {}}, "azure": {**AZURE, "job_identity": "managed"}},
    {key: valid for key, (_, valid) in ASKED.items()},
)


@pytest.mark.parametrize("key", ASKED)
def test_every_gap_has_a_valid_value_in_its_place_and_is_named(key) -> None:
    parse_recipe(WHOLE)
    with pytest.raises(InputError) as caught:
        parse_recipe(with_gaps(WHOLE, {key: marker(key)}))
    assert caught.value.code == "recipe.gaps"
    assert caught.value.message == f"The recipe lacks 1 value: {key}: {marker(key)}."


def test_angle_brackets_inside_of_a_template_are_text() -> None:
    values = {"source": "x", "template": {"prompt": "<|user|>{a}<|end|>", "completion": "<b>{a}"}}
    assert parse_recipe({"data": values}).rows.template is not None


def test_sections_that_are_none_are_reported_as_before() -> None:
    with pytest.raises(InputError) as caught:
        parse_recipe({"data": "<data file>"})
    assert caught.value.code == "recipe.invalid_value"


def test_the_warm_up_in_steps_or_as_a_share() -> None:
    assert Training(warmup=0.1).warmup_of(200) == 20
    assert Training(warmup=0.1, warmup_steps=3).warmup_of(200) == 3
