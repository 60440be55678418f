"""Exceptions of other libraries, turned into our errors. The only place that does so."""

from __future__ import annotations

import contextlib
import errno
import re
import shutil
import sys

from phi3studio.app.paths import user_home
from phi3studio.domain.errors import RunError, UserFacingError, first_line
from phi3studio.domain.events.payload import MemoryCause
from phi3studio.domain.messages import Phrase
from phi3studio.runs.preflight import run_disk_needed
from phi3studio.runs.store import RunFolder

# With less than this an error that nobody knows comes of the disk.
_FULL_BYTES = 1_000_000
_LEAST_MISSING = 200_000_000


def translate(exc: BaseException) -> UserFacingError:
    """What a user should read about *exc*; unknown exceptions become ``bug``."""
    if isinstance(exc, UserFacingError):
        return exc
    if memory_cause(exc) is not None:
        return out_of_memory(first_line(exc, typed=True))
    if disk_is_full(exc):
        path = exc.filename if isinstance(exc, OSError) else None
        return RunError("disk.full", variant="" if path else "unnamed", path=path)
    if isinstance(exc, PermissionError):
        return RunError(
            "disk.not_writable",
            variant="access" if exc.filename else "access_unnamed",
            path=exc.filename,
            reason=exc.strerror or exc,
        )
    return RunError("bug", reason=first_line(exc, typed=True))


# Libraries that write in native code, or count what was written, have no error number for it.
_FULL_SIGNS = re.compile(
    r"no space left on device|disk quota exceeded|not enough space on the disk"
    r"|os error (28|112|122)\b|errno (28|122)\b|\d+ requested and \d+ written"
    r"|PytorchStreamWriter failed writing",
    re.IGNORECASE,
)


def disk_is_full(exc: BaseException) -> bool:
    """Whether a disk, or the user's share of it, was full, as any error of the chain says."""
    seen: set[int] = set()
    link: BaseException | None = exc
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        if isinstance(link, OSError) and link.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if isinstance(link, Exception) and _FULL_SIGNS.search(str(link)):
            return True
        link = link.__cause__ or link.__context__
    return False


def full_disk(run: RunFolder, exc: BaseException, error: UserFacingError) -> UserFacingError:
    """What is missing and where, if *exc* comes of a full disk; otherwise *error*.

    A library may swallow the disk's own error and stumble over its half-written file.
    """
    free = shutil.disk_usage(run.path).free
    unclear = error.code == "bug" or error.code.startswith(("olive.", "run.bad_result"))
    if not disk_is_full(exc) and not (unclear and free < _FULL_BYTES):
        return error
    needed = _LEAST_MISSING
    with contextlib.suppress(UserFacingError, OSError):
        needed = max(needed, run_disk_needed(run.recipe(), user_home()))
    return RunError("disk.full", variant="run", folder=run.path, free=free, missing=needed - free)


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
