"""Cancel and pause: from marker files to the code that has to stop."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

import psutil

from phi3studio.domain.errors import Cancelled
from phi3studio.runs.store import RunFolder

_POLL_S = 0.1
# How long native code may keep the main thread from noticing before the process is ended.
_HARD_STOP_S = 1.0
JOB_STOP_S = 60.0
"""The same where a cancel has to be carried on to a job in Azure ML."""


class PauseRequested(BaseException):
    """The user asked to keep the work and end; raised after the checkpoint was saved."""


class Control:
    """Watches the markers of a run from a thread and interrupts the main thread on cancel.

    Made and entered on the main thread. On cancel, :class:`Cancelled` is raised there at the
    next Python instruction; if native code does not return within a second, *last_words* is
    called on the watching thread and the process ends with its children.
    """

    def __init__(self, run: RunFolder, last_words: Callable[[], None]) -> None:
        self._run = run
        self._last_words = last_words
        self.hard_stop_s = JOB_STOP_S if run.job_file.is_file() else _HARD_STOP_S
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="cancel-watch", daemon=True)

    def __enter__(self) -> Control:
        signal.signal(signal.SIGINT, self._interrupted)
        signal.signal(signal.SIGTERM, self._interrupted)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    @property
    def cancel_requested(self) -> bool:
        return self._run.cancel_marker.exists()

    @property
    def pause_requested(self) -> bool:
        return self._run.pause_marker.exists()

    def check(self) -> None:
        """Raise :class:`Cancelled` if the user asked to stop."""
        if self.cancel_requested:
            raise Cancelled

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        if not self._done.is_set():
            self._run.cancel_marker.touch()
            raise Cancelled

    def _watch(self) -> None:
        while not self._done.wait(_POLL_S):
            if self.cancel_requested:
                break
        else:
            return
        _thread.interrupt_main()
        if self._done.wait(self.hard_stop_s):
            return
        self._last_words()
        end_children()
        os._exit(130)


def end_children() -> None:
    """End every process that this one started."""
    children = psutil.Process().children(recursive=True)
    for child in children:
        try:
            child.kill()
        except psutil.Error:
            continue
    psutil.wait_procs(children, timeout=1)


class MemoryMeter:
    """The highest resident memory of this process, in bytes, sampled twice a second."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._peak = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="memory-meter", daemon=True)

    def __enter__(self) -> MemoryMeter:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def now(self) -> int:
        """Resident memory at this moment, in bytes."""
        current = int(self._process.memory_info().rss)
        self._peak = max(self._peak, current)
        return current

    @property
    def peak(self) -> int:
        """The highest value so far: the kernel's own mark where there is one."""
        self.now()
        try:
            import resource
        except ImportError:  # Windows
            return max(self._peak, int(getattr(self._process.memory_info(), "peak_wset", 0)))
        unit = 1 if os.uname().sysname == "Darwin" else 1024
        return max(self._peak, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)

    @property
    def device_peak(self) -> int:
        """The most that PyTorch had reserved of the GPU's memory; 0 without a GPU."""
        torch = sys.modules.get("torch")
        if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
            return 0
        return int(torch.cuda.max_memory_reserved())

    def _sample(self) -> None:
        while not self._done.wait(0.5):
            self.now()


def stopwatch() -> Callable[[], float]:
    """A function that tells the seconds since this call; not moved by changes of the clock."""
    start = time.monotonic()
    return lambda: time.monotonic() - start
