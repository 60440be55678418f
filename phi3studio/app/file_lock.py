"""Whether somebody holds a lock file: what the system frees when its holder dies.

A lock cannot be fooled by a clock, a reused process id, another boot or a copied folder. The file
is locked, never read: on Windows a locked range cannot be read.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from filelock import FileLock, Timeout

PATIENCE_S = 1.0
"""How long taking a lock waits for those who only look, which takes them microseconds."""

_LOOK_S = 0.02


def is_held(file: Path) -> bool:
    """Whether a living process holds the lock *file*; nothing is made or changed."""
    if sys.platform != "win32":
        import fcntl

        try:
            descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return False
        try:
            # Shared, so that those who look at once do not take one another for the holder.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
        except BlockingIOError:
            return True
        except OSError:
            pass  # a file system without flock, where filelock has a way of its own
        finally:
            os.close(descriptor)
    if not file.is_file():
        return False
    lock = FileLock(file, is_singleton=False)
    try:
        lock.acquire(timeout=_LOOK_S, poll_interval=_LOOK_S / 4)
    except Timeout:
        return True
    except OSError:
        return False
    lock.release()
    return False
