"""How many threads the matrix work uses, looked at again while it runs.

PyTorch splits each operation over its threads and waits for the slowest. When another program
takes one of the cores, every operation waits for a thread that is not running: two threads were
then measured 3 to 20 times slower than one. So a busy core is left alone, and taken again when it
is free. The results are the same bits with any number of threads.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import psutil

from phi3studio.runs.settings import thread_limit

_LOOK_EVERY_S = 2.0
# A core counts as free although others use a little of it.
_TOLERATED = 0.35


def usable_cores() -> int:
    """The physical cores that this process may use: those of the system, or fewer by settings."""
    physical = psutil.cpu_count(logical=False) or 1
    affinity = getattr(os, "sched_getaffinity", None)
    allowed = len(affinity(0)) if affinity is not None else physical
    return max(1, min(physical, allowed, thread_limit() or physical))


def threads_for(cores: int, others: float) -> int:
    """Threads for *cores*, of which other programs keep *others* busy (in cores)."""
    return max(1, min(cores, int(cores - others + _TOLERATED)))


class ThreadGovernor:
    """Sets PyTorch's threads to the cores that are free.

    :meth:`look` is called often from the computing thread, between operations; it does something
    every two seconds. Fewer threads are taken at once, more only after two looks that agree.
    """

    def __init__(self, on_change: Callable[[int, int], None] = lambda threads, cores: None) -> None:
        self.cores = usable_cores()
        self.threads = self.cores
        self._on_change = on_change
        self._process = psutil.Process()
        self._looked_at = time.monotonic()
        self._busy, self._own = self._times()
        self._wish = 0

    def look(self) -> int:
        """Adapt the number of threads if it is time to; returns it."""
        now = time.monotonic()
        passed = now - self._looked_at
        if passed < _LOOK_EVERY_S:
            return self.threads
        busy, own = self._times()
        others = max(0.0, (busy - self._busy) - (own - self._own)) / passed
        self._looked_at, self._busy, self._own = now, busy, own
        wanted = threads_for(self.cores, others)
        if wanted > self.threads and wanted != self._wish:
            self._wish = wanted
            return self.threads
        self._wish = wanted
        if wanted != self.threads:
            self._set(wanted)
        return self.threads

    def _set(self, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        self.threads = threads
        self._on_change(threads, self.cores)

    def _times(self) -> tuple[float, float]:
        """Processor seconds so far: of all programs together, and of this one."""
        total = psutil.cpu_times()
        idle = total.idle + getattr(total, "iowait", 0.0)
        own = self._process.cpu_times()
        # guest time is contained in user time
        guest = getattr(total, "guest", 0.0) + getattr(total, "guest_nice", 0.0)
        return sum(total) - idle - guest, own.user + own.system
