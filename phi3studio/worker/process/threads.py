"""How many threads the matrix work uses, looked at again while it runs.

PyTorch splits each operation over its threads and waits for the slowest. When another program
takes one of the cores, every operation waits for a thread that is not running: two threads were
then measured 3 to 20 times slower than one. So a busy core is left alone, and taken again when it
is free. The results are the same bits with any number of threads.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil

from phi3studio.app.settings import thread_limit

_LOOK_EVERY_S = 2.0
# A core counts as free although others use a little of it.
_TOLERATED = 0.35


def usable_cores() -> int:
    """The physical cores that this process may use: those of the system, or fewer by settings."""
    allowed = allowed_cores()
    return max(1, min(allowed, thread_limit() or allowed))


def allowed_cores() -> int:
    """The physical cores that the system lets this process use."""
    physical = psutil.cpu_count(logical=False) or 1
    allowed = allowed_processors()
    return max(1, min(physical, len(allowed) if allowed is not None else physical))


def allowed_processors() -> list[int] | None:
    """The numbers of the processors that this process may run on; ``None`` for all of them."""
    affinity = getattr(os, "sched_getaffinity", None)
    return sorted(affinity(0)) if affinity is not None else None


def threads_for(cores: int, others: float) -> int:
    """Threads for *cores*, of which other programs keep *others* busy (in cores)."""
    return max(1, min(cores, int(cores - others + _TOLERATED)))


@contextlib.contextmanager
def one_thread_each() -> Iterator[ThreadPoolExecutor]:
    """A pool of as many threads as PyTorch uses, each of which computes alone, as this one does
    inside: sharing out every small operation has the cores wait for each other all the time.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield pool
    finally:
        torch.set_num_threads(threads)


class ThreadGovernor:
    """Sets PyTorch's threads to the cores that are free.

    :meth:`look` is called often from the computing thread, between operations; it does something
    every two seconds. Fewer threads are taken at once, more only after two looks that agree.
    """

    def __init__(self, on_change: Callable[[int, int], None] = lambda threads, cores: None) -> None:
        self.cores = usable_cores()
        self.threads = self.cores
        # Where the settings leave cores alone, others may be busy there.
        self._spare = max(0, allowed_cores() - self.cores)
        self._processors = allowed_processors()
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
        wanted = threads_for(self.cores, max(0.0, others - self._spare))
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
        """Processor seconds so far: of all programs together, on the processors that this process
        may use, and of this one."""
        each = psutil.cpu_times(percpu=True)
        ours = (
            each
            if self._processors is None
            else [each[n] for n in self._processors if n < len(each)]
        )
        own = self._process.cpu_times()
        return sum(map(_busy, ours)), own.user + own.system


def _busy(times: Any) -> float:
    """The seconds that one processor was not idle."""
    idle: float = times.idle + getattr(times, "iowait", 0.0)
    # guest time is contained in user time
    guest: float = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    busy: float = sum(times) - idle - guest
    return busy
