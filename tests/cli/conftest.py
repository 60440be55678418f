"""The command line as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from phi3studio.app.paths import Home


@dataclass(frozen=True)
class Said:
    """What one command left: exit code, standard output and standard error."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)


Studio = Callable[..., Said]


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "phi3studio", *map(str, arguments)]


def say(*arguments: str | Path, home: Home, cwd: Path | None = None, stdin: str = "") -> Said:
    """Run one command in *home* to its end; it must not show a traceback, whatever it says."""
    done = subprocess.run(
        command(*arguments),
        env=os.environ | {"PHI3STUDIO_HOME": str(home.root)},
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stderr[-3000:]
    return Said(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def studio(home: Home) -> Studio:
    """``studio("runs", "--json")`` in the test's own home."""

    def run(*arguments: str | Path, **options: Any) -> Said:
        return say(*arguments, home=home, **options)

    return run
