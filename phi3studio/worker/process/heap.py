"""The C library's heap, told for a while to keep what is freed.

A training step allocates and frees the same hundreds of tensors. What glibc gives back to the
system in between comes again page by page, cleared: two to four hundredths of a small model's step.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Of glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_MOST_KEPT = 2**30
_LARGEST = 32 * 2**20  # the most that glibc takes: larger blocks are given back at once
# What glibc sets by itself once a block of that size was freed; less makes the later stages slow.
_AFTERWARDS = 2 * _LARGEST


@contextmanager
def keeping_freed_memory() -> Iterator[None]:
    """Inside, blocks up to 32 MiB stay with the process when they are freed; then all go back,
    and from there on what is more than 64 MiB.

    Does nothing where the C library is another one.
    """
    libc = _glibc()
    if libc is None:
        yield
        return
    libc.mallopt(_M_MMAP_THRESHOLD, _LARGEST)
    libc.mallopt(_M_TRIM_THRESHOLD, _MOST_KEPT)
    try:
        yield
    finally:
        libc.mallopt(_M_TRIM_THRESHOLD, _AFTERWARDS)
        libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "gnu_get_libc_version") else None
