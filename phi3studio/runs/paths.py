"""Where Phi-3 Studio keeps things.

``PHI3STUDIO_HOME`` moves everything to one folder; otherwise the system's folder for user data.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from phi3studio.domain.errors import InputError


@dataclass(frozen=True)
class Home:
    """The user's folder: ``runs/``, ``models/`` and ``cache/``, made when first needed."""

    root: Path

    @property
    def runs(self) -> Path:
        """One folder per run."""
        return self.root / "runs"

    @property
    def models(self) -> Path:
        """Base models that this program made or fetched."""
        return self.root / "models"

    @property
    def cache(self) -> Path:
        """Downloads and intermediate files; may be deleted at any time."""
        return self.root / "cache"

    def made(self, folder: Path) -> Path:
        """Create *folder* and check that it can be written; raises :class:`InputError`."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / f".write-test-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as exc:
            raise InputError(
                "disk.not_writable",
                f"The folder {folder} cannot be written: {exc.strerror or exc}.",
                "Give yourself the right to write there, or set PHI3STUDIO_HOME to another folder.",
            ) from exc
        return folder


def user_home() -> Home:
    """The home that the environment names, or the system's default."""
    named = os.environ.get("PHI3STUDIO_HOME")
    if named:
        return Home(Path(named).expanduser().absolute())
    import platformdirs

    return Home(Path(platformdirs.user_data_dir("phi3studio", appauthor=False)))


def resources() -> Path:
    """The folder of bundled resources: in the frozen app, or in the source tree."""
    bundled = getattr(sys, "_MEIPASS", None)
    if bundled:
        return Path(bundled) / "resources"
    return Path(__file__).resolve().parents[2] / "resources"
