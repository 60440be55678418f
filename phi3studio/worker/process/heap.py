"""The heap, set for a while to keep what is freed.

A training step allocates and frees the same hundreds of tensors. What is given back to the system
in between comes again page by page, cleared: two to four hundredths of a small model's step.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# Of glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_MOST_KEPT = 2**30
_LARGEST = 32 * 2**20  # the most that glibc takes: larger blocks are given back at once
# What glibc sets by itself once a block of that size was freed; less makes the later stages slow.
_AFTERWARDS = 2 * _LARGEST


@contextmanager
def keeping_freed_memory() -> Iterator[None]:
    """Inside, what is freed stays with the process; then all goes back, and from there on what
    is large.

    Of glibc's heap blocks up to 32 MiB stay, and afterwards 64 MiB in all. Does nothing where the
    heap is neither glibc's nor tcmalloc's (:mod:`phi3studio.app.allocator`).
    """
    heap: Any = ctypes.CDLL(None) if sys.platform.startswith("linux") else None
    if hasattr(heap, "MallocExtension_ReleaseFreeMemory"):
        try:
            yield  # it keeps what is freed by itself
        finally:
            heap.MallocExtension_ReleaseFreeMemory()
    elif hasattr(heap, "gnu_get_libc_version"):
        heap.mallopt(_M_MMAP_THRESHOLD, _LARGEST)
        heap.mallopt(_M_TRIM_THRESHOLD, _MOST_KEPT)
        try:
            yield
        finally:
            heap.mallopt(_M_TRIM_THRESHOLD, _AFTERWARDS)
            heap.malloc_trim(0)
    else:
        yield
