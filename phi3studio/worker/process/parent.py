"""An attempt ends when its supervisor does."""

from __future__ import annotations

import contextlib
import os
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
    threading.Thread(target=_wait_for_end, name="parent-watch", daemon=True).start()


def _wait_for_end() -> None:
    try:
        while os.read(0, 1):
            pass
    except OSError:
        return  # started by hand, without standard input
    end_children()
    os._exit(1)
