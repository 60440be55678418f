"""Fine-tunes that were begun and put aside for another one: a file for each, by name and time."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from phi3studio.app.files import write_atomically
from phi3studio.wizard.flow import Draft, display_name, is_begun, parse_draft


@dataclass(frozen=True)
class ShelvedDraft:
    """One draft that was put aside. ``changed``: when, in seconds since the epoch."""

    file: Path
    name: str
    changed: float


class DraftShelf:
    """The drafts below one folder. Blocking; a folder that cannot be read holds none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def all(self) -> list[ShelvedDraft]:
        """The drafts, the newest first; damaged files are passed over."""
        found = []
        with contextlib.suppress(OSError):
            for file in self._folder.glob("*.json"):
                draft = self._read(file)
                if is_begun(draft):
                    found.append(ShelvedDraft(file, display_name(draft), file.stat().st_mtime))
        return sorted(found, key=lambda draft: draft.changed, reverse=True)

    def put(self, draft: Draft) -> None:
        """Keep a draft; one that nobody has begun is not worth it. Raises :class:`OSError`."""
        if is_begun(draft):
            self._folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self._folder / f"{uuid4().hex}.json", draft.to_json())

    def take(self, shelved: ShelvedDraft) -> Draft:
        """Take a draft from the shelf. Raises :class:`OSError`."""
        draft = self._read(shelved.file)
        shelved.file.unlink(missing_ok=True)
        return draft

    @staticmethod
    def _read(file: Path) -> Draft:
        try:
            return parse_draft(file.read_text("utf-8"))
        except (OSError, ValueError):
            return Draft()
