"""Runs one Olive workflow in this process and does not believe it until the result is there."""

from __future__ import annotations

import copy
import json
import logging
from pathlib import Path
from typing import Any

from phi3studio.domain.errors import RunError
from phi3studio.worker.olive_config import OWN_PASSES
from phi3studio.worker.privacy import silence_olive


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


def run_workflow(config: dict[str, Any], scratch: Path) -> Path:
    """Run *config* and return the folder that Olive wrote its output model to.

    Raises the exception of the pass that failed, which Olive itself swallows, or
    :class:`RunError` when Olive ignored a setting or produced no model.
    """
    silence_olive()
    from olive.package_config import OlivePackageConfig
    from olive.workflows import run

    # Imported for its registrations: our pre-process component.
    from phi3studio.worker import passes

    scratch.mkdir(parents=True, exist_ok=True)
    package = json.loads(Path(OlivePackageConfig.get_default_config_path()).read_text("utf-8"))
    for own, extended in OWN_PASSES.items():
        package["passes"][own] = package["passes"][extended] | {
            "module_path": f"{passes.__name__}.{own}"
        }
    listener = _Listener()
    logger = logging.getLogger("olive")
    logger.addHandler(listener)
    try:
        # A copy, because Olive takes the dictionary apart while it reads it.
        output = run(copy.deepcopy(config), package_config=package, tempdir=scratch)
    finally:
        logger.removeHandler(listener)
    if listener.exception is not None:
        raise listener.exception
    if listener.ignored:
        raise RunError(
            "olive.ignored_setting",
            f"Olive ignored a setting: {listener.ignored[0]}",
            "This is a fault of Phi-3 Studio, not of your recipe; report it with the run's log.",
        )
    if output is None or not output.has_output_model():
        raise RunError(
            "olive.no_model",
            "Olive ended without a model and without an error.",
            "Look at the last lines of the run's log.",
        )
    return Path(config["output_dir"])
