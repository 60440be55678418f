"""Too little memory, for real: limits set on real workers, and kills by the system."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from phi3studio.domain.estimation.recovery import in_force
from phi3studio.domain.events.run_events import Recovery, Started
from phi3studio.runs import launch
from phi3studio.runs.store import RunFolder
from phi3studio.worker.process.pressure import PressureWatch
from tests.worker.running import (
    attempt_of,
    completed,
    counts_kills,
    is_notice,
    is_step,
    kill,
    losses,
    notices,
    story,
    tiny_recipe,
    types,
    wait_for_end,
    wait_for_event,
)

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform != "linux", reason="Linux limits the memory here"),
]


def train_only(model: Path, data: Path, **changes):
    recipe = tiny_recipe(model, data, "memory", **changes)
    return recipe.model_copy(update={"steps": ["train"]})


def recoveries(run: RunFolder) -> list[Recovery]:
    return [event.payload for event in run.events() if isinstance(event.payload, Recovery)]


# --- an allocation that fails -------------------------------------------------------------------

# Runs in every Python process of the run: at the first training batch of more rows than allowed,
# the address space is limited to what is in use, so that the next real allocation fails.
LIMIT = """
import os, sys
if "attempt" in sys.orig_argv:
    import importlib.abc, importlib.util

    class Watch(importlib.abc.MetaPathFinder):
        def find_spec(self, name, path, target=None):
            if name != "phi3studio.worker.training.trainer":
                return None
            sys.meta_path.remove(self)
            spec = importlib.util.find_spec(name)
            run = spec.loader.exec_module
            def limited(module):
                run(module)
                original = module.PackedTrainer.compute_loss
                def compute_loss(self, model, inputs, *args, **kwargs):
                    rows, tokens = len(inputs["rows"].lengths), inputs["row_tokens"]
                    import resource
                    if model.training and (
                        self.state.global_step >= 3
                        and rows > int(os.environ.get("ROWS_ALLOWED", "1000"))
                        or tokens > int(os.environ.get("TOKENS_ALLOWED", "100000"))
                    ):
                        used = int(open("/proc/self/statm").read().split()[0]) * 4096
                        resource.setrlimit(resource.RLIMIT_AS, (used, used))
                        import torch
                        # larger than anything that the allocator still keeps
                        held = [torch.ones(64 * 2**20) for _ in range(64)]
                    return original(self, model, inputs, *args, **kwargs)
                module.PackedTrainer.compute_loss = compute_loss
            spec.loader.exec_module = limited
            return spec

    sys.meta_path.insert(0, Watch())
"""


@pytest.fixture
def limited(tmp_path, monkeypatch) -> pytest.MonkeyPatch:
    folder = tmp_path / "limit"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(LIMIT)
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    )
    return monkeypatch


@pytest.mark.slow
def test_a_failed_allocation_halves_the_batch_and_goes_on_from_the_checkpoint(
    limited, start_run, tiny_phi3, phrases
) -> None:
    limited.setenv("ROWS_ALLOWED", "2")
    recipe = train_only(
        tiny_phi3, phrases, max_steps=8, accumulation=2, checkpoint_minutes=1e-6, dropout=0.0
    )
    run = completed(start_run(recipe))
    (step,) = recoveries(run)
    assert (step.stage, step.cause) == ("train", "host")
    assert (step.batch_size, step.accumulation) == (2, 4)
    (told,) = notices(run, "run.recovered")
    assert "2 rows in a forward pass instead of 4" in told
    assert notices(run, "train.resumed")
    assert run.recipe() == recipe, "the recipe was changed"
    assert types(run).count("started") == 2
    assert types(run).count("finished") == 1
    # The same rows in every step: without dropout the losses are those of an undisturbed run.
    limited.setenv("ROWS_ALLOWED", "1000")
    whole = completed(start_run(recipe))
    assert sorted(losses(run)) == list(range(1, 9))
    for step_number, loss in losses(whole).items():
        assert losses(run)[step_number] == pytest.approx(loss, rel=1e-4), step_number


def test_a_user_can_forbid_it(limited, start_run, tiny_phi3, phrases) -> None:
    limited.setenv("ROWS_ALLOWED", "2")
    run = start_run(train_only(tiny_phi3, phrases, max_steps=8, recover=False))
    assert wait_for_end(run) == "failed"
    finished = run.view().finished
    assert finished is not None
    assert finished.code == "run.out_of_memory"
    assert "training.recover" in finished.error.message
    assert recoveries(run) == []


@pytest.mark.slow
def test_where_no_setting_helps_it_fails_after_the_last_one(
    limited, start_run, tiny_phi3, phrases
) -> None:
    limited.setenv("TOKENS_ALLOWED", "0")
    run = start_run(train_only(tiny_phi3, phrases, max_steps=4, batch_size=2, accumulation=1))
    assert wait_for_end(run) == "failed", story(run)
    finished = run.view().finished
    assert finished is not None
    assert finished.code == "run.out_of_memory"
    assert "phi3studio fit" in finished.error.hint
    assert [step.changed[0] for step in recoveries(run)] == [
        "batch_size",
        "gradient_checkpointing",
        "sequence_length",
    ]


@pytest.mark.slow
def test_rows_are_cut_shorter_when_nothing_else_is_left(
    limited, start_run, tiny_phi3, tmp_path
) -> None:
    rows = [{"phrase": f"{n} " + "and so on " * 60, "tone": "Joy"} for n in range(20)]
    file = tmp_path / "long.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    limited.setenv("TOKENS_ALLOWED", "100")
    recipe = train_only(
        tiny_phi3, file, max_steps=2, batch_size=1, accumulation=1, gradient_checkpointing=True
    )
    run = completed(start_run(recipe))
    steps = recoveries(run)
    assert [step.changed for step in steps] == [("sequence_length",)] * len(steps)
    assert 64 <= steps[-1].sequence_length <= 100
    assert in_force(recipe, steps).training.sequence_length == steps[-1].sequence_length
    assert "tokens of longer rows" in notices(run, "run.recovered")[-1]
    assert all(loss > 0 for loss in losses(run).values()), "the answers were cut off"


# --- killed -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_attempt_killed_by_hand_leaves_the_run_interrupted(
    start_run, tiny_phi3, phrases
) -> None:
    run = start_run(train_only(tiny_phi3, phrases, max_steps=2000))
    wait_for_event(run, is_step(3))
    attempt_of(run).send_signal(signal.SIGKILL)
    assert wait_for_end(run, 5) == "interrupted"
    assert recoveries(run) == []
    assert types(run).count("started") == 1


def test_no_attempt_outlives_its_supervisor(start_run, tiny_phi3, phrases) -> None:
    run = start_run(train_only(tiny_phi3, phrases, max_steps=2000))
    wait_for_event(run, is_step(3))
    attempt = attempt_of(run)
    kill(run)
    _, left = psutil.wait_procs([attempt], timeout=2)
    assert not left
    assert run.state() == "interrupted"


def test_the_supervisor_is_small(start_run, tiny_phi3, phrases) -> None:
    run = start_run(train_only(tiny_phi3, phrases, max_steps=2000))
    wait_for_event(run, is_step(2))
    supervisor, attempt = run.worker(), attempt_of(run)
    assert supervisor is not None
    assert supervisor.memory_info().rss < 60e6
    # Between the start of the two processes: what the supervision costs.
    assert attempt.create_time() - supervisor.create_time() < 1.0
    launch.cancel(run)
    assert run.state() == "cancelled"


@pytest.mark.slow
def test_killed_while_a_kill_for_memory_was_counted_it_goes_on_safer(
    start_run, tiny_phi3, phrases, tmp_path, monkeypatch
) -> None:
    """The kernel's counter is a file of the test; the kill is a real one."""
    counter = counts_kills(tmp_path, monkeypatch)
    run = start_run(
        train_only(tiny_phi3, phrases, max_steps=30, accumulation=2, checkpoint_minutes=1e-6)
    )
    wait_for_event(run, is_notice("train.checkpoint"))
    wait_for_event(run, is_step(4))
    counter.write_text("oom_kill 4\n")
    attempt_of(run).send_signal(signal.SIGKILL)
    completed(run)
    (step,) = recoveries(run)
    assert (step.cause, step.batch_size, step.accumulation) == ("killed", 2, 4)
    assert notices(run, "train.resumed")
    assert [e.payload.attempt for e in run.events() if isinstance(e.payload, Started)] == [1, 2]
    assert sorted(losses(run)) == list(range(1, 31))


@pytest.fixture
def group() -> Iterator[Path]:
    """A control group of one's own whose memory can be limited, where the system lets us."""
    found = None
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        number, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            found = Path("/sys/fs/cgroup/memory") / path.lstrip("/")
        elif number == "0" and found is None:
            found = Path("/sys/fs/cgroup") / path.lstrip("/")
    folder = (found or Path("/nonexistent")) / f"phi3studio-test-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this system lets nobody limit the memory of a group of processes")
    limit = folder / "memory.limit_in_bytes"
    if not limit.exists() and not (folder / "memory.max").exists():
        folder.rmdir()
        pytest.skip("this system has no limit for the memory of a group of processes")
    yield folder
    for _ in range(50):
        try:
            folder.rmdir()
            return
        except OSError:
            time.sleep(0.1)


def test_killed_by_the_kernel_in_a_full_group_it_goes_on_safer(
    start_run, group, tiny_phi3, phrases
) -> None:
    run = start_run(
        train_only(tiny_phi3, phrases, max_steps=60, accumulation=4, checkpoint_minutes=1e-6)
    )
    worker = run.worker()
    assert worker is not None
    wait_for_event(run, is_step(3))
    attempt = attempt_of(run)
    (group / "cgroup.procs").write_text(str(attempt.pid))
    limit = group / "memory.limit_in_bytes"
    limit = limit if limit.exists() else group / "memory.max"
    # What is not yet charged to the group is what it allocates from now on: a little is too much.
    limit.write_text(str(1 * 2**20))
    wait_for_event(run, lambda e: isinstance(e.payload, Recovery), timeout=60)
    assert recoveries(run)[0].cause == "killed"
    completed(run)
    assert (recoveries(run)[0].batch_size, recoveries(run)[0].accumulation) == (2, 8)
    assert sorted(losses(run)) == list(range(1, 61))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [("oom_kill 3\n", "oom_kill 4\n", True), ("oom_kill 3\n", "oom_kill 3\n", False)],
)
def test_counted_kills_are_distinguished_from_others(tmp_path, before, after, expected) -> None:
    (tmp_path / "vmstat").write_text(before)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    with PressureWatch(child.pid, proc=tmp_path) as watch:
        (tmp_path / "vmstat").write_text(after)
        child.kill()
        child.wait()
        assert watch.was_killed_for_memory() is expected


def test_the_groups_own_counter_is_read_too(tmp_path) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "cgroup").write_text("4:memory:/a/b\n0::/c\n")
    (tmp_path / "memory" / "a" / "b").mkdir(parents=True)
    (tmp_path / "memory" / "a" / "b" / "memory.oom_control").write_text("under_oom 0\noom_kill 2\n")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "memory.events").write_text("oom 1\noom_kill 5\n")
    watch = PressureWatch(os.getpid(), proc=tmp_path, cgroups=tmp_path)
    assert watch.kills() == 7
