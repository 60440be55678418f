"""Where the program's own data files lie."""

from __future__ import annotations

import os
import sys
from pathlib import Path

RESOURCES_VARIABLE = "PHI3STUDIO_RESOURCES"
"""Set for workers that run the program's code under a Python of a runtime pack."""


def resources() -> Path:
    """The folder of bundled resources: of the frozen app, an installed wheel, or the sources."""
    named = os.environ.get(RESOURCES_VARIABLE)
    if named:
        return Path(named)
    bundled = getattr(sys, "_MEIPASS", None)
    if bundled:
        return Path(bundled) / "resources"
    package = Path(__file__).resolve().parent
    wheel = package / "data" / "resources"
    return wheel if wheel.is_dir() else package.parent / "resources"
