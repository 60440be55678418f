"""Chats that are kept: a file for each, in the folder of the run whose model was talked to.

    <run>/transcripts/<chat>.json          of this version
    <run>/transcripts/<chat>.jsonl         of older versions: read, and replaced when it goes on
    <run>/transcripts/<chat>.json.deleted  deleted; removed for good by :func:`purge`

A chat with several models at once has one name in the folder of each. Those with a model that
belongs to no run lie in the home's own folder ``chats``.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from phi3studio.app.files import read_object, write_json
from phi3studio.app.paths import Home
from phi3studio.domain.parsing import parse_json
from phi3studio.runs.shown.transcript import Transcript, parse_json_lines, parse_transcript
from phi3studio.runs.store import RunFolder, RunStore

_DELETED = ".deleted"
_KEPT_DELETED_S = 24 * 3600
_LONGEST_TITLE = 120


@dataclass(frozen=True)
class KeptChat:
    """One chat as it is listed. ``model``: the exported model's folder. ``changed``: seconds since
    the epoch; ``words``: what a search looks at."""

    file: Path
    model: Path
    title: str
    transcript: Transcript
    changed: float

    @property
    def name(self) -> str:
        """What it is called in the folder of each of its models."""
        return self.file.stem

    def matches(self, wanted: str) -> bool:
        """Whether every word of *wanted* is somewhere in the title, the model or what was said."""
        said = (part for turn in self.transcript.tree for part in (turn.ask.shown, turn.answer))
        text = " ".join((self.title, self.transcript.model, *said)).casefold()
        return all(word in text for word in wanted.casefold().split())


def new_name() -> str:
    """A name for a chat that begins now."""
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid4().hex[:6]}"


class ChatShelf:
    """The chats of one home. Blocking; files that cannot be read are passed over."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._home: Home = store.home
        # In the order in which it was asked for, whatever thread does it.
        self._lock = threading.RLock()

    def all(self) -> list[KeptChat]:
        """Every chat, the newest first."""
        found = [chat for folder in _folders(self._store) for chat in _in_folder(folder)]
        return sorted(found, key=lambda chat: chat.changed, reverse=True)

    def write(self, name: str, model: Path, transcript: Transcript) -> None:
        """Keep what was said to *model* as the chat *name*. Raises :class:`OSError`."""
        with self._lock:
            folder = self._folder(model)
            folder.mkdir(parents=True, exist_ok=True)
            file = folder / f"{name}.json"
            values: dict[str, Any] = transcript.to_json() | {
                "title": read_object(file).get("title")
            }
            if folder.parent == self._home.root / "chats":
                values["folder"] = str(model)
            write_json(file, values)
            file.with_suffix(".jsonl").unlink(missing_ok=True)

    def rename(self, chat: KeptChat, title: str) -> None:
        """Give it a title of one's own; an empty one gives back the first question."""
        with self._lock:
            file = chat.file.with_suffix(".json")
            if not file.exists():
                self.write(chat.name, chat.model, chat.transcript)
            title = " ".join(title.split())[:_LONGEST_TITLE]
            write_json(file, read_object(file) | {"title": title or None})
            os.utime(file, (chat.changed, chat.changed))

    def delete(self, chat: KeptChat) -> None:
        """Put it aside; :meth:`restore` brings it back."""
        with self._lock:
            gone = _deleted(chat.file)
            chat.file.rename(gone)
            gone.touch()

    def restore(self, chat: KeptChat) -> None:
        """Bring back what was deleted."""
        with self._lock:
            _deleted(chat.file).rename(chat.file)
            os.utime(chat.file, (chat.changed, chat.changed))

    def _folder(self, model: Path) -> Path:
        if model.parent.parent == self._home.runs:
            return RunFolder(model.parent).path / "transcripts"
        key = hashlib.sha256(str(model).encode("utf-8", "surrogateescape")).hexdigest()[:16]
        return self._home.root / "chats" / key


def purge(store: RunStore, older_s: float = _KEPT_DELETED_S) -> None:
    """Remove for good what was deleted so long ago; blocking."""
    for folder in _folders(store):
        for file in _files(folder, f"*{_DELETED}"):
            with contextlib.suppress(OSError):
                if time.time() - file.stat().st_mtime >= older_s:
                    file.unlink()


def _folders(store: RunStore) -> list[Path]:
    """Where chats lie: with each run, and with each model that belongs to none."""
    folders = [run.path / "transcripts" for run in store.all()]
    with contextlib.suppress(OSError):
        folders += sorted((store.home.root / "chats").iterdir())
    return folders


def _deleted(file: Path) -> Path:
    return file.with_name(file.name + _DELETED)


def _files(folder: Path, pattern: str) -> Iterable[Path]:
    with contextlib.suppress(OSError):
        return list(folder.glob(pattern))
    return ()


def _in_folder(folder: Path) -> Iterator[KeptChat]:
    for file in (*_files(folder, "*.json"), *_files(folder, "*.jsonl")):
        try:
            text = file.read_text("utf-8")
            if file.suffix == ".jsonl":
                values: dict[str, Any] = {}
                said = parse_json_lines(text)
            else:
                values = parse_json(text)
                said = parse_transcript(values)
            changed = file.stat().st_mtime
        except (OSError, ValueError):
            continue
        if said.tree:
            model = Path(str(values.get("folder") or folder.parent / "model"))
            title = str(values.get("title") or "") or said.title
            yield KeptChat(file, model, title, said, changed)
