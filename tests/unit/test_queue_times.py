"""The waiting line of runs with a start time."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from phi3studio.runs.queue import MachineQueue
from phi3studio.runs.store import RunFolder


class GaveUpError(Exception):
    """The test's worker waits no longer."""


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes a run that counts as living, with a start time so many seconds from now."""
    monkeypatch.setattr(RunFolder, "alive", lambda self: True)

    def run(name: str, after_s: float | None = None) -> RunFolder:
        found = RunFolder(tmp_path / name)
        found.path.mkdir()
        if after_s is not None:
            found.start_at_file.write_text(repr(time.time() + after_s))
        return found

    return run


def test_a_run_begins_at_its_time_and_not_before(make, tmp_path: Path) -> None:
    run = make("late", 1.0)
    heard: list[tuple[int, float | None]] = []
    begin = time.time()
    lock = MachineQueue(tmp_path).acquire(run, lambda ahead, at: heard.append((ahead, at)))
    lock.release()
    assert time.time() - begin >= 1.0
    assert set(heard) == {(0, run.start_at())}


def test_who_waits_for_a_time_lets_the_others_pass(make, tmp_path: Path) -> None:
    queue = MachineQueue(tmp_path)
    late, soon = make("late", 3600.0), make("soon")
    waits, enough = threading.Event(), threading.Event()

    def on_wait(ahead: int, at: float | None) -> None:
        waits.set()
        if enough.is_set():
            raise GaveUpError

    def wait() -> None:
        with pytest.raises(GaveUpError):
            queue.acquire(late, on_wait)

    thread = threading.Thread(target=wait)
    thread.start()
    assert waits.wait(10)
    assert [run.name for run in queue.waiting()] == ["late"]
    queue.acquire(soon, lambda *_: pytest.fail("nothing is before it")).release()
    enough.set()
    thread.join(10)
    assert queue.waiting() == []


def test_a_start_time_may_be_taken_back(make, tmp_path: Path) -> None:
    run = make("late", 3600.0)

    def on_wait(ahead: int, at: float | None) -> None:
        run.start_at_file.unlink(missing_ok=True)

    MachineQueue(tmp_path).acquire(run, on_wait).release()
    assert run.start_at() is None


def test_a_damaged_time_is_none(make) -> None:
    run = make("odd")
    run.start_at_file.write_text("tonight")
    assert run.start_at() is None
