"""Bars for how much is computed, in processor time: other programs change it little."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import psutil


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Fail when this process computes for longer inside; several times what it takes at rest."""
    began = time.process_time()
    yield
    spent = time.process_time() - began
    assert spent < seconds, f"{spent:.2f} s of the processor"


def computed(pid: int) -> float:
    """What another process has computed so far, in seconds of the processor."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system
