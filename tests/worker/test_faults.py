"""Settings that cannot work, and what goes wrong under a run: told, and nothing lost."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from phi3studio.domain.errors import InputError
from phi3studio.domain.recipe import parse_recipe
from phi3studio.runs import launch
from tests.worker.running import (
    completed,
    is_step,
    kill,
    losses,
    notices,
    story,
    tiny_recipe,
    wait_for_end,
    wait_for_event,
    write_rows,
)


def train_only(model: Path, data: Path, **changes):
    recipe = tiny_recipe(model, data, "fault", **changes)
    return recipe.model_copy(update={"steps": ["train"]})


# --- settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("method", "rank", 0),
        ("method", "rank", -4),
        ("training", "learning_rate", 10),
        ("training", "learning_rate", 0),
        ("training", "sequence_length", 0),
        ("training", "batch_size", 0),
        ("training", "early_stopping", -1),
        ("training", "checkpoint_minutes", 0),
    ],
)
def test_a_setting_out_of_its_range_is_refused_with_its_name(
    tiny_phi3, phrases, section, key, value
) -> None:
    values = tiny_recipe(tiny_phi3, phrases).to_json()
    values[section][key] = value
    with pytest.raises(InputError) as caught:
        parse_recipe(values)
    assert f"{section}.{key}" in caught.value.message
    assert str(value) in caught.value.message


def test_stopping_early_without_evaluations_is_refused(tiny_phi3, phrases) -> None:
    with pytest.raises(InputError) as caught:
        tiny_recipe(tiny_phi3, phrases, early_stopping=2, evaluations=0)
    assert caught.value.code == "recipe.no_evaluations"


def test_a_sequence_longer_than_the_models_context_is_refused(
    start_run, tiny_phi3, phrases
) -> None:
    run = start_run(train_only(tiny_phi3, phrases, sequence_length=100_000))
    assert wait_for_end(run) == "failed"
    finished = run.view().finished
    assert finished is not None
    assert finished.code == "recipe.sequence_too_long", story(run)
    assert "512" in finished.error.hint


@pytest.mark.parametrize("modules", [["no_such_module"], ["o_proj", "no_such_module"], []])
def test_modules_that_match_nothing_are_refused_with_those_that_exist(tiny_phi3, modules) -> None:
    from phi3studio.worker.models import model_facts

    with pytest.raises(InputError) as caught:
        model_facts(tiny_phi3).target_modules(modules)
    assert caught.value.code == "model.no_such_module"
    assert "no_such_module" in caught.value.message or not modules
    for name in ("qkv_proj", "o_proj", "gate_up_proj", "down_proj"):
        assert name in caught.value.hint


def test_a_data_set_of_one_row_is_refused(start_run, tiny_phi3, tmp_path) -> None:
    run = start_run(train_only(tiny_phi3, write_rows(tmp_path / "one.jsonl", 1), batch_size=1))
    assert wait_for_end(run) == "failed"
    finished = run.view().finished
    assert finished is not None
    assert finished.code in ("data.too_few_rows", "data.nothing_held_out"), story(run)
    assert "Add rows" in finished.error.hint


def test_a_learning_rate_that_explodes_keeps_the_last_good_checkpoint(
    start_run, tiny_phi3, phrases
) -> None:
    import torch
    from safetensors.torch import load_file

    recipe = train_only(
        tiny_phi3,
        phrases,
        max_steps=60,
        accumulation=1,
        learning_rate=1.0,
        max_grad_norm=1e9,
        alpha=1e18,
        warmup=0.9,
        schedule="constant",
        checkpoint_minutes=1e-6,
    )
    run = start_run(recipe)
    assert wait_for_end(run) == "failed", story(run)
    finished = run.view().finished
    assert finished is not None
    assert finished.code == "train.diverged", story(run)
    kept = list(run.checkpoints.glob("checkpoint-*"))
    assert kept
    for checkpoint in kept:
        weights = load_file(checkpoint / "adapter_model.safetensors")
        assert all(bool(torch.isfinite(value).all()) for value in weights.values())


# --- the clock, and two at once -----------------------------------------------------------------

# Runs in every Python process of the run: an hour passes backwards at each look at the clock.
CLOCK = """
import sys, time
if "attempt" in sys.orig_argv:
    real, looks = time.time, [0]
    def back():
        looks[0] += 1
        return real() - 3600.0 * looks[0]
    time.time = back
"""


@pytest.mark.slow
def test_a_clock_set_back_changes_nothing(start_run, tiny_phi3, phrases, tmp_path, monkeypatch):
    recipe = train_only(tiny_phi3, phrases, max_steps=12, checkpoint_minutes=1e-6)
    whole = completed(start_run(recipe))
    folder = tmp_path / "clock"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(CLOCK)
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    )
    run = start_run(recipe)
    wait_for_event(run, is_step(5))
    kill(run)
    launch.resume(run)
    completed(run)
    times = [event.t for event in run.events()]
    assert times != sorted(times), "the clock was to go back"
    assert losses(run) == losses(whole)
    view = run.view()
    assert all(seconds >= 0 for seconds in view.timings.values())
    assert len(notices(run, "train.checkpoint")) >= 2


@pytest.mark.slow
def test_two_workers_never_work_in_one_folder(start_run, tiny_phi3, phrases) -> None:
    run = start_run(train_only(tiny_phi3, phrases, max_steps=2000))
    wait_for_event(run, is_step(1))
    with pytest.raises(InputError) as caught:
        launch.start(run)
    assert caught.value.code == "run.busy"
    record = json.loads(run.worker_file.read_text())
    for command in ("run", "attempt"):
        with subprocess.Popen(
            launch.program("worker", command, str(run.path)), stdin=subprocess.PIPE
        ) as other:
            assert other.wait(timeout=60) == 2
    assert json.loads(run.worker_file.read_text()) == record
    seen = [event.seq for event in run.events()]
    assert seen == list(range(1, len(seen) + 1))
    launch.cancel(run)
    assert run.state() == "cancelled"
