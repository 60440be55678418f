"""Runs in Azure ML whose job failed or was cancelled: a new job goes on from what the old left."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("azure.ai.ml")

from phi3studio.app.paths import Home
from phi3studio.domain.errors import Cancelled, RunError
from phi3studio.domain.events.run_events import Notice
from phi3studio.domain.recipe import Recipe
from phi3studio.runs import launch
from phi3studio.runs.azure_job import known_job
from phi3studio.runs.store import RunFolder, RunStore
from phi3studio.worker.azure.keep import COMPLETE, POINTER, Keeper, drop_kept, restore
from tests.worker import azure_standin as az
from tests.worker.azure_standin import AzureStandIn, Job
from tests.worker.running import story, wait_for_end, wait_for_event
from tests.worker.test_azure_runs import (
    Attempt,
    FastClock,
    Machine,
    Script,
    cloud_recipe,
    codes,
    payloads,
    the_steps,
    training,
)
from tests.worker.test_azure_runs import clock as clock
from tests.worker.test_azure_runs import results as results
from tests.worker.test_azure_runs import standin as standin

# The SDK uses marshmallow as it was before its release 4.
pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore:The `context` parameter:DeprecationWarning"),
]


@pytest.fixture
def recipe(tiny_phi3: Path, phrases: Path) -> Recipe:
    return cloud_recipe(tiny_phi3, phrases)


@pytest.fixture
def run(home: Home, recipe: Recipe) -> RunFolder:
    made = RunStore(home).create(recipe)
    made.work.mkdir()
    return made


@pytest.fixture
def attempt(run: RunFolder, clock: FastClock) -> Attempt:
    return Attempt(run, clock)


def ends(status: str, step: int | None = None) -> Callable[[AzureStandIn, Job], None]:
    """A job's life that ends at once, after it left the checkpoint of *step*, if any."""

    def life(standin: AzureStandIn, job: Job) -> None:
        if step is not None:
            pointer = json.dumps({"version": 1, "step": step}).encode()
            standin.blobs[az.BLOBS, f"phi3studio/{job.name}/{POINTER}"] = pointer
        job.status = status

    return life


def jobs(standin: AzureStandIn) -> list[Job]:
    return list(standin.jobs.values())


def checkpoints_of(job: Job) -> str | None:
    given = job.body["properties"]["inputs"].get("checkpoints")
    return None if given is None else str(given["uri"])


def anew(run: RunFolder) -> list[str]:
    return [
        notice.said().message for notice in payloads(run, Notice) if notice.code == "azure.anew"
    ]


def test_a_failed_job_is_followed_by_one_that_goes_on_from_its_checkpoint(
    standin, run, attempt, results
) -> None:
    standin.life = ends("Failed", step=157)
    with pytest.raises(RunError):
        attempt()
    standin.life = Script(results, training(3))
    attempt()
    old, new = jobs(standin)
    assert checkpoints_of(new) == (
        f"azureml://datastores/workspaceblobstore/paths/phi3studio/{old.name}/checkpoints/157"
    )
    assert "--input checkpoints=${{inputs.checkpoints}}" in new.body["properties"]["command"]
    (said,) = anew(run)
    assert said.startswith(f"The job {old.name} failed. A new one takes its place")
    assert "step 157" in said
    assert (run.model / "model.onnx").is_file()


def test_without_a_checkpoint_it_begins_from_the_start_and_says_so(
    standin, run, attempt, results
) -> None:
    standin.life = ends("Failed")
    with pytest.raises(RunError):
        attempt()
    standin.life = Script(results, training(3))
    attempt()
    assert checkpoints_of(jobs(standin)[1]) is None
    assert "starts from scratch" in anew(run)[0]


def test_a_checkpoint_is_not_lost_by_a_second_job_that_fails_at_once(
    standin, run, attempt, results
) -> None:
    standin.life = ends("Failed", step=40)
    with pytest.raises(RunError):
        attempt()
    standin.life = ends("Failed")
    with pytest.raises(RunError):
        attempt()
    standin.life = Script(results, training(3))
    attempt()
    first, second, third = jobs(standin)
    assert f"/{first.name}/checkpoints/40" in str(checkpoints_of(second))
    assert checkpoints_of(third) == checkpoints_of(second)


def test_a_cancelled_run_resumes_with_a_new_job_even_while_the_old_one_is_still_ending(
    standin, run, attempt, results, clock
) -> None:
    standin.life = Script(results, training(50))
    clock.on_sleep = lambda now: run.cancel_marker.touch() if now >= 60 else None
    with pytest.raises(Cancelled):
        attempt()
    (old,) = jobs(standin)
    old.status = "CancelRequested"
    clock.on_sleep = lambda now: None
    run.cancel_marker.unlink()
    standin.life = Script(results, training(3))
    attempt()
    assert len(standin.jobs) == 2
    assert "was cancelled" in anew(run)[0]
    known = known_job(run)
    assert known is not None
    assert not known.cancel_sent


def test_a_job_that_was_never_submitted_is_not_spoken_of(standin, run, attempt, results) -> None:
    standin.life = Script(results, training(3))

    def refuse(method: str, host: str, path: str) -> az.Reply | None:
        if method == "PUT" and "/jobs/" in path:
            return az.error(400, "UserError", "Not now.")
        return None

    standin.faults.append(refuse)
    with pytest.raises(RunError):
        attempt()
    standin.faults.clear()
    attempt()
    assert anew(run) == []
    assert len(standin.jobs) == 1


# --- what is kept -------------------------------------------------------------------------------


def checkpoint(folder: Path, step: int, *, whole: bool = True) -> None:
    made = folder / f"checkpoint-{step}"
    made.mkdir(parents=True)
    for name in ("adapter_model.safetensors", "optimizer.pt", "training_args.bin"):
        (made / name).write_bytes(f"{name} of {step}".encode())
    if whole:
        (made / COMPLETE).write_text("{}")


def test_the_name_of_the_last_file_is_the_trainers() -> None:
    from phi3studio.worker.training import trainer

    assert trainer.COMPLETE == COMPLETE


def test_the_newest_whole_checkpoint_is_kept_and_comes_back(tmp_path) -> None:
    checkpoints, output, back = (tmp_path / name for name in ("a", "output", "b"))
    checkpoint(checkpoints, 9)
    keeper = Keeper(checkpoints, output)
    keeper.keep()
    checkpoint(checkpoints, 12)
    checkpoint(checkpoints, 15, whole=False)
    (checkpoints / "best").mkdir()
    (checkpoints / "best" / "best.json").write_text('{"step": 12}')
    keeper.keep()
    assert json.loads((output / POINTER).read_text())["step"] == 12
    assert [item.name for item in (output / "checkpoints").iterdir()] == ["12"]
    assert restore(output / "checkpoints" / "12", back)
    files = {item.relative_to(back).as_posix() for item in back.rglob("*") if item.is_file()}
    assert files == {
        "checkpoint-12/adapter_model.safetensors",
        "checkpoint-12/optimizer.pt",
        f"checkpoint-12/{COMPLETE}",
        "best/best.json",
    }
    drop_kept(output)
    assert list(output.iterdir()) == []


def test_a_damaged_checkpoint_is_not_used(tmp_path, capsys) -> None:
    checkpoint(tmp_path / "a", 9)
    Keeper(tmp_path / "a", tmp_path / "output").keep()
    kept = tmp_path / "output" / "checkpoints" / "9"
    (kept / "checkpoint-9" / "optimizer.pt").write_bytes(b"something else")
    assert not restore(kept, tmp_path / "b")
    assert not (tmp_path / "b").exists()
    assert "checksum" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["../outside", "/etc/x", "a/../../x", "C:/x"])
def test_a_checkpoint_leads_nowhere_else(tmp_path, name) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "checksums.json").write_text(json.dumps({"version": 1, "files": {name: "0"}}))
    assert not restore(source, tmp_path / "b")
    assert not (tmp_path / "outside").exists()


def test_a_disk_that_is_gone_does_not_end_the_training(tmp_path, capsys) -> None:
    checkpoint(tmp_path / "a", 9)
    (tmp_path / "output").write_text("a file where the folder should be")
    with Keeper(tmp_path / "a", tmp_path / "output", look_s=0.01):
        time.sleep(0.1)
    assert "could not be kept" in capsys.readouterr().out


# --- a job that really computes -------------------------------------------------------------------


@pytest.mark.slow
def test_a_training_that_was_cancelled_goes_on_in_another_job(
    standin, home, tiny_phi3, phrases, tmp_path
) -> None:
    recipe = cloud_recipe(tiny_phi3, phrases, max_steps=250, checkpoint_minutes=0.05)
    recipe = recipe.model_copy(update={"steps": ["train"]})
    standin.clock = time.time
    first, second = Machine(tmp_path / "first"), Machine(tmp_path / "second")
    standin.life = first
    run = RunStore(home).create(recipe)
    launch.start(run)
    pointer = tmp_path / "first" / "output" / POINTER
    end = time.monotonic() + 90
    while not pointer.is_file():
        assert time.monotonic() < end, story(run)
        time.sleep(0.1)
    launch.cancel(run)
    assert wait_for_end(run) == "cancelled", story(run)
    first.wait()
    standin.life = second
    launch.resume(run)
    wait_for_event(run, lambda e: isinstance(e.payload, Notice) and e.payload.code == "azure.anew")
    assert wait_for_end(run, 200) == "completed", story(run)
    second.wait()
    kept = int(anew(run)[0].partition("step ")[2].split()[0])
    assert kept > 0
    assert "train.resumed" in codes(run)
    # The second job did not do again what the first had kept.
    again = [n for n in the_steps_after_resume(run) if n <= kept]
    assert again == []
    assert the_steps(run)[-1] == 250
    assert (run.adapter / "adapter_model.safetensors").is_file()


def the_steps_after_resume(run: RunFolder) -> list[int]:
    seen: list[int] = []
    resumed = False
    for event in run.events():
        payload: Any = event.payload
        if isinstance(payload, Notice) and payload.code == "azure.anew":
            resumed = True
        if resumed and getattr(payload, "loss", None) is not None:
            seen.append(payload.step)
    return seen
