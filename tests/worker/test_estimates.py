"""Estimates through the command line: counted, tried, kept, and beside the facts of a run."""

from __future__ import annotations

import json

import pytest

from phi3studio.app.machine_speed import read_speed
from phi3studio.cli import main
from phi3studio.domain.recipe import parse_recipe
from phi3studio.runs.recipe_files import write_recipe
from phi3studio.worker.estimating.dry_run import steps_to_try, write_first_layers
from phi3studio.worker.models.model_facts import model_facts, stands_for
from tests.worker.running import completed, tiny_recipe


@pytest.fixture
def recipe_file(tmp_path, tiny_phi3, phrases):
    file = tmp_path / "recipe.json"
    recipe = tiny_recipe(
        tiny_phi3, phrases, "estimated", quantisation="int4", max_steps=30, accumulation=1
    )
    write_recipe(recipe, file)
    return file


def asked(capsys, *arguments: str, code: int = 0) -> dict:
    assert main([*arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_what_can_be_counted_is_counted(home, recipe_file, capsys) -> None:
    answer = asked(capsys, "estimate", str(recipe_file))
    found = answer["estimate"]
    assert found["measured"] is False
    assert set(found["seconds"]) == {"prepare", "train", "merge", "quantise", "verify"}
    # 40 rows, a fifth held out; all tokens of the 32 that are left.
    assert answer["rows"] == 32
    assert 32 * 20 < answer["tokens"] < 32 * 100
    assert 500_000 < answer["parameters"] < 1_000_000
    speed = read_speed(home)
    assert speed is not None
    assert answer["flops"] == speed.of(answer["precision"])
    assert speed.float32 > 1e9
    assert answer["free_memory"] > 10**8


def test_people_read_a_table(home, recipe_file, capsys) -> None:
    assert main(["estimate", str(recipe_file)]) == 0
    shown = capsys.readouterr().out
    for word in ("train", "quantise", "in all", "free", "--dry-run"):
        assert word in shown


@pytest.mark.slow
def test_a_dry_run_meets_the_run_itself(home, recipe_file, start_run, capsys) -> None:
    answer = asked(capsys, "estimate", str(recipe_file), "--dry-run")
    found = answer["estimate"]
    assert found["measured"] is True
    # It is remembered, and nothing of the trial runs is left.
    assert asked(capsys, "estimate", str(recipe_file))["estimate"] == found
    assert not list(home.cache.glob(".scratch-*"))
    assert not list(home.runs.glob("*"))
    run = completed(start_run(parse_recipe(json.loads(recipe_file.read_text()))))
    document = asked(capsys, "show", run.name)
    estimate = document["estimate"]
    assert estimate["measured"] is True
    assert estimate["memory"]["train"]["estimate"] == found["memory"]["train"]
    # The bar of the benchmark is 15 %; other programs share this machine's time, not its memory.
    assert estimate["peak_memory"]["ratio"] == pytest.approx(1.0, abs=0.15)
    assert estimate["total_seconds"]["fact"] > 0


def test_every_run_stores_its_estimate_next_to_the_facts(pair) -> None:
    from phi3studio.cli.run_state import run_document

    for run in (pair.first, pair.second):
        estimate = run_document(run)["estimate"]
        assert estimate["measured"] is False
        assert set(estimate["seconds"]) == set(run.view().timings)
        for name, fact in run.view().timings.items():
            assert estimate["seconds"][name]["fact"] == pytest.approx(fact, abs=0.01)
        # Even without a dry run: a tiny model is mostly libraries.
        assert estimate["peak_memory"]["ratio"] == pytest.approx(1.0, abs=0.25)


def test_a_dry_run_waits_for_no_other_run(home, recipe_file, start_run, capsys) -> None:
    from phi3studio.runs import launch

    recipe = parse_recipe(json.loads(recipe_file.read_text()))
    run = start_run(recipe)
    answer = asked(capsys, "estimate", str(recipe_file), "--dry-run", code=2)
    launch.cancel(run)
    assert answer["error"]["code"] == "estimate.busy"
    assert run.name in answer["error"]["message"]


def test_what_stops_a_run_stops_its_estimate(home, tmp_path, tiny_phi3, phrases, capsys) -> None:
    file = tmp_path / "wrong.json"
    write_recipe(tiny_recipe(tiny_phi3, phrases, target_modules=["no_such"]), file)
    answer = asked(capsys, "estimate", str(file), code=2)
    assert answer["error"]["code"] == "model.no_such_module"


def test_fit_mends_what_the_model_and_the_data_do_not_carry(
    home, tmp_path, tiny_phi3, phrases, capsys
) -> None:
    file, out = tmp_path / "big.json", tmp_path / "fits.yaml"
    write_recipe(tiny_recipe(tiny_phi3, phrases, sequence_length=4000, batch_size=100), file)
    answer = asked(capsys, "fit", str(file), "--out", str(out))
    assert answer["fits"] is True
    changes = {change["key"]: change for change in answer["changes"]}
    assert changes["training.sequence_length"]["after"] == 512
    assert "context" in changes["training.sequence_length"]["why"]
    assert changes["training.batch_size"]["after"] == 32
    assert main(["recipe", "check", str(out)]) == 0
    capsys.readouterr()
    assert asked(capsys, "fit", str(out))["changes"] == []
    answer = asked(capsys, "fit", str(file), "--out", str(out), code=2)
    assert answer["error"]["code"] == "recipe.exists"


@pytest.mark.parametrize(
    ("seconds", "steps", "tried"),
    [(3600.0, 900, 4), (72.0, 131, 8), (8.0, 200, 60), (6.0, 12, 8), (5.0, 3, 4)],
)
def test_short_steps_are_tried_longer(seconds, steps, tried) -> None:
    assert steps_to_try(seconds, steps) == tried


def test_a_copy_with_fewer_layers_is_taken_as_what_it_stands_for(tiny_phi3, tmp_path) -> None:
    """A dry run merges and quantises the copies of a large model the way of large models."""
    write_first_layers(tiny_phi3, 1, tmp_path / "copy", 3_821_079_552)
    whole, copy = model_facts(tiny_phi3), model_facts(tmp_path / "copy")
    assert copy.linear_layers < whole.linear_layers
    assert copy.parameters < whole.parameters
    assert (whole.is_large, copy.is_large) == (False, True)
    assert (stands_for(tiny_phi3), stands_for(tmp_path / "copy")) == (0, 3_821_079_552)


@pytest.mark.slow
@pytest.mark.parametrize(("parameters", "calibrated"), [(0, True), (3_821_079_552, False)])
def test_a_copy_of_a_large_model_is_rounded_without_calibration(
    parameters, calibrated, home, tmp_path, tiny_phi3, phrases, start_run
) -> None:
    write_first_layers(tiny_phi3, 2, tmp_path / "copy", parameters)
    settings = {"quantisation": "int4", "max_steps": 4, "accumulation": 1}
    run = completed(start_run(tiny_recipe(tmp_path / "copy", phrases, "copy", **settings)))
    assert ("gptq" in run.log_file.read_text("utf-8").lower()) is calibrated
