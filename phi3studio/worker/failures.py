"""Exceptions of other libraries, turned into our errors. The only place that does so."""

from __future__ import annotations

import errno
import sys

from phi3studio.domain.errors import RunError, UserFacingError, first_line
from phi3studio.domain.events import MemoryCause
from phi3studio.domain.messages import Phrase


def translate(exc: BaseException) -> UserFacingError:
    """What a user should read about *exc*; unknown exceptions become ``bug``."""
    if isinstance(exc, UserFacingError):
        return exc
    if memory_cause(exc) is not None:
        return out_of_memory(first_line(exc, typed=True))
    if isinstance(exc, OSError) and exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return RunError("disk.full", variant="" if exc.filename else "unnamed", path=exc.filename)
    if isinstance(exc, PermissionError):
        return RunError(
            "disk.not_writable",
            variant="access" if exc.filename else "access_unnamed",
            path=exc.filename,
            reason=exc.strerror or exc,
        )
    return RunError("bug", reason=first_line(exc, typed=True))


def out_of_memory(reason: str | Phrase, variant: str = "") -> RunError:
    """The error for memory that did not suffice. *variant*: the stage, for advice of its own."""
    return RunError("run.out_of_memory", variant=variant, reason=reason)


def memory_cause(exc: BaseException) -> MemoryCause | None:
    """Whether the memory did not suffice, the GPU's or the host's; ``None`` for other causes.

    Libraries raise errors of their own over the first one, so the whole chain is looked at.
    """
    seen: set[int] = set()
    link: BaseException | None = exc
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        cause = _memory_cause_of(link)
        if cause is not None:
            return cause
        link = link.__cause__ or link.__context__
    return None


# Native libraries have no exception type of their own for it.
_HOST_SIGNS = (
    "DefaultCPUAllocator",
    "bad allocation",
    "std::bad_alloc",
    "Cannot allocate memory",
    "Failed to allocate memory",
    "unable to mmap",
)
_DEVICE_SIGNS = ("CUDA out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")


def _memory_cause_of(exc: BaseException) -> MemoryCause | None:
    if isinstance(exc, UserFacingError):
        return None
    if isinstance(exc, MemoryError) or (isinstance(exc, OSError) and exc.errno == errno.ENOMEM):
        return "host"
    # torch is looked up, not imported: an error before its import is none of torch's.
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(exc, torch.OutOfMemoryError):
        return "device"
    text = str(exc)
    if isinstance(exc, Exception) and any(sign in text for sign in _DEVICE_SIGNS):
        return "device"
    return "host" if isinstance(exc, Exception) and any(s in text for s in _HOST_SIGNS) else None
