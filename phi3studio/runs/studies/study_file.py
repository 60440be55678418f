"""Training searches on disk: made, found by name, read and written."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import ValidationError

from phi3studio.app.files import write_json
from phi3studio.app.paths import Home
from phi3studio.domain.errors import InputError, RunError, first_line
from phi3studio.domain.parsing import parse_json
from phi3studio.domain.recipe import Recipe
from phi3studio.domain.tuning.study_record import STUDY_VERSION, Study
from phi3studio.domain.tuning.trial_space import Settings

_SUFFIX = "-study"


@dataclass(frozen=True)
class StudyFile:
    """One search: ``studies/NAME.json`` of the home."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.stem

    def read(self) -> Study:
        """The record. Raises :class:`RunError` for one that is damaged or too new."""
        try:
            values = parse_json(self.path.read_text("utf-8"))
            version = values.get("version") if isinstance(values, dict) else None
            if isinstance(version, int) and version > STUDY_VERSION:
                raise RunError("study.newer_version", file=self.path, version=version)
            return Study.model_validate(values)
        except (OSError, ValidationError, ValueError) as exc:
            raise RunError("study.unreadable", file=self.path, reason=first_line(exc)) from exc

    def write(self, study: Study) -> None:
        """Replace the record."""
        write_json(self.path, study.model_dump(mode="json", exclude_none=True))

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Only one process works on a search; :class:`InputError` for another one."""
        try:
            with FileLock(self.path.with_suffix(".lock"), timeout=0):
                yield
        except Timeout as exc:
            raise InputError("study.busy", study=self.name) from exc


class StudyStore:
    """All training searches of one home folder."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def create(self, recipe: Recipe, preset: Settings, budget_s: float) -> StudyFile:
        """A new search with nothing tried yet."""
        root = self._home.made(self._home.studies)
        base = f"{time.strftime('%Y%m%d-%H%M%SZ', time.gmtime())}-{recipe.slug}"
        names = (f"{base}{suffix}{_SUFFIX}" for suffix in ("", *(f"-{n}" for n in range(2, 1000))))
        file = next(
            found for name in names if not (found := StudyFile(root / f"{name}.json")).path.exists()
        )
        study = Study(
            name=file.name,
            recipe=recipe.to_json(),
            budget_s=budget_s,
            preset=preset,
            seed=recipe.training.seed,
        )
        file.write(study)
        return file

    def all(self) -> list[StudyFile]:
        """Every search, newest first."""
        return [StudyFile(path) for path in sorted(self._home.studies.glob("*.json"), reverse=True)]

    def find(self, name: str) -> StudyFile | None:
        """A search by its name, with or without the time; ``None`` if there is none so called.
        Of several without the time the newest."""
        for file in self.all():
            if file.name == name or file.name.split("-", 2)[-1] == name:
                return file
        return None

    @staticmethod
    def delete(file: StudyFile) -> None:
        """Forget a search that came to nothing."""
        file.path.unlink(missing_ok=True)
