"""Where Phi-3 Studio keeps things.

``PHI3STUDIO_HOME`` moves everything to one folder; so does what the user chose under Settings;
otherwise it is the system's folder for user data.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from phi3studio.app.files import expanded
from phi3studio.domain.errors import InputError
from phi3studio.domain.parsing import parse_json

HOME_VARIABLE = "PHI3STUDIO_HOME"


@dataclass(frozen=True)
class Home:
    """The user's folder: its parts are made when first needed."""

    root: Path

    @property
    def runs(self) -> Path:
        """One folder per run."""
        return self.root / "runs"

    @property
    def studies(self) -> Path:
        """One file per training search."""
        return self.root / "studies"

    @property
    def models(self) -> Path:
        """Base models that this program made or downloaded."""
        return self.root / "models"

    @property
    def cache(self) -> Path:
        """Downloads and intermediate files; may be deleted at any time."""
        return self.root / "cache"

    def made(self, folder: Path) -> Path:
        """Create *folder* and check that it can be written; raises :class:`InputError`.

        What we make is for this user alone, whatever the umask: rows, models and chats are
        private. A root that was there before stays as it is.
        """
        try:
            if not self.root.exists():
                self.root.mkdir(parents=True, mode=0o700, exist_ok=True)
            folder.mkdir(parents=True, mode=0o700, exist_ok=True)
            if folder != self.root and folder.stat().st_mode & 0o077 and os.name == "posix":
                folder.chmod(0o700)
            probe = folder / f".write-test-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as exc:
            raise InputError("disk.not_writable", path=folder, reason=exc.strerror or exc) from exc
        return folder


def user_home() -> Home:
    """The home that the environment names, or the user chose, or the system's default.

    Raises :class:`InputError` when the chosen folder is gone: a home made again on the wrong disk
    would look as if everything were lost.
    """
    named = os.environ.get(HOME_VARIABLE)
    if named:
        return Home(expanded(named).absolute())
    chosen = pointer_home()
    if chosen is None:
        return Home(default_home())
    if not chosen.is_dir():
        raise InputError("home.missing", folder=chosen)
    return Home(chosen)


def default_home() -> Path:
    """The system's folder for our data."""
    import platformdirs

    return Path(platformdirs.user_data_dir("phi3studio", appauthor=False))


def pointer_file() -> Path:
    """Where the user's choice of a home is kept: outside of any home."""
    import platformdirs

    return Path(platformdirs.user_config_dir("phi3studio", appauthor=False)) / "home.json"


def pointer_home() -> Path | None:
    """The home that the user chose, if one was chosen."""
    try:
        values = parse_json(pointer_file().read_text("utf-8"))
        return Path(values["home"]) if values["version"] == 1 else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
