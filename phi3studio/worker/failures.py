"""Exceptions of other libraries, turned into our errors. The only place that does so."""

from __future__ import annotations

import errno

from phi3studio.domain.errors import RunError, UserFacingError


def translate(exc: BaseException) -> UserFacingError:
    """What a user should read about *exc*; unknown exceptions become ``bug``."""
    if isinstance(exc, UserFacingError):
        return exc
    if _is_out_of_memory(exc):
        return RunError(
            "run.out_of_memory",
            f"The memory was not enough ({_short(exc)}).",
            "Lower training.batch_size and raise training.accumulation by the same factor, "
            "set training.gradient_checkpointing: true, or shorten training.sequence_length; "
            "then resume the run.",
        )
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


def _is_out_of_memory(exc: BaseException) -> bool:
    import sys

    if isinstance(exc, MemoryError):
        return True
    # torch is looked up, not imported: an error before its import is none of torch's.
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(exc, torch.OutOfMemoryError):
        return True
    # The CPU allocator has no exception type of its own.
    return isinstance(exc, RuntimeError) and "DefaultCPUAllocator" in str(exc)


def _short(exc: BaseException) -> str:
    text = str(exc).strip().splitlines()
    return f"{type(exc).__name__}: {text[0][:300]}" if text else type(exc).__name__
