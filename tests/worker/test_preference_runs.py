"""Whole runs on pairs of answers: real workers that prefer one answer to another."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from phi3studio.app.paths import Home
from phi3studio.domain.events.run_events import Progress
from phi3studio.domain.recipe import Recipe
from phi3studio.runs import launch
from phi3studio.runs.store import RunFolder, RunStore
from tests.conftest import end_workers
from tests.worker.pairs import pair_rows, pairs_recipe, write_pairs
from tests.worker.running import (
    adapter_bytes,
    completed,
    is_notice,
    is_step,
    kill,
    losses,
    notices,
    wait_for_end,
    wait_for_event,
)

Start = Callable[[Recipe], RunFolder]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("pairs") / "pairs.jsonl", pair_rows())


@pytest.fixture(scope="module")
def first(
    tmp_path_factory: pytest.TempPathFactory, tiny_phi3: Path, pairs: Path
) -> Iterator[RunFolder]:
    """A finished run, from the pairs to the exported model."""
    home = Home(tmp_path_factory.mktemp("preferences") / "home")
    recipe = pairs_recipe(
        tiny_phi3, pairs, max_steps=20, evaluations=2, checkpoint_minutes=0.0001, keep_best=False
    )
    run = RunStore(home).create(recipe)
    launch.start(run)
    try:
        yield completed(run)
    finally:
        end_workers(home)


def train_only(recipe: Recipe) -> Recipe:
    return recipe.model_copy(update={"steps": ["train"]})


def log_likelihoods(model: torch.nn.Module, rows: list[dict[str, list[int]]]) -> torch.Tensor:
    """Of each row by itself, as transformers computes it."""
    found = []
    for row in rows:
        ids, labels = torch.tensor([row["ids"]]), torch.tensor(row["labels"])
        with torch.no_grad():
            logits = model(input_ids=ids).logits[0, :-1].float().log_softmax(-1)
        learned = torch.nonzero(labels[1:] != -100).flatten()
        found.append(logits[learned, labels[1:][learned]].sum())
    return torch.stack(found)


def sides(run: RunFolder, kind: str = "train") -> list[list[dict[str, list[int]]]]:
    """The better and the worse sides of a run's examples."""
    rows = pq.read_table(next(run.data.glob(f"{kind}-*.parquet"))).to_pylist()
    return [
        [{"ids": row[ids], "labels": row[labels]} for row in rows]
        for ids, labels in (("input_ids", "labels"), ("rejected_ids", "rejected_labels"))
    ]


def test_the_model_prefers_the_better_answers(first: RunFolder, tiny_phi3: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    found = losses(first)
    assert len(found) == 20
    # A model that is its own reference knows no better answer.
    assert found[1] == pytest.approx(math.log(2), abs=1e-4)
    assert found[20] < 0.8 * found[1]
    evaluated = [
        event.payload.eval_loss
        for event in first.events()
        if isinstance(event.payload, Progress) and event.payload.eval_loss is not None
    ]
    assert len(evaluated) == 2
    base = AutoModelForCausalLM.from_pretrained(tiny_phi3, dtype=torch.float32).eval()
    better, worse = sides(first, "held-out")
    before = log_likelihoods(base, better) - log_likelihoods(base, worse)
    model = PeftModel.from_pretrained(base, first.adapter).eval()
    after = log_likelihoods(model, better) - log_likelihoods(model, worse)
    # The reward is implicit: what the tuning has added to the difference.
    assert ((after - before) > 0).float().mean() >= 0.8
    # The evaluation at the end is that of the adapter that was saved.
    expected = -torch.nn.functional.logsigmoid(0.1 * (after - before)).mean()
    assert evaluated[-1] == pytest.approx(float(expected), abs=2e-4)


def test_it_goes_through_all_stages_to_an_exported_model(first: RunFolder) -> None:
    view = first.view()
    assert {"base", "merged", "exported"} <= view.metrics.keys()
    assert (first.model / "model.onnx").is_file()
    assert not first.work.exists()


def test_both_answers_of_a_pair_are_prepared_with_one_prompt(first: RunFolder) -> None:
    for better, worse in zip(*sides(first), strict=True):
        masked = [side["labels"].count(-100) for side in (better, worse)]
        assert masked[0] == masked[1] > 0
        assert better["ids"][: masked[0]] == worse["ids"][: masked[0]]
        assert better["ids"] != worse["ids"]
        for side in (better, worse):
            assert side["labels"][masked[0] :] == side["ids"][masked[0] :]
            assert side["ids"][-1] == better["ids"][-1]  # the stop token


def test_killed_it_goes_on_as_if_nothing_was_and_gives_the_same_again(
    first: RunFolder, start_run: Start
) -> None:
    run = start_run(train_only(first.recipe()))
    wait_for_event(run, is_notice("train.checkpoint"))
    wait_for_event(run, is_step(8))
    kill(run)
    kept = run.work / "reference.safetensors"
    written = kept.stat().st_mtime_ns
    launch.resume(run)
    wait_for_event(run, is_notice("train.resumed"))
    wait_for_event(run, is_step(18))
    assert kept.stat().st_mtime_ns == written  # computed once
    completed(run)
    assert losses(run) == losses(first)
    assert adapter_bytes(run) == adapter_bytes(first)


def test_paused_it_goes_on_and_a_damaged_reference_is_computed_again(
    first: RunFolder, start_run: Start
) -> None:
    run = start_run(train_only(first.recipe()))
    wait_for_event(run, is_step(3))
    launch.request_pause(run)
    wait_for_end(run)
    (run.work / "reference.safetensors").write_bytes(b"no tensors")
    launch.resume(run)
    completed(run)
    assert len(notices(run, "train.resumed")) == 1
    assert losses(run) == losses(first)
    assert adapter_bytes(run) == adapter_bytes(first)


def test_the_reference_of_a_run_that_goes_on_is_the_adapter_it_begins_with(
    first: RunFolder, start_run: Start, tiny_phi3: Path, pairs: Path
) -> None:
    recipe = pairs_recipe(tiny_phi3, pairs, max_steps=2, adapter=str(first.adapter), dropout=0.0)
    run = completed(start_run(train_only(recipe)))
    # Against the base model the trained adapter would have a loss of its own from the beginning.
    assert losses(run)[1] == pytest.approx(math.log(2), abs=1e-4)


@pytest.mark.parametrize(
    "kind", ["qlora", *(pytest.param(name, marks=pytest.mark.slow) for name in ("dora", "loha"))]
)
def test_other_methods_prefer_as_well(
    start_run: Start, tiny_phi3: Path, pairs: Path, kind: str
) -> None:
    recipe = pairs_recipe(tiny_phi3, pairs, kind=kind, learning_rate=5e-3, dropout=0.0)
    run = completed(start_run(train_only(recipe)))
    found = losses(run)
    assert found[1] == pytest.approx(math.log(2), abs=2e-3)
    assert found[8] < found[1]


@pytest.mark.slow
def test_gradient_accumulation_is_a_larger_batch(
    start_run: Start, tiny_phi3: Path, pairs: Path
) -> None:
    settings = {"max_steps": 4, "dropout": 0.0}
    one = pairs_recipe(tiny_phi3, pairs, batch_size=8, **settings)
    parts = pairs_recipe(tiny_phi3, pairs, batch_size=2, accumulation=4, **settings)
    whole, added = (losses(completed(start_run(train_only(recipe)))) for recipe in (one, parts))
    assert added == pytest.approx(whole, rel=1e-3)
