"""What the user set for the window: kept as one small file, versioned, written atomically.

Keys that this version does not know are kept: another version may use the same home.

Plain dataclasses: this is read before the first window is painted, and pydantic would cost more
time than all the rest of it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from phi3studio.app.files import read_object, write_json

VERSION = 1
_ALLOWED: dict[str, tuple[str, ...]] = {
    "theme": ("system", "light", "dark"),
    "language": ("", "en", "it"),
    "notify": ("on", "off"),
}


@dataclass(frozen=True)
class Preferences:
    """The window's settings. ``language`` empty: the system's. ``geometry``: Qt's, base 64.
    ``folder``: where a file was chosen last. ``recent``: the data files used last, a line each.
    ``notify``: whether the system shows a note when a run ends or stops."""

    theme: Literal["system", "light", "dark"] = "system"
    language: Literal["", "en", "it"] = ""
    geometry: str = ""
    folder: str = ""
    recent: str = ""
    notify: Literal["on", "off"] = "on"


def parse_preferences(values: Any) -> Preferences:
    """Parsed JSON as preferences; what is unknown or not allowed falls back to its default."""
    if not isinstance(values, dict) or values.get("version") != VERSION:
        return Preferences()
    known: dict[str, Any] = {
        name: value
        for name in (field.name for field in fields(Preferences))
        if isinstance(value := values.get(name), str) and value in _ALLOWED.get(name, (value,))
    }
    return Preferences(**known)


class PreferencesFile:
    """Reads and writes the preferences; a damaged file counts as none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._value = parse_preferences(read_object(path))

    @property
    def value(self) -> Preferences:
        """The present preferences."""
        return self._value

    def change(self, **changes: Any) -> Preferences:
        """Change some of them and write the file if that made a difference.

        A file that cannot be written is passed over: the window works without it.
        """
        changed = replace(self._value, **changes)
        if changed != self._value:
            self._value = changed
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                kept = read_object(self._path)
                if kept.get("version", VERSION) != VERSION:
                    kept = {}
                write_json(self._path, kept | {"version": VERSION, **asdict(changed)})
            except OSError:
                return changed
        return self._value
