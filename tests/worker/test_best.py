"""The best evaluation's adapter, and stopping early: in whole runs, and over a kill."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from phi3studio.domain.events.run_events import Progress
from phi3studio.runs import launch
from phi3studio.runs.store import RunFolder
from tests.worker.running import (
    adapter_bytes,
    completed,
    is_notice,
    is_step,
    kill,
    losses,
    notices,
    tiny_recipe,
    wait_for_end,
    wait_for_event,
)

# A rate at which the tiny model learns its 32 rows by heart: the held-out loss falls, then rises.
OVERFITTING = {
    "learning_rate": 3e-3,
    "max_steps": 40,
    "accumulation": 8,
    "batch_size": 4,
    "schedule": "constant",
    "warmup": 0.0,
    "evaluations": 8,
    "rank": 16,
    "target_modules": "all_linear",
}


def overfitting(model: Path, data: Path, **changes):
    recipe = tiny_recipe(model, data, "best", **OVERFITTING | changes)
    return recipe.model_copy(update={"steps": ["train"]})


def evaluated(run: RunFolder) -> dict[int, float]:
    """Step → evaluation loss."""
    return {
        event.payload.step: event.payload.eval_loss
        for event in run.events()
        if isinstance(event.payload, Progress) and event.payload.eval_loss is not None
    }


def measured_loss(run: RunFolder, model: Path) -> float:
    """The run's exported adapter on its held-out rows: mean nats of a learned token."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from phi3studio.worker.fidelity.evaluate import load_held_out
    from phi3studio.worker.training.examples import collate_packed
    from phi3studio.worker.training.trainer import packed_loss

    base = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    tuned = PeftModel.from_pretrained(base, run.adapter).eval()
    total, count = 0.0, 0
    with torch.inference_mode():
        for row in load_held_out(next(run.data.glob("held-out*.parquet"))).rows:
            batch = collate_packed([{"input_ids": row.input_ids, "labels": row.labels}])
            loss, learned, _ = packed_loss(tuned, batch)
            total, count = total + float(loss), count + learned
    return total / count


@pytest.fixture(scope="module")
def overfitted(tmp_path_factory, tiny_phi3, phrases):
    from phi3studio.app.paths import Home
    from phi3studio.runs.store import RunStore
    from tests.conftest import end_workers

    home = Home(tmp_path_factory.mktemp("best") / "home")
    run = RunStore(home).create(overfitting(tiny_phi3, phrases, checkpoint_minutes=0.0001))
    launch.start(run)
    try:
        yield completed(run)
    finally:
        end_workers(home)


def test_the_adapter_of_the_best_evaluation_is_exported(overfitted, tiny_phi3) -> None:
    found = evaluated(overfitted)
    assert sorted(found) == [5, 10, 15, 20, 25, 30, 35, 40]
    best = min(found, key=lambda step: found[step])
    assert best != 40, f"the recipe was to overfit: {found}"
    (told,) = notices(overfitted, "train.best")
    assert f"step {best} is kept" in told
    measured = measured_loss(overfitted, tiny_phi3)
    assert measured == pytest.approx(found[best], rel=1e-3)
    assert abs(measured - found[40]) > 2e-3 * found[40]


@pytest.mark.slow
def test_killed_after_the_best_evaluation_the_same_adapter_is_exported(
    overfitted, start_run
) -> None:
    found = evaluated(overfitted)
    best = min(found, key=lambda step: found[step])
    run = start_run(overfitted.recipe())
    wait_for_event(run, is_step(best + 1))
    kill(run)
    launch.resume(run)
    completed(run)
    assert len(notices(run, "train.resumed")) == 1
    assert evaluated(run) == found
    assert losses(run) == losses(overfitted)
    assert adapter_bytes(run) == adapter_bytes(overfitted)
    assert notices(run, "train.best") == notices(overfitted, "train.best")


@pytest.mark.slow
def test_without_keep_best_the_last_adapter_is_exported(overfitted, start_run, tiny_phi3) -> None:
    recipe = overfitted.recipe()
    training = recipe.training.model_copy(update={"keep_best": False})
    run = completed(start_run(recipe.model_copy(update={"training": training})))
    assert notices(run, "train.best") == []
    assert measured_loss(run, tiny_phi3) == pytest.approx(evaluated(run)[40], rel=1e-3)
    assert adapter_bytes(run) != adapter_bytes(overfitted)


@pytest.mark.slow
def test_without_evaluations_the_last_adapter_is_exported(start_run, tiny_phi3, phrases) -> None:
    run = completed(start_run(overfitting(tiny_phi3, phrases, evaluations=0, max_steps=6)))
    assert evaluated(run) == {}
    assert notices(run, "train.best") == []
    assert not (run.checkpoints / "best").exists()


@pytest.mark.slow
def test_a_step_count_that_the_evaluations_do_not_divide_ends_with_one(
    start_run, tiny_phi3, phrases
) -> None:
    run = completed(start_run(overfitting(tiny_phi3, phrases, evaluations=3, max_steps=7)))
    assert sorted(evaluated(run)) == [3, 6, 7]


@pytest.mark.slow
def test_training_stops_when_evaluations_are_no_better(start_run, overfitted) -> None:
    found = list(evaluated(overfitted).values())
    recipe = overfitted.recipe()
    training = recipe.training.model_copy(update={"early_stopping": 1})
    run = completed(start_run(recipe.model_copy(update={"training": training})))
    seen = list(evaluated(run).values())
    assert seen == found[: len(seen)]
    assert len(seen) < len(found)
    assert all(b < a for a, b in itertools.pairwise(seen[:-1])), "it stopped late"
    assert seen[-1] > seen[-2]
    (told,) = notices(run, "train.stopped_early")
    assert f"step {5 * len(seen)} of 40" in told
    assert f"step {5 * (len(seen) - 1)} is kept" in notices(run, "train.best")[0]


@pytest.mark.slow
def test_killed_between_the_early_stop_and_its_adapter_it_is_not_trained_further(
    start_run, overfitted, tmp_path
) -> None:
    recipe = overfitted.recipe()
    training = recipe.training.model_copy(update={"early_stopping": 1})
    run = start_run(recipe.model_copy(update={"training": training}))
    completed(run)
    # As if it had been killed before the adapter was placed.
    whole = adapter_bytes(run)
    steps = losses(run)
    (run.adapter).rename(tmp_path / "adapter")
    lines = run.events_file.read_text("utf-8").splitlines(keepends=True)
    kept = [line for line in lines if json.loads(line)["type"] not in ("finished", "artifact")]
    run.events_file.write_text("".join(kept), "utf-8")
    launch.resume(run)
    assert wait_for_end(run) == "completed"
    assert losses(run) == steps
    assert adapter_bytes(run) == whole
    assert len(notices(run, "train.stopped_early")) == 1


@pytest.mark.slow
def test_a_damaged_best_adapter_is_not_exported(start_run, overfitted) -> None:
    run = start_run(overfitted.recipe())
    wait_for_event(run, is_notice("train.checkpoint"))
    wait_for_event(run, is_step(12))
    kill(run)
    weights = run.checkpoints / "best" / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:64])
    launch.resume(run)
    completed(run)
    assert (run.adapter / "adapter_model.safetensors").stat().st_size > 64
