"""A model folder's tokenizer, opened where nothing is known of it yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from phi3studio.domain.errors import InputError, first_line
from phi3studio.worker.failures import memory_cause
from phi3studio.worker.import_lock import auto_tokenizer


def open_tokenizer(folder: Path, trust_remote_code: bool = False) -> Any:
    """The tokenizer in *folder*; raises :class:`InputError` for one that cannot be used."""
    try:
        return auto_tokenizer().from_pretrained(
            folder, trust_remote_code=trust_remote_code, local_files_only=True
        )
    except Exception as exc:
        # Damaged files make the libraries raise whatever they come across first.
        if memory_cause(exc) is not None:
            raise
        raise InputError("model.tokenizer", folder=folder, reason=first_line(exc)) from exc
