"""The results of a run on the disk: as whole as when they were made, cut, or gone."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from phi3studio.app.files import folder_bytes
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import Phrase
from phi3studio.models.guest_files import read_object
from phi3studio.runs.store import RunFolder

Result = Literal["adapter", "merged", "model"]
RESULTS: tuple[Result, ...] = ("adapter", "merged", "model")

_SETTINGS: Mapping[Result, tuple[str, ...]] = {
    "adapter": ("adapter_config.json",),
    "merged": ("config.json",),
    "model": ("genai_config.json", "studio.json"),
}
# People edit settings; weights and vocabularies are larger than this.
_LESS_BY_EDITING = 64 * 1024


def check_result(run: RunFolder, result: Result) -> None:
    """Raise :class:`InputError` if the run's record has the *result*, and its folder is gone or
    has become smaller, or its settings cannot be read. Files may have been added to it, such as
    further adapters."""
    made = run.view().artifacts.get(result)
    if made is None:
        return
    folder: Path = getattr(run, result)
    what = Phrase("export.part", variant=result)
    said: dict[str, Any] = {"run": run.name, "what": what, "folder": folder}
    if not folder.is_dir():
        raise InputError("run.damaged_result", variant="gone", **said)
    there = folder_bytes(folder)
    if there + _LESS_BY_EDITING < made.bytes:
        raise InputError("run.damaged_result", there=there, bytes=made.bytes, **said)
    try:
        for name in _SETTINGS[result]:
            read_object(folder / name)
    except (InputError, OSError) as exc:
        raise InputError("run.damaged_result", variant="settings", reason=exc, **said) from exc


def drop_damaged(run: RunFolder) -> bool:
    """Take away what is left of damaged results, so that the stages that made them are done
    again; whether there were any. An adapter, which took the training, stays as
    ``adapter.damaged``: its weights may be whole."""
    found = False
    for result in RESULTS:
        try:
            check_result(run, result)
        except InputError:
            folder: Path = getattr(run, result)
            if result == "adapter" and folder.is_dir():
                aside = folder.with_name(f"{folder.name}.damaged")
                shutil.rmtree(aside, ignore_errors=True)
                folder.rename(aside)
            shutil.rmtree(folder, ignore_errors=True)
            found = True
    return found
