"""What the user set for the window: kept as one small file, versioned, written atomically."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from phi3studio.runs.files import write_atomically


class Preferences(BaseModel):
    """The window's settings. ``language`` empty: the system's. ``threads`` 0: all cores."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: Literal[1] = 1
    theme: Literal["system", "light", "dark"] = "system"
    language: Literal["", "en", "it"] = ""
    geometry: str = ""
    welcomed: bool = False
    chat: dict[str, float] = Field(default_factory=dict)


class PreferencesFile:
    """Reads and writes the preferences; a damaged file counts as none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._value = self._read()

    @property
    def value(self) -> Preferences:
        """The present preferences."""
        return self._value

    def change(self, **changes: object) -> Preferences:
        """Change some of them and write the file if that made a difference."""
        changed = self._value.model_copy(update=changes)
        if changed != self._value:
            self._value = changed
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._path, changed.model_dump_json(indent=2) + "\n")
        return self._value

    def _read(self) -> Preferences:
        try:
            return Preferences.model_validate_json(self._path.read_text("utf-8"))
        except (OSError, ValidationError, ValueError):
            return Preferences()
