"""Logout, shutdown and kill: nothing is cancelled, nothing is lost, and it goes on later."""

# ruff: noqa: F811 - fixtures of another file

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from phi3studio.app.paths import Home
from phi3studio.app.process_tree import process_tree
from phi3studio.app.settings import set_resume_runs
from phi3studio.domain.errors import InputError
from phi3studio.domain.events.run_events import Notice
from phi3studio.runs import launch
from phi3studio.runs.azure_job import known_job
from phi3studio.runs.launch import at_start
from phi3studio.runs.store import RunFolder, RunStore
from tests.notification_service import missing as no_bus
from tests.notification_service import session_bus
from tests.worker.running import (
    adapter_bytes,
    completed,
    is_notice,
    is_stage,
    is_step,
    losses,
    notices,
    story,
    tiny_recipe,
    types,
    wait_for_end,
    wait_for_event,
)
from tests.worker.test_azure_runs import (  # noqa: F401 - fixtures
    Script,
    clock,
    cloud_recipe,
    results,
    standin,
    training,
)
from tests.worker.test_faults import train_only

pytestmark = pytest.mark.long


def tell(processes: list[psutil.Process]) -> None:
    """Ask them to end, as a shutdown does; one may have gone with another."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGTERM)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_kill_interrupts_with_a_checkpoint_of_the_last_step(
    start_run, tiny_phi3, phrases
) -> None:
    run = start_run(train_only(tiny_phi3, phrases, max_steps=2000))
    wait_for_event(run, is_step(3))
    worker = run.worker()
    assert worker is not None
    tell([worker])
    assert wait_for_end(run, 60) == "interrupted", story(run)
    assert not run.cancel_marker.exists()
    assert run.view().left
    assert (run.checkpoints / f"checkpoint-{max(losses(run))}").is_dir()
    assert not run.leave_marker.exists()
    assert run.state() in launch.RESUMABLE


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="what is open is not moved there")
def test_a_folder_that_is_moved_under_a_living_run_interrupts_it_where_it_lies_now(
    start_run, tiny_phi3, phrases
) -> None:
    run = start_run(train_only(tiny_phi3, phrases, max_steps=5000, checkpoint_minutes=1e-6))
    wait_for_event(run, is_step(3))
    moved = RunFolder(run.path.with_name("20260101-000000Z-moved"))
    run.path.rename(moved.path)
    assert wait_for_end(moved, 60) == "interrupted", story(moved)
    assert notices(moved, "run.folder_gone")
    launch.resume(moved)
    wait_for_event(moved, is_notice("train.resumed"))
    wait_for_event(moved, is_step(max(losses(moved)) + 2))
    launch.cancel(moved)
    assert moved.state() == "cancelled"


@pytest.mark.skipif(sys.platform == "win32", reason="what is open is not deleted there")
def test_a_worker_whose_folder_is_deleted_ends_and_makes_no_other(
    start_run, tiny_phi3, phrases, wait_for
) -> None:
    run = start_run(train_only(tiny_phi3, phrases, max_steps=5000, checkpoint_minutes=1e-6))
    wait_for_event(run, is_step(3))
    worker = run.worker()
    assert worker is not None
    tree = process_tree(worker)
    run.path.rename(doomed := run.path.with_name(".doomed"))
    shutil.rmtree(doomed)
    wait_for(lambda: not any(map(psutil.pid_exists, [p.pid for p in tree])), what="the end")
    assert not (run.path / "recipe.json").exists()
    assert RunStore(Home(run.path.parents[1])).all() == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("whole_tree", [False, True], ids=["kill", "shutdown"])
def test_leaving_is_not_cancelling_the_last_step_is_kept(pair, start_run, whole_tree) -> None:
    run = start_run(pair.second.recipe())
    wait_for_event(run, is_step(3))
    worker = run.worker()
    assert worker is not None
    # A shutdown and a logout tell every process.
    tell(process_tree(worker) if whole_tree else [worker])
    assert wait_for_end(run, 30) == "interrupted", story(run)
    assert not run.cancel_marker.exists()
    assert run.view().left
    done = max(losses(run))
    launch.resume(run)
    completed(run)
    assert notices(run, "train.resumed") == [f"Continuing from checkpoint-{done}."]
    assert losses(run) == losses(pair.second)
    assert adapter_bytes(run) == adapter_bytes(pair.second)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize(
    ("name", "moment"), [("SIGHUP", "starting"), ("SIGINT", "prepare"), ("SIGTERM", "merge")]
)
def test_a_signal_at_any_moment_leaves_a_run_that_can_be_resumed(
    start_run, tiny_phi3, phrases, name, moment
) -> None:
    run = start_run(tiny_recipe(tiny_phi3, phrases, max_steps=3))
    if moment != "starting":
        wait_for_event(run, is_stage(moment))
    worker = run.worker()
    assert worker is not None
    worker.send_signal(getattr(signal, name))
    assert wait_for_end(run, 30) == "interrupted", story(run)
    assert not run.cancel_marker.exists()
    assert types(run).count("finished") == 0
    assert run.state() in launch.RESUMABLE


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_job_is_left_alone_when_the_computer_is_shut_down(
    standin, home, tiny_phi3, phrases, results
) -> None:
    standin.clock = time.time
    standin.life = Script(results, training(50), queued_s=3600)
    run = RunStore(home).create(cloud_recipe(tiny_phi3, phrases))
    launch.start(run)
    wait_for_event(
        run, lambda e: isinstance(e.payload, Notice) and e.payload.code == "azure.submitted"
    )
    worker = run.worker()
    assert worker is not None
    tell(process_tree(worker))
    assert wait_for_end(run) == "interrupted", story(run)
    assert standin.job.status != "Canceled"
    known = known_job(run)
    assert known is not None
    assert not known.cancel_sent


@pytest.mark.parametrize("command", ["attempt", "run"])
def test_a_worker_that_starts_after_its_run_was_deleted_makes_no_folder(home, command) -> None:
    run = RunFolder(home.made(home.runs) / "20260101-000000Z-gone")
    # Of an attempt whose supervisor was killed at once, nobody holds the other end.
    done = subprocess.run(
        launch.program("worker", command, str(run.path)),
        stdin=subprocess.PIPE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (1, 2), done.stderr
    assert "Traceback" not in done.stderr
    assert not run.path.exists()


def test_started_five_times_at_once_it_runs_once(home, tiny_phi3, phrases) -> None:
    run = RunStore(home).create(train_only(tiny_phi3, phrases, max_steps=2000))

    def start(_: int) -> str:
        try:
            launch.start(run)
        except InputError as error:
            return error.code
        return "started"

    with ThreadPoolExecutor(5) as threads:
        said = sorted(threads.map(start, range(5)))
    assert said.count("started") == 1, said
    assert set(said) == {"started", "run.busy"}
    wait_for_event(run, is_step(1))
    seen = [event.seq for event in run.events()]
    assert seen == list(range(1, len(seen) + 1))
    launch.cancel(run)
    assert run.state() == "cancelled"


def test_interrupted_runs_go_on_at_the_next_start_where_the_settings_say_so(home, phrases) -> None:
    store = RunStore(home)
    run = store.create(train_only(home.root / "no-model", phrases))
    assert run.state() == "interrupted"
    assert at_start(store) == ([run], [])
    set_resume_runs(home, True)
    assert at_start(store) == ([], [run])
    assert wait_for_end(run) == "failed"
    assert at_start(store) == ([], [])


@pytest.mark.skipif(sys.platform != "linux" or no_bus(), reason="needs dbus-daemon")
def test_the_desktop_hears_of_a_run_that_ends_without_a_window(
    start_run, tiny_phi3, tmp_path, monkeypatch
) -> None:
    with session_bus() as bus:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.address)
        monkeypatch.setenv("LC_ALL", "C.UTF-8")
        run = start_run(tiny_recipe(tiny_phi3, tmp_path / "gone.jsonl"))
        assert wait_for_end(run, 60) == "failed"
        assert bus.notes.get(timeout=20) == (
            "tiny",
            "The run has failed. Its page says why and what to do.",
        )
