"""Exceptions of other libraries, turned into our errors. The only place that does so."""

from __future__ import annotations

import errno
import sys

from phi3studio.domain.errors import RunError, UserFacingError
from phi3studio.domain.events import MemoryCause


def translate(exc: BaseException) -> UserFacingError:
    """What a user should read about *exc*; unknown exceptions become ``bug``."""
    if isinstance(exc, UserFacingError):
        return exc
    if memory_cause(exc) is not None:
        return out_of_memory(_short(exc))
    if isinstance(exc, OSError) and exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return RunError(
            "disk.full",
            f"The disk is full; {exc.filename or 'a file'} could not be written.",
            "Free some space and resume the run: what was done is kept.",
        )
    if isinstance(exc, PermissionError):
        return RunError(
            "disk.not_writable",
            f"{exc.filename or 'A file'} cannot be written: {exc.strerror}.",
            "Give yourself the right to write there, or set PHI3STUDIO_HOME to another folder.",
        )
    return RunError(
        "bug",
        f"Something unexpected happened: {_short(exc)}",
        "The run's log.txt holds the details; report it with that file. "
        "The run can be resumed after the cause is gone.",
    )


def out_of_memory(reason: str, hint: str | None = None) -> RunError:
    """The error for memory that did not suffice; without *hint*, with the usual advice."""
    return RunError(
        "run.out_of_memory",
        f"The memory was not enough ({reason}).",
        hint
        or "Lower training.batch_size and raise training.accumulation by the same factor, "
        "set training.gradient_checkpointing: true, or shorten training.sequence_length; "
        "then start a new run.",
    )


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


def _short(exc: BaseException) -> str:
    text = str(exc).strip().splitlines()
    return f"{type(exc).__name__}: {text[0][:300]}" if text else type(exc).__name__
