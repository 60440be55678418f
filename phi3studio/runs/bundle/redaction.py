"""Taking paths of this computer out of what leaves it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from phi3studio.domain.messages import Phrase
from phi3studio.domain.recipe import Recipe
from phi3studio.domain.rows.row_edits import ROW_EDITS
from phi3studio.runs.store import RunFolder


def without_rows(recipe: Recipe) -> tuple[Recipe, int]:
    """The recipe without rows that were edited by hand or added, and how many such edits it has:
    they are data, which does not leave the computer with a model."""
    if recipe.data is None:
        return recipe, 0
    kept = [repair for repair in recipe.data.repairs if not isinstance(repair, ROW_EDITS)]
    data = recipe.data.model_copy(update={"repairs": kept})
    changed = recipe.model_copy(update={"data": data})
    return changed, len(recipe.data.repairs) - len(kept)


@dataclass
class Scrubber:
    """Replaces paths by the names of what they lead to, and remembers that it did."""

    replacements: dict[str, str]
    _used: set[str] = field(default_factory=set, init=False)

    @classmethod
    def for_run(cls, run: RunFolder, recipe: Recipe, base: Path) -> Scrubber:
        """For the files of *run*, whose base model lies in the folder *base*."""
        found = {str(base): _model_name(recipe, base)}
        data = recipe.data
        named: list[str | None] = [recipe.model.source, recipe.model.adapter]
        if data is not None:
            named += [data.source, *data.also, data.split.file]
        for path in named:
            if path is not None and Path(path).is_absolute():
                found.setdefault(path, Path(path).name)
        for folder in (run.path, run.path.parent.parent, Path.home()):
            found.setdefault(str(folder), folder.name if folder == run.path else "~")
        found.pop("/", None)
        # The longest first: a file's path before the one of its folder.
        ordered = sorted(found.items(), key=lambda item: -len(item[0]))
        return cls(dict(ordered))

    def text(self, text: str) -> str:
        """*text* with the paths replaced, also where JSON has written them."""
        for path, name in self.replacements.items():
            for written, short in _spellings(path, name):
                if written in text:
                    text = text.replace(written, short)
                    self._used.add(name)
        return text

    def values(self, value: Any) -> Any:
        """JSON values with the paths replaced."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.values(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.values(item) for item in value]
        return value

    def notes(self) -> list[Phrase]:
        """What was replaced; empty when nothing was."""
        return [Phrase("export.note_paths", names=sorted(self._used))] if self._used else []


def _model_name(recipe: Recipe, base: Path) -> str:
    source = recipe.model.source
    return source if not Path(source).is_absolute() else base.name


def _spellings(path: str, name: str) -> Iterator[tuple[str, str]]:
    """A path as it is, as JSON writes it, and with forward slashes."""
    yield path, name
    escaped = json.dumps(path)[1:-1]
    if escaped != path:
        yield escaped, json.dumps(name)[1:-1]
    if "\\" in path:
        yield path.replace("\\", "/"), name
