"""Ratings that are kept: a file for each model, in the folder of its run.

    <run>/ratings.jsonl          of the run's model
    <home>/ratings/<key>.jsonl   of a model that belongs to no run

A pair lies with the one of its two models whose name comes first, whichever won: what is rated
again is in the same file. Lines are only ever appended, each in one write, so that a second
program may do it at the same time; ``domain/ratings/rating.py`` says what they mean. What was said
to a model is private: the files are for the user alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from phi3studio.app.files import write_atomically
from phi3studio.domain.errors import InputError
from phi3studio.domain.ratings.preference_rows import PreferenceRows, Row, preference_rows
from phi3studio.domain.ratings.rating import Rating, Read, deletion_line, parse_ratings
from phi3studio.runs.store import RunStore

FILE = "ratings.jsonl"


@dataclass(frozen=True)
class Exported:
    """What an export wrote; ``labels`` is the file of answers without a counterpart, where there
    are pairs as well."""

    rows: PreferenceRows
    file: Path
    labels: Path | None = None


class RatingShelf:
    """The ratings of one home. Blocking; raises :class:`InputError` where a file cannot be read
    or written."""

    def __init__(self, store: RunStore) -> None:
        self._store = store

    def name_of(self, model: Path) -> str:
        """What the ratings of the exported model in the folder *model* call it."""
        run = model.parent
        return run.name if run.parent == self._store.home.runs else str(model)

    def add(self, ratings: Iterable[Rating]) -> None:
        """Keep *ratings*; each replaces an earlier one of the same answer."""
        for rating in ratings:
            self._append(self._file(rating), rating.to_line())

    def delete(self, rating: Rating) -> None:
        """Take a rating back."""
        self._append(self._file(rating), deletion_line(rating.id, time.time()))

    def turn(self, rating: Rating) -> Rating:
        """Rate the opposite instead; returns what is kept then."""
        turned = rating.turned(time.time())
        self.add((turned,))
        return turned

    def all(self) -> Read:
        """Every rating, the newest first, and how many lines could not be read."""
        return self._read(self._files())

    def of(self, model: str) -> Read:
        """Those that *model* (see :meth:`name_of`) has a part in."""
        found = self.all()
        mine = (r for r in found.ratings if model in (r.model, r.rejected_model))
        return Read(tuple(mine), found.damaged)

    def export(
        self,
        ratings: Sequence[Rating],
        file: Path,
        form: Callable[[Sequence[Rating]], PreferenceRows] = preference_rows,
    ) -> Exported:
        """Write *ratings* as JSON lines to train on, as *form* makes rows of them: pairs, and next
        to them the answers that have no counterpart; these alone go into *file* itself.

        Raises :class:`InputError` where there is nothing to write.
        """
        rows = form(ratings)
        if not rows.pairs and not rows.labelled:
            raise InputError("rating.none")
        labels = file.with_name(f"{file.stem}-labels{file.suffix}") if rows.pairs else file
        try:
            if rows.pairs:
                write_atomically(file, _lines(rows.pairs))
            if rows.labelled:
                write_atomically(labels, _lines(rows.labelled))
        except OSError as exc:
            raise _not_written(file, exc) from exc
        return Exported(rows, file, labels if rows.pairs and rows.labelled else None)

    def _file(self, rating: Rating) -> Path:
        model = min(rating.model, rating.rejected_model or rating.model)
        run = self._store.home.runs / model
        if Path(model).name == model and run.is_dir():
            return run / FILE
        key = hashlib.sha256(model.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        return self._store.home.root / "ratings" / f"{key}.jsonl"

    def _files(self) -> list[Path]:
        apart = sorted((self._store.home.root / "ratings").glob("*.jsonl"))
        return [*(run.path / FILE for run in self._store.all()), *apart]

    def _read(self, files: Iterable[Path]) -> Read:
        found: dict[str, Rating] = {}
        damaged = 0
        for file in files:
            try:
                text = file.read_text("utf-8", errors="replace")
            except FileNotFoundError:
                continue
            except OSError as exc:
                raise InputError(
                    "rating.unreadable", file=file, reason=exc.strerror or exc
                ) from exc
            read = parse_ratings(text.split("\n"))
            found |= {rating.id: rating for rating in read.ratings}
            damaged += read.damaged
        newest = sorted(found.values(), key=lambda rating: rating.time, reverse=True)
        return Read(tuple(newest), damaged)

    def _append(self, file: Path, line: str) -> None:
        try:
            self._store.home.made(file.parent)
            with open(file, "ab+", buffering=0, opener=_private) as opened:
                # A line that a power cut halved stays alone.
                size = opened.seek(0, os.SEEK_END)
                opened.seek(max(0, size - 1))
                halved = size > 0 and opened.read() != b"\n"
                opened.write((("\n" if halved else "") + line + "\n").encode("utf-8"))
        except OSError as exc:
            raise _not_written(file, exc) from exc


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _lines(rows: Iterable[Row]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _not_written(file: Path, exc: OSError) -> InputError:
    return InputError("rating.not_written", file=file, reason=exc.strerror or exc)
