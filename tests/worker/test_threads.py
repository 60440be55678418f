"""Threads of the matrix work on a busy machine."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import psutil
import pytest

from phi3studio.worker.process.threads import ThreadGovernor, threads_for, usable_cores


@pytest.mark.parametrize(
    ("cores", "others", "threads"),
    [(2, 0.0, 2), (2, 0.3, 2), (2, 0.5, 1), (2, 1.0, 1), (2, 2.0, 1), (8, 0.9, 7), (8, 7.9, 1)],
)
def test_busy_cores_are_left_alone_but_one_thread_always_runs(cores, others, threads) -> None:
    assert threads_for(cores, others) == threads


@pytest.fixture
def busy_cores() -> Iterator[None]:
    """As many busy programs as there are cores, for the length of a test."""
    code = "while True: pass"
    busy = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(usable_cores())]
    yield
    for process in busy:
        process.kill()
        process.wait()


@pytest.mark.skipif(usable_cores() < 2, reason="one core: there is nothing to give away")
def test_the_governor_takes_fewer_threads_next_to_busy_programs(busy_cores) -> None:
    import torch

    before = torch.get_num_threads()
    told: list[tuple[int, int]] = []
    governor = ThreadGovernor(lambda threads, cores: told.append((threads, cores)))
    try:
        end = time.monotonic() + 10
        while governor.look() == governor.cores and time.monotonic() < end:
            time.sleep(0.05)
        assert governor.threads == torch.get_num_threads() < governor.cores
        assert told[-1] == (governor.threads, governor.cores)
    finally:
        torch.set_num_threads(before)


@dataclass
class Times:
    """What psutil tells of one processor, or of a process, in seconds."""

    user: float
    idle: float = 0.0
    system: float = 0.0

    def __iter__(self) -> Iterator[float]:
        return iter((self.user, self.idle, self.system))


@pytest.mark.parametrize(("busy", "threads"), [((2, 3), 2), ((0, 3), 1), ((), 2)])
def test_processors_that_it_may_not_use_do_not_count(busy, threads, monkeypatch) -> None:
    """A machine of four processors, of which this process may use the first two."""
    clock = 0.0

    def each(percpu: bool) -> list[Times]:
        return [Times(clock * (n in busy), clock * (n not in busy)) for n in range(4)]

    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    monkeypatch.setattr(psutil, "cpu_count", lambda logical: 4)
    monkeypatch.setattr(psutil, "cpu_times", each)
    monkeypatch.setattr(psutil.Process, "cpu_times", lambda _: Times(0.0))
    monkeypatch.setattr(time, "monotonic", lambda: clock)
    monkeypatch.setattr("torch.set_num_threads", lambda threads: None)
    governor = ThreadGovernor()
    assert governor.cores == 2
    clock = 5.0
    assert governor.look() == threads
