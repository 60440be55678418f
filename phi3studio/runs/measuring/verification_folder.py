"""The scratch folder of a verification: large files for a while, inside the run's folder."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from phi3studio.runs.store import RunFolder

_PREFIX = "verify-"


@contextmanager
def scratch_folder(run: RunFolder) -> Iterator[Path]:
    """An empty folder that is gone at the end; what an earlier process left is removed first.

    Only one process at a time may be inside.
    """
    remove_scratch(run)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=run.path) as folder:
        yield Path(folder)


def remove_scratch(run: RunFolder) -> None:
    """Remove what a verification that was ended by force has left."""
    for folder in run.path.glob(f"{_PREFIX}*"):
        shutil.rmtree(folder, ignore_errors=True)
