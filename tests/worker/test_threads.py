"""Threads of the matrix work on a busy machine."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

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
def test_the_governor_takes_fewer_threads_beside_busy_programs(busy_cores) -> None:
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
