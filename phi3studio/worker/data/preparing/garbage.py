"""Python's garbage collector during a long pass over rows, which makes no cycles.

Each full collection walks through every object of the large libraries that are loaded; while
millions of rows pass, that costs a fifth of the time and finds nothing.
"""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Iterator

_lock = threading.Lock()
_inside = 0
_before: tuple[int, int, int] = (0, 0, 0)
_RARELY = (200_000, 50, 1000)


@contextlib.contextmanager
def rare_collections() -> Iterator[None]:
    """Collect rarely within, and look only at what was made within. May be nested, and used by
    several threads at once."""
    global _inside, _before
    with _lock:
        if _inside == 0:
            _before = gc.get_threshold()
            gc.freeze()
            gc.set_threshold(*_RARELY)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                gc.set_threshold(*_before)
                gc.unfreeze()
