"""``phi3studio search``: what it refuses, and a search from the command line to the chat."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from phi3studio.app.paths import Home
from phi3studio.runs.store import RunFolder, RunStore
from tests.cli.conftest import Studio
from tests.worker.running import completed, only_export, tiny_recipe


@pytest.fixture
def finished(home: Home, pair) -> RunFolder:
    """A completed run in the test's own home."""
    home.runs.mkdir(parents=True)
    return RunFolder(Path(shutil.copytree(pair.first.path, home.runs / pair.first.name)))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--size", "-1"], "limits.size_mb"),
        (["--size", "0"], "limits.size_mb"),
        (["--memory", "nan"], "limits.memory_mb"),
        (["--first-token", "0"], "limits.first_token_ms"),
        (["--tokens-per-second", "-5"], "limits.tokens_per_s"),
        (["--score", "101"], "limits.score"),
        (["--points-lost", "-1"], "limits.points_lost"),
        (["--score", "90", "--points-lost", "3"], "both score and points_lost"),
        (["--take", "3", "--size", "100"], "--take stands alone"),
        (["--take", "3", "--detach"], "--take stands alone"),
        (["--take", "3"], "no finished search"),
        (["--size", "small"], "--size"),
    ],
)
def test_limits_that_cannot_be_are_refused_before_anything_is_made(
    studio: Studio, finished: RunFolder, home: Home, options: list[str], said: str
) -> None:
    answer = studio("search", finished.name, *options)
    assert answer.code == 2, answer
    assert said in answer.err
    assert [run.name for run in RunStore(home).all()] == [finished.name]


def test_what_is_neither_a_recipe_nor_a_run_is_refused(studio: Studio, home: Home) -> None:
    for name, said in (("nothing", "no runs yet"), ("missing.yaml", "missing.yaml")):
        answer = studio("search", name)
        assert answer.code == 2
        assert said in answer.err


def test_a_run_without_rows_of_its_own_is_refused(
    studio: Studio, home: Home, tiny_phi3: Path
) -> None:
    run = RunStore(home).create(only_export(tiny_phi3, ["quantise"]))
    answer = studio("search", run.name, "--size", "100")
    assert answer.code == 2
    assert "held-out rows" in answer.err


def test_a_size_that_no_export_has_is_told_at_once(studio: Studio, finished: RunFolder) -> None:
    answer = studio("search", finished.name, "--size", "0.01")
    assert answer.code == 2, answer
    assert "No export of this model is as small as 10 kB" in answer.err
    assert "Raise limits.size_mb" in answer.err


def test_a_recipe_is_checked_before_its_training(
    studio: Studio, home: Home, tiny_phi3: Path, tmp_path: Path
) -> None:
    from phi3studio.runs.recipe_files import write_recipe

    recipe = tiny_recipe(tiny_phi3, tmp_path / "none.jsonl")
    write_recipe(recipe, tmp_path / "recipe.yaml")
    answer = studio("search", tmp_path / "recipe.yaml", "--size", "1")
    assert answer.code == 2
    assert "none.jsonl" in answer.err
    assert RunStore(home).all() == []


@pytest.mark.slow
def test_a_search_is_shown_taken_from_and_its_model_exported(
    studio: Studio, finished: RunFolder, home: Home, tmp_path: Path
) -> None:
    started = studio("search", finished.name, "--size", "0.5", "--detach", "--json")
    assert started.code == 0, started
    run = completed(RunStore(home).find(started.document["name"]), 500)
    assert run.recipe().limits is not None
    shown = studio("search", run.name)
    assert shown.code == 0, shown
    assert "meets every limit" in shown.out
    assert "the most exact of the" in shown.out
    found = studio("search", run.name, "--json").document
    assert found["met"]
    assert found["taken"] == found["chosen"]
    whole = [point["number"] for point in found["points"] if "whole" in point]
    assert set(found["front"]) <= set(whole)
    assert found["runner_up"] in whole
    taken = studio("search", run.name, "--take", str(found["runner_up"]), "--json")
    assert taken.code == 0, taken
    assert taken.document["taken"] == found["runner_up"]
    assert studio("search", run.name, "--json").document["taken"] == found["runner_up"]
    assert f"Taken instead: export {found['runner_up']}" in studio("search", run.name).out
    verdict = studio("show", run.name, "--json").document["verdict"]
    point = next(item for item in found["points"] if item["number"] == found["runner_up"])
    assert verdict["kl"] == point["whole"]["verdict"]["kl"]
    written = studio("export", run.name, "--out", tmp_path / "bundle")
    assert written.code == 0, written
    kept = run.searched / str(found["runner_up"])
    made = tmp_path / "bundle" / "model" / "model.onnx"
    assert made.read_bytes() == (kept / "model.onnx").read_bytes()
    wrong = studio("search", run.name, "--take", "999")
    assert wrong.code == 2
    assert "999" in wrong.err
