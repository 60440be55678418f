"""Runs one Olive workflow in this process and does not believe it until the result is there."""

from __future__ import annotations

import contextlib
import copy
import json
import logging
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phi3studio.domain.errors import RunError
from phi3studio.worker.olive.workflow_config import OWN_PASSES
from phi3studio.worker.process.privacy import silence_olive


class _Listener(logging.Handler):
    """Keeps what Olive only logs: the swallowed exception, and keys that it ignored."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.exception: BaseException | None = None
        self.ignored: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            self.exception = record.exc_info[1]
        if "ignor" in str(record.msg).lower():
            self.ignored.append(record.getMessage())


@dataclass(frozen=True)
class WorkflowResult:
    """Where the output model lies, inside the workflow's cache folder."""

    model: Path
    adapter: Path | None


def run_workflow(config: dict[str, Any], scratch: Path) -> WorkflowResult:
    """Run *config* and return where its output model is.

    The model stays in the cache, to be moved: Olive would copy it to its output folder, and the
    whole base model next to an adapter, which for a large model is many gigabytes.

    Raises the exception of the pass that failed, which Olive itself swallows, or
    :class:`RunError` when Olive ignored a setting or produced no model.
    """
    silence_olive()
    from olive.package_config import OlivePackageConfig
    from olive.workflows import run

    # Imported for its registrations: our pre-process component.
    from phi3studio.worker.olive import project_passes

    scratch.mkdir(parents=True, exist_ok=True)
    package = json.loads(Path(OlivePackageConfig.get_default_config_path()).read_text("utf-8"))
    for own, extended in OWN_PASSES.items():
        package["passes"][own] = package["passes"][extended] | {
            "module_path": f"{project_passes.__name__}.{own}"
        }
    listener = _Listener()
    logger = logging.getLogger("olive")
    logger.addHandler(listener)
    before = tempfile.tempdir
    try:
        # A copy, because Olive takes the dictionary apart while it reads it.
        with _left_in_cache() as saved:
            output = run(copy.deepcopy(config), package_config=package, tempdir=scratch)
    finally:
        logger.removeHandler(listener)
        # Olive sets it for the whole process, and the folder is removed with the stage.
        tempfile.tempdir = before
    if listener.exception is not None:
        raise listener.exception
    if listener.ignored:
        raise RunError("olive.ignored_setting", reason=listener.ignored[0])
    if output is None or not output.has_output_model() or not saved:
        raise RunError("olive.no_model")
    made = saved[-1]["config"]
    adapter = made.get("adapter_path")
    return WorkflowResult(Path(made["model_path"]), Path(adapter) if adapter else None)


@contextlib.contextmanager
def _left_in_cache() -> Iterator[list[dict[str, Any]]]:
    """While inside, Olive notes the description of its output model instead of copying it."""
    from olive.cache import OliveCache

    saved: list[dict[str, Any]] = []
    original = OliveCache.save_model

    def note(self: Any, model_id: str, *_: Any, **__: Any) -> dict[str, Any]:
        description: dict[str, Any] = self.load_model(model_id)
        saved.append(description)
        return description

    OliveCache.save_model = note
    try:
        yield saved
    finally:
        OliveCache.save_model = original
