"""The results of a run on the disk: as whole as when they were made, cut, or gone."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Literal

from phi3studio.app.files import folder_bytes
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import Phrase
from phi3studio.runs.store import RunFolder

Result = Literal["adapter", "merged", "model"]
RESULTS: tuple[Result, ...] = ("adapter", "merged", "model")


def check_result(run: RunFolder, result: Result) -> None:
    """Raise :class:`InputError` if the run's record has the *result*, and its folder is gone or
    has become smaller. Files may have been added to it, such as further adapters."""
    made = run.view().artifacts.get(result)
    if made is None:
        return
    folder: Path = getattr(run, result)
    there = folder_bytes(folder) if folder.is_dir() else None
    if there is None or there < made.bytes:
        raise InputError(
            "run.damaged_result",
            variant="gone" if there is None else "",
            run=run.name,
            what=Phrase("export.part", variant=result),
            folder=folder,
            there=there or 0,
            bytes=made.bytes,
        )


def drop_damaged(run: RunFolder) -> bool:
    """Remove what is left of damaged results, so that the stages that made them are done again;
    whether there were any."""
    found = False
    for result in RESULTS:
        try:
            check_result(run, result)
        except InputError:
            shutil.rmtree(getattr(run, result), ignore_errors=True)
            found = True
    return found
