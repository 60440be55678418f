"""``phi3studio search RECIPE --train``: what it refuses, and what it shows of a search."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from phi3studio.app.paths import Home
from phi3studio.domain.recipe import Recipe
from phi3studio.domain.tuning.study_record import WHOLE, Trial
from phi3studio.domain.tuning.trial_space import as_trial, settings_of
from phi3studio.runs.recipe_files import write_recipe
from phi3studio.runs.store import RunStore
from phi3studio.runs.studies.study_file import StudyFile, StudyStore
from tests.cli.conftest import Studio
from tests.worker.running import tiny_recipe, write_rows

pytestmark = pytest.mark.long


@pytest.fixture
def recipe(tiny_phi3: Path, tmp_path: Path) -> Recipe:
    return tiny_recipe(tiny_phi3, write_rows(tmp_path / "rows.jsonl", 60))


@pytest.fixture
def study(home: Home, recipe: Recipe) -> StudyFile:
    """A search whose first trial failed to be more than begun."""
    settings = settings_of(recipe.method, recipe.training)
    file = StudyStore(home).create(recipe, settings, 7200)
    run = RunStore(home).create(as_trial(recipe, settings, 0))
    trial = Trial(number=0, settings=settings, run=run.name, until=WHOLE)
    file.write(file.read().with_trial(trial))
    return file


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--train"], "needs the time"),
        (["--train", "--hours", "0"], "more than 0"),
        (["--train", "--hours", "-1"], "more than 0"),
        (["--train", "--hours", "nan"], "more than 0"),
        (["--train", "--hours", "inf"], "more than 0"),
        (["--train", "--hours", "two"], "--hours"),
        (["--hours", "2"], "go with a recipe"),
        (["--train", "--hours", "2", "--size", "100"], "go with a recipe"),
        (["--train", "--hours", "2", "--take", "1"], "go with a recipe"),
        (["--train", "--hours", "2", "--detach"], "go with a recipe"),
        (["--train", "--hours", "2", "--cancel"], "go with a recipe"),
        (["--cancel"], "no training search called"),
    ],
)
def test_options_that_cannot_be_are_refused(
    studio: Studio, home: Home, recipe: Recipe, tmp_path: Path, options: list[str], said: str
) -> None:
    write_recipe(recipe, tmp_path / "recipe.yaml")
    answer = studio("search", tmp_path / "recipe.yaml", *options)
    assert answer.code == 2, answer
    assert said in answer.err
    assert RunStore(home).all() == []
    assert StudyStore(home).all() == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"data": None, "steps": ["quantise"]}, "without rows"),
        ({"steps": ["quantise", "verify"]}, "trains nothing"),
        ({"method": {"objective": "orpo"}, "data": {"rejected": "worse"}}, "preferences (orpo)"),
        ({"data": {"format": "hub", "source": "someone/rows"}}, "data set of the hub"),
    ],
)
def test_recipes_that_cannot_be_searched_are_refused_by_name(
    studio: Studio, home: Home, recipe: Recipe, tmp_path: Path, changes: Any, said: str
) -> None:
    values: dict[str, Any] = recipe.to_json()
    for key, value in changes.items():
        values[key] = {**values[key], **value} if isinstance(value, dict) else value
    write_recipe(Recipe.model_validate(values), tmp_path / "recipe.yaml")
    answer = studio("search", tmp_path / "recipe.yaml", "--train", "--hours", "2")
    assert answer.code == 2, answer
    assert said in answer.err
    assert StudyStore(home).all() == []


def test_hours_that_are_not_enough_are_refused_with_what_it_would_take(
    studio: Studio, home: Home, recipe: Recipe, tmp_path: Path
) -> None:
    write_recipe(recipe, tmp_path / "recipe.yaml")
    answer = studio("search", tmp_path / "recipe.yaml", "--train", "--hours", "0.0001")
    assert answer.code == 2, answer
    assert "The first training alone takes about" in answer.err
    assert "Give it more hours" in answer.err
    assert RunStore(home).all() == []
    assert StudyStore(home).all() == []


def test_a_search_is_cancelled_once_and_shown_by_its_short_name(
    studio: Studio, study: StudyFile
) -> None:
    ended = studio("search", study.name, "--cancel")
    assert ended.code == 0, ended
    again = studio("search", study.name, "--cancel")
    assert again.code == 2
    assert "ended already" in again.err
    shown = studio("search", "tiny-study")
    assert shown.code == 1
    assert "was cancelled" in shown.out
    assert "(the preset)" in shown.out
    found = studio("search", study.name, "--json").document
    assert found["state"] == "cancelled"
    assert found["trials"][0]["losses"] == [None, None, None]


def test_a_damaged_record_is_told(studio: Studio, study: StudyFile) -> None:
    for text, said in (("{", "cannot be read"), ('{"version": 99}', "newer version")):
        study.path.write_text(text)
        answer = studio("search", study.name)
        assert answer.code == 1, answer
        assert said in answer.err


def test_only_one_process_works_on_a_search(studio: Studio, study: StudyFile) -> None:
    with study.held():
        answer = studio("search", study.name)
    assert answer.code == 2, answer
    assert "Another process" in answer.err
