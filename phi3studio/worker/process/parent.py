"""An attempt ends when its supervisor does."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading

from phi3studio.worker.process.control import end_children

_PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """From now on, end this process and its children when its parent ends.

    The parent holds the other end of standard input, which closes with it. On Linux the kernel
    does it as well, at once, even while native code holds Python's lock.
    """
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if _has_ended():  # before this process could ask for anything
        os._exit(1)
    threading.Thread(target=_wait_for_end, name="parent-watch", daemon=True).start()


def _has_ended() -> bool:
    """Whether nobody holds the other end of standard input any more."""
    if sys.platform == "win32":
        return False
    line = select.poll()
    line.register(0, select.POLLIN)
    return any(what & select.POLLHUP for _, what in line.poll(0))


def _wait_for_end() -> None:
    try:
        while os.read(0, 1):
            pass
    except OSError:
        return  # started by hand, without standard input
    end_children()
    os._exit(1)
