"""Runs on pairs and on rated answers that were killed or paused give what whole ones give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from phi3studio.app.paths import Home
from phi3studio.domain.recipe import Recipe
from phi3studio.runs import launch
from phi3studio.runs.store import RunFolder
from tests.worker.pairs import (
    finished,
    pair_rows,
    pairs_recipe,
    rated_recipe,
    rated_rows,
    train_only,
    write_pairs,
)
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

pytestmark = pytest.mark.long

Start = Callable[[Recipe], RunFolder]
_DATA = {"dpo": (pairs_recipe, pair_rows), "kto": (rated_recipe, rated_rows)}


@pytest.fixture(scope="module", params=["dpo", pytest.param("kto", marks=pytest.mark.slow)])
def whole(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tiny_phi3: Path
) -> Iterator[RunFolder]:
    """A training that nobody disturbed."""
    folder = tmp_path_factory.mktemp(request.param)
    recipe_of, rows = _DATA[request.param]
    data = write_pairs(folder / "rows.jsonl", rows())
    settings = {"max_steps": 20, "evaluations": 2, "keep_best": False}
    recipe = recipe_of(tiny_phi3, data, checkpoint_minutes=0.0001, **settings)
    with finished(Home(folder / "home"), train_only(recipe)) as run:
        yield run


def test_killed_it_goes_on_as_if_nothing_was_and_gives_the_same_again(
    whole: RunFolder, start_run: Start
) -> None:
    run = start_run(whole.recipe())
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
    assert losses(run) == losses(whole)
    assert adapter_bytes(run) == adapter_bytes(whole)


@pytest.mark.slow
def test_paused_it_goes_on_and_a_damaged_reference_is_computed_again(
    whole: RunFolder, start_run: Start
) -> None:
    run = start_run(whole.recipe())
    wait_for_event(run, is_step(3))
    launch.request_pause(run)
    wait_for_end(run)
    (run.work / "reference.safetensors").write_bytes(b"no tensors")
    launch.resume(run)
    completed(run)
    assert len(notices(run, "train.resumed")) == 1
    assert losses(run) == losses(whole)
    assert adapter_bytes(run) == adapter_bytes(whole)
