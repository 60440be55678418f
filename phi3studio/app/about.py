"""What this program is made of: its build, and the licences of everything inside."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import json
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageMetadata
from pathlib import Path

from phi3studio import __version__
from phi3studio.resources import resources

_LICENCE_FILES = ("licen", "copying", "notice", "authors", "copyright")
_LONGEST = 200_000
_CLASSIFIER = "License :: OSI Approved :: "


def installed_version(name: str) -> str | None:
    """The version of a package; ``None`` where it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


@dataclass(frozen=True)
class Build:
    """Which build this is. ``commit`` and ``date`` (of the commit, ISO 8601) are empty where it
    runs from source."""

    version: str
    commit: str = ""
    date: str = ""
    flavour: str = ""


@dataclass(frozen=True)
class Component:
    """A part of another author: name, version, licence (SPDX where the author says so), text."""

    name: str
    version: str
    licence: str
    text: str


def build() -> Build:
    """What ``resources/build.json`` says, which the installers write."""
    try:
        values = json.loads((resources() / "build.json").read_text("utf-8"))
        day = dt.datetime.fromtimestamp(int(values["date"]), dt.UTC).date().isoformat()
        return Build(__version__, str(values["commit"]), day, str(values["flavour"]))
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return Build(__version__)


def components() -> list[Component]:
    """Everything inside, by name, from the distributions' own metadata (half a second); the
    frozen program brings it along."""
    return installed_components(importlib.metadata.distributions())


def installed_components(
    distributions: Iterable[importlib.metadata.Distribution],
) -> list[Component]:
    """The distributions with their licences, each once, without this program."""
    found: dict[str, Component] = {}
    for distribution in distributions:
        name = distribution.metadata["Name"]
        if not name or name.lower() in found or name.lower() == "phi3studio":
            continue
        found[name.lower()] = Component(
            name, distribution.version, _licence(distribution), _texts(distribution)
        )
    return [found[key] for key in sorted(found)]


def own_text(name: str) -> str:
    """A text of ``resources/licences``; empty where it is missing."""
    try:
        return (resources() / "licences" / name).read_text("utf-8")
    except OSError:
        return ""


def _licence(distribution: importlib.metadata.Distribution) -> str:
    metadata = distribution.metadata
    expression = _first(metadata, "License-Expression")
    if expression:
        return expression
    classified = [
        value.removeprefix(_CLASSIFIER)
        for value in metadata.get_all("Classifier") or []
        if value.startswith(_CLASSIFIER)
    ]
    if classified:
        return ", ".join(classified)
    said = _first(metadata, "License")
    return said.splitlines()[0][:80] if said else ""


def _first(metadata: PackageMetadata, key: str) -> str:
    return str((metadata.get_all(key) or [""])[0]).strip()


def _texts(distribution: importlib.metadata.Distribution) -> str:
    """The licence texts that the distribution carries in its metadata."""
    parts, size = [], 0
    for file in distribution.files or []:
        inside = any(part.endswith(".dist-info") for part in file.parts[:-1])
        if not inside or not file.name.lower().startswith(_LICENCE_FILES):
            continue
        try:
            text = Path(str(file.locate())).read_text("utf-8", "replace").strip()
        except OSError:
            continue
        if text and size + len(text) <= _LONGEST:
            size += len(text)
            parts.append(text)
    return "\n\n".join(dict.fromkeys(parts))
