"""Threads of the training: as many as cores are free, and the same result with any number."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from phi3studio.worker.threads import ThreadGovernor, threads_for, usable_cores


@pytest.mark.parametrize(
    ("cores", "others", "threads"),
    [
        (1, 0.0, 1),
        (1, 5.0, 1),
        (2, 0.0, 2),
        (2, 0.3, 2),
        (2, 0.5, 1),
        (2, 1.0, 1),
        (2, 9.0, 1),
        (8, 0.2, 8),
        (8, 3.0, 5),
    ],
)
def test_busy_cores_are_left_alone(cores, others, threads) -> None:
    assert threads_for(cores, others) == threads


def test_at_least_one_core_and_no_more_than_there_are() -> None:
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux")
def test_cores_that_the_process_may_not_use_do_not_count() -> None:
    code = (
        "import os; os.sched_setaffinity(0, {next(iter(os.sched_getaffinity(0)))})\n"
        "from phi3studio.worker.threads import usable_cores; print(usable_cores())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "1"


@pytest.fixture
def governor(monkeypatch):
    """A governor of four cores with a clock and processor times of the test's own."""
    import torch

    clock = {"now": 100.0, "busy": 0.0, "own": 0.0}
    monkeypatch.setattr(time, "monotonic", lambda: clock["now"])
    monkeypatch.setattr(ThreadGovernor, "_times", lambda self: (clock["busy"], clock["own"]))
    monkeypatch.setattr("phi3studio.worker.threads.usable_cores", lambda: 4)
    told: list[tuple[int, int]] = []
    before = torch.get_num_threads()
    made = ThreadGovernor(lambda threads, cores: told.append((threads, cores)))

    def pass_time(seconds: float, *, others: float, own: float = 3.0) -> int:
        clock["now"] += seconds
        clock["busy"] += (others + own) * seconds
        clock["own"] += own * seconds
        return made.look()

    yield made, pass_time, told
    torch.set_num_threads(before)


def test_threads_are_given_up_at_once_and_taken_back_after_two_looks(governor) -> None:
    import torch

    made, pass_time, told = governor
    assert made.threads == 4
    assert pass_time(2.5, others=0.0) == 4
    assert pass_time(2.5, others=1.0) == 3
    assert torch.get_num_threads() == 3
    assert pass_time(2.5, others=0.0) == 3
    assert pass_time(2.5, others=0.0) == 4
    assert torch.get_num_threads() == 4
    assert told == [(3, 4), (4, 4)]


def test_a_short_lull_takes_no_core(governor) -> None:
    _made, pass_time, told = governor
    assert pass_time(2.5, others=2.0) == 2
    assert pass_time(2.5, others=0.0) == 2
    assert pass_time(2.5, others=2.0) == 2
    assert pass_time(2.5, others=0.0) == 2
    assert told == [(2, 4)]


def test_it_looks_every_two_seconds_only(governor) -> None:
    _, pass_time, told = governor
    for _ in range(10):
        assert pass_time(0.15, others=3.0) == 4
    assert told == []


def test_the_own_work_is_nobody_elses(governor) -> None:
    _, pass_time, _ = governor
    assert pass_time(2.5, others=0.0, own=4.0) == 4


def test_losses_and_gradients_are_the_same_with_any_number_of_threads(tiny_phi3) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    from phi3studio.worker.examples import collate_packed
    from phi3studio.worker.train import packed_loss

    model = AutoModelForCausalLM.from_pretrained(tiny_phi3, dtype=torch.float32)
    rows = [
        {"input_ids": [5 + n + k for k in range(40)], "labels": [5 + n + k for k in range(40)]}
        for n in range(8)
    ]
    batch = collate_packed(rows)
    before = torch.get_num_threads()
    seen = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            model.zero_grad()
            loss, _, _ = packed_loss(model, batch)
            loss.backward()
            seen.append(
                (loss.item(), [p.grad.clone() for p in model.parameters() if p.grad is not None])
            )
    finally:
        torch.set_num_threads(before)
    for loss, gradients in seen[1:]:
        assert loss == seen[0][0]
        for one, other in zip(gradients, seen[0][1], strict=True):
            assert torch.equal(one, other)
