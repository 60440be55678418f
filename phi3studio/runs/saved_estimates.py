"""Estimates that a dry run measured, kept in the home's cache until what they hang on changes."""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from phi3studio.app.files import write_json
from phi3studio.app.paths import Home
from phi3studio.domain.estimation.estimate import Estimate
from phi3studio.domain.parsing import parse_json
from phi3studio.domain.recipe import Recipe


def read_estimate(home: Home, recipe: Recipe) -> Estimate | None:
    """What a dry run of *recipe* measured here before; ``None`` if there was none."""
    try:
        return estimate_of(parse_json(_file(home, recipe).read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_estimate(home: Home, recipe: Recipe, found: Estimate) -> None:
    """Keep what was measured. Raises :class:`OSError`."""
    file = _file(home, recipe)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(file, asdict(found))


def estimate_of(values: dict[str, Any]) -> Estimate:
    """An estimate from JSON values."""
    return Estimate(
        memory={str(name): int(value) for name, value in values["memory"].items()},
        disk_bytes=int(values["disk_bytes"]),
        seconds={str(name): float(value) for name, value in values["seconds"].items()},
        device_memory=int(values["device_memory"]),
        measured=bool(values["measured"]),
    )


def _file(home: Home, recipe: Recipe) -> Path:
    """Named by the recipe (but for its name) and the state of its data files."""
    plain: dict[str, Any] = recipe.to_json()
    plain.pop("name", None)
    stamps = []
    if recipe.data is not None:
        for name in (recipe.data.source, *recipe.data.also, recipe.data.split.file):
            with contextlib.suppress(OSError):
                facts = Path(name).stat() if name else None
                stamps.append([facts.st_size, facts.st_mtime_ns] if facts else [])
    text = json.dumps([plain, stamps], sort_keys=True)
    return home.cache / "estimates" / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"
