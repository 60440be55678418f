"""Cancel, pause and leave: from marker files and signals to the code that has to stop."""

from __future__ import annotations

import _thread
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

import psutil

from phi3studio.app.program import LEAVE_SIGNALS
from phi3studio.domain.errors import Cancelled
from phi3studio.runs.store import RunFolder
from phi3studio.worker.process.repeating import Repeating

_POLL_S = 0.1
# How long native code may keep the main thread from noticing before the process is ended.
_HARD_STOP_S = 1.0
JOB_STOP_S = 60.0
"""The same where a cancel has to be carried on to a job in Azure ML."""
LEAVE_S = 4.0
"""How long a worker that has to leave may take to save its work; a shutdown kills it soon."""


class PauseRequested(BaseException):
    """The work is to be kept and the attempt to end: the user asked for it, or the session ends.

    In a training it is raised after the checkpoint was saved.
    """


class Control:
    """Watches the markers of a run from a thread and interrupts the main thread.

    Made and entered on the main thread. On cancel, :class:`Cancelled` is raised there at the
    next Python instruction. When the session ends (a signal, or the marker ``leave``), a training
    has :data:`LEAVE_S` seconds to save a checkpoint, and everything else stops at its next check;
    then :class:`PauseRequested` is raised, and at once where the run's folder was moved or deleted.
    If native code does not return within a second,
    *last_words* is called on the watching thread with the class of what could not be raised, and
    the process ends with its children.
    """

    def __init__(self, run: RunFolder, last_words: Callable[[type[BaseException]], None]) -> None:
        self._run = run
        self._last_words = last_words
        self._signalled = False
        self._stop: type[BaseException] | None = None
        self._raised = False
        self.saves_itself = False
        """Whether the code that runs looks at :attr:`pause_requested` on its own."""
        self.hard_stop_s = JOB_STOP_S if run.job_file.is_file() else _HARD_STOP_S
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="cancel-watch", daemon=True)

    def __enter__(self) -> Control:
        for number in LEAVE_SIGNALS:
            signal.signal(number, self._interrupted)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    @property
    def cancel_requested(self) -> bool:
        return self._run.cancel_marker.exists()

    @property
    def session_ends(self) -> bool:
        return self._signalled or self._run.leave_marker.exists()

    @property
    def folder_gone(self) -> bool:
        """Whether the run's folder was moved or deleted under the living worker.

        No marker would reach it any more, and what it wrote would lie where nobody looks.
        """
        try:
            self._run.recipe_file.stat()
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            pass  # a network that is away for a moment
        return False

    @property
    def leaving(self) -> bool:
        """Whether the session ends, and nobody asked for a cancel or a pause."""
        asked = self.cancel_requested or self._run.pause_marker.exists()
        return (self.session_ends and not asked) or self.folder_gone

    @property
    def pause_requested(self) -> bool:
        return self.session_ends or self._run.pause_marker.exists()

    def check(self) -> None:
        """Raise :class:`Cancelled` if the user asked to stop, and :class:`PauseRequested` if the
        session ends or the folder is gone."""
        if self.cancel_requested:
            raise Cancelled
        if self.folder_gone:
            raise PauseRequested
        if not self.saves_itself and self.session_ends:
            raise PauseRequested

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        if self._stop is None:
            self._signalled = True
        elif not (self._done.is_set() or self._raised):
            self._raised = True  # once: a second signal must not end the last words
            raise self._stop

    def _watch(self) -> None:
        leave_at = math.inf
        gone = False
        while not self._done.wait(_POLL_S):
            # Twice in a row: a folder that is replaced as a whole is away for a moment.
            gone, before = self.folder_gone, gone
            if gone and before:
                self._stop = PauseRequested
                break
            now = time.monotonic()
            if self.session_ends:
                leave_at = min(leave_at, now + LEAVE_S)
            if self.cancel_requested:
                self._stop = Cancelled
                break
            if now >= leave_at:
                self._stop = PauseRequested
                break
        else:
            return
        _thread.interrupt_main()
        if self._done.wait(self.hard_stop_s if self._stop is Cancelled else _HARD_STOP_S):
            return
        self._last_words(self._stop)
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


class MemoryMeter(Repeating):
    """The highest resident memory of this process, in bytes, sampled twice a second."""

    def __init__(self) -> None:
        super().__init__("memory-meter", 0.5, self.now)
        self._process = psutil.Process()
        self._peak = 0

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


def stopwatch() -> Callable[[], float]:
    """A function that tells the seconds since this call; not moved by changes of the clock."""
    start = time.monotonic()
    return lambda: time.monotonic() - start
