"""Why a run seems to stand still."""

from __future__ import annotations

import pytest

from phi3studio.domain.events.payload import StageName
from phi3studio.domain.events.run_events import Progress
from phi3studio.domain.run import RunState, RunView
from phi3studio.domain.watchdog import QUIET_S, STUCK_S, ProcessFacts, stall

NOW = 1_000_000.0
BUSY = ProcessFacts(alive=True, cpu=1.4)
IDLE = ProcessFacts(alive=True, cpu=0.0)


def view(
    quiet: float, stage: StageName | None = "train", progress: Progress | None = None
) -> RunView:
    return RunView(attempt=1, last_event_at=NOW - quiet, stage=stage, progress=progress)


STEP = Progress(step=3, total=9, loss=1.0)


@pytest.mark.parametrize(
    ("quiet", "stage", "progress", "process", "reason"),
    [
        (QUIET_S + 1, "prepare", None, BUSY, "tokenising"),
        (QUIET_S + 1, "train", None, BUSY, "compiling"),
        (QUIET_S + 1, "train", STEP, BUSY, "busy"),
        (QUIET_S + 1, "merge", None, BUSY, "compiling"),
        (QUIET_S + 1, "quantise", None, BUSY, "compiling"),
        (QUIET_S + 1, "verify", STEP, BUSY, "busy"),
        (QUIET_S + 1, "prepare", None, ProcessFacts(True, 0.01, 0.0, 2e6), "downloading"),
        (QUIET_S + 1, "train", STEP, ProcessFacts(True, 0.3, 8e6, 0.0), "swapping"),
        # Swapping explains an idle processor better than being stuck does.
        (STUCK_S + 1, "train", STEP, ProcessFacts(True, 0.0, 8e6, 0.0), "swapping"),
        (QUIET_S + 1, "train", STEP, IDLE, "busy"),
        (STUCK_S + 1, "train", STEP, IDLE, "stuck"),
    ],
)
def test_the_reason_follows_stage_and_process(
    quiet: float, stage: StageName, progress: Progress | None, process: ProcessFacts, reason: str
) -> None:
    found = stall(view(quiet, stage, progress), "running", process, NOW)
    assert found == reason


def test_a_run_that_reports_is_not_doubted() -> None:
    assert stall(view(QUIET_S - 1), "running", IDLE, NOW) is None


@pytest.mark.parametrize("state", ["completed", "failed", "cancelled", "paused"])
def test_a_run_at_rest_is_not_doubted(state: RunState) -> None:
    assert stall(view(9999), state, ProcessFacts(alive=False), NOW) is None


@pytest.mark.parametrize("state", ["running", "interrupted"])
def test_a_job_elsewhere_is_not_doubted(state: RunState) -> None:
    """Following it is mostly waiting."""
    followed = RunView(attempt=1, last_event_at=NOW - 9999, device="azureml")
    assert stall(followed, state, IDLE, NOW) is None


def test_a_dead_worker_is_named_at_once() -> None:
    found = stall(view(1.0), "interrupted", ProcessFacts(alive=False), NOW)
    assert found == "dead"


def test_a_dead_worker_that_never_spoke_is_named_too() -> None:
    assert stall(RunView(), "interrupted", ProcessFacts(alive=False), NOW) == "dead"


def test_a_waiting_run_names_the_queue() -> None:
    waiting = RunView(waiting=True, ahead=1, last_event_at=NOW - 500)
    assert stall(waiting, "queued", IDLE, NOW) == "queued"


def test_a_run_that_has_just_been_started_is_given_time() -> None:
    assert stall(RunView(), "queued", IDLE, NOW) is None
