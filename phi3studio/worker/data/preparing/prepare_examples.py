"""Everything between a recipe's data section and the examples that a run trains on.

The source is read twice. First every row is repaired and rendered, and a few numbers of it are
kept; from these is decided what is left out and what is held out. Then the rows that remain are
tokenised and written. So memory does not grow with the rows, but for those numbers.
"""

from __future__ import annotations

import functools
import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from phi3studio.app.files import write_json
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import Phrase
from phi3studio.domain.parsing import parse_json
from phi3studio.domain.recipe import Data, Recipe
from phi3studio.worker.data.meaning.unread_parts import UnreadTally
from phi3studio.worker.data.preparing.decide import (
    Decision,
    are_labels,
    decide,
    held_out_part,
    unusable,
)
from phi3studio.worker.data.preparing.garbage import rare_collections
from phi3studio.worker.data.preparing.render import check_columns
from phi3studio.worker.data.preparing.row_pipeline import Passed, Process, columns_of
from phi3studio.worker.data.preparing.snapshot import SnapshotWriter, file_sha256
from phi3studio.worker.data.preparing.survey import USABLE, Survey, Surveyed
from phi3studio.worker.data.preparing.tokenise import Encoder, Tokenizer
from phi3studio.worker.data.reading.source_rows import Batch, RowSource

MANIFEST = "manifest.json"
ProgressFn = Callable[[int, int], None]
_FIRST_PASS = 0.3
_AHEAD = 2


@dataclass(frozen=True)
class Prepared:
    """The final examples of a run: two Parquet files and the facts about them.

    ``left_out_rows`` counts broken lines and rows of which nothing could be learned; ``dropped``
    counts what repairs left out, by their kind, and the other reasons (``leaked``,
    ``other_held_out``, ``held_out_limit``); ``left_out`` says which rows could not be used and why,
    as JSON of phrases. Together with those on both sides these are all rows of the source;
    ``unread`` holds what the model does not see, as JSON of :class:`Unread`, and ``marked_bad``
    columns that mark rows as bad and are not heeded.
    """

    train: Path
    held_out: Path
    train_rows: int
    held_out_rows: int
    tokens: int
    learned_tokens: int
    longest: int
    cut_off_rows: int
    left_out_rows: int
    labels: tuple[str, ...]
    dropped: dict[str, int] = field(default_factory=dict)
    left_out: list[dict[str, Any]] = field(default_factory=list)
    unread: list[dict[str, Any]] = field(default_factory=list)
    marked_bad: list[str] = field(default_factory=list)


@dataclass
class _Totals:
    tokens: int = 0
    learned: int = 0
    longest: int = 0
    cut_off: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    unlearned: list[int] = field(default_factory=list)

    def drop(self, reason: str, rows: int = 1) -> None:
        self.dropped[reason] = self.dropped.get(reason, 0) + rows


def prepare(
    recipe: Recipe, tokenizer: Tokenizer, folder: Path, on_progress: ProgressFn
) -> Prepared:
    """Read, repair, render, split and tokenise the recipe's data; keep the result in *folder*.

    The files are named by the SHA-256 of their content, so a changed source can never reuse an
    old training. *on_progress* hears (rows done, rows in all), where the latter is an estimate
    at first; it may raise to stop. Raises :class:`InputError` for data that cannot be trained.
    """
    with rare_collections():
        return _prepare(recipe, Encoder(tokenizer), folder, on_progress)


def _prepare(recipe: Recipe, encoder: Encoder, folder: Path, on_progress: ProgressFn) -> Prepared:
    data, longest = recipe.rows, recipe.training.sequence_length
    main = _Reading(data, encoder, longest)
    second = _second_file(data, encoder, longest)
    surveyed = main.survey(lambda share, rows: on_progress(*_at(_FIRST_PASS * share, rows)))
    evaluation = second.survey(lambda _share, _rows: None, surveyed) if second else None
    decision = decide(data, surveyed, evaluation)
    rows = len(surveyed)
    folder.mkdir(parents=True, exist_ok=True)
    totals = _Totals(dropped=dict(decision.dropped))
    rated = data.rating is not None
    writer = functools.partial(SnapshotWriter, folder, pairs=data.rejected is not None, rated=rated)
    with writer("train") as train, writer("held-out") as held_out:
        limit = data.split.limit or rows + (len(evaluation) if evaluation is not None else 0)
        for batch, passed in main.again(decision):
            _write(batch, passed, decision, train, held_out, limit, longest, totals)
            share = _FIRST_PASS + (1 - _FIRST_PASS) * (batch.first + len(batch.rows)) / rows
            on_progress(*_at(share, rows))
        if second is not None and evaluation is not None:
            all_held = _all_held_out(evaluation)
            for reason, count in all_held.dropped.items():
                totals.drop(reason, count)
            for batch, passed in second.again(all_held):
                _write(batch, passed, all_held, train, held_out, limit, longest, totals)
        _enough(recipe, train.rows, held_out.rows)
        if rated:
            _both_kinds(data, train, held_out)
    on_progress(rows, rows)
    readings = [main, second] if second is not None else [main]
    assert train.path is not None and held_out.path is not None  # noqa: PT018
    prepared = Prepared(
        train=train.path,
        held_out=held_out.path,
        train_rows=train.rows,
        held_out_rows=held_out.rows,
        tokens=totals.tokens,
        learned_tokens=totals.learned,
        longest=totals.longest,
        cut_off_rows=totals.cut_off,
        left_out_rows=len(totals.unlearned) + sum(r.source.broken_count for r in readings),
        labels=_labels(surveyed, decision),
        dropped={reason: count for reason, count in totals.dropped.items() if count},
        left_out=[
            *(part for reading in readings for part in reading.unused()),
            *_unlearned(totals.unlearned),
        ],
        unread=[item.model_dump() for item in main.unread.found()],
        marked_bad=[mark.column for mark in main.unread.marked_bad()],
    )
    write_json(folder / MANIFEST, _manifest(recipe, encoder, prepared, main, second, rows))
    return prepared


def load_prepared(folder: Path) -> Prepared | None:
    """What :func:`prepare` left in *folder*; ``None`` if it is absent or does not match."""
    try:
        manifest = parse_json((folder / MANIFEST).read_text("utf-8"))
        train, held_out = folder / manifest["train"], folder / manifest["held_out"]
        if (
            file_sha256(train) != manifest["train_sha256"]
            or file_sha256(held_out) != manifest["held_out_sha256"]
        ):
            return None
        facts = {
            item.name: manifest[item.name]
            for item in fields(Prepared)
            if item.name in manifest or item.default_factory is MISSING
        }
        return Prepared(
            **facts | {"train": train, "held_out": held_out, "labels": tuple(manifest["labels"])}
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


class _Reading:
    """One source, read once to survey it and again to tokenise it."""

    def __init__(self, data: Data, encoder: Encoder, max_tokens: int) -> None:
        self.data = data
        self.source = RowSource(data)
        self._encoder = encoder
        self._max_tokens = max_tokens
        self._process: Process | None = None
        self.unread = UnreadTally(data)
        self.digest = ""
        # By their code: how many rows were skipped, the first of them, and why.
        self._skipped: dict[str, tuple[int, int, InputError]] = {}

    def survey(
        self, on_share: Callable[[float, int], None], like: Surveyed | None = None
    ) -> Surveyed:
        survey: Survey | None = None
        for batch in self.source.batches(hashed=True):
            if self._process is None or survey is None:
                columns = columns_of(batch.rows)
                check_columns(self.data, columns)
                self._process = Process(self.data, self._encoder, self._max_tokens, columns)
                survey = Survey(self._process, like=like)
            passed = self._process.render(batch.rows, batch.places)
            for at, item in enumerate(passed):
                if item.error is not None:
                    self._skip(item, batch.first + at)
                self._process.count_unread(item, self.unread, batch.first + at)
            survey.add(passed, held_out_part=batch.held_out)
            share = batch.done / batch.total if batch.total else 0.5
            on_share(share, round(survey.rows / share) if share else survey.rows)
        if survey is None:
            raise InputError("data.empty", source=self.data.source)
        assert self._process is not None
        self._process.edits.check_reach(survey.rows)
        surveyed = survey.finish()
        self.digest = _digest(self.source) or _content_digest(surveyed)
        return surveyed

    def _skip(self, item: Passed, place: int) -> None:
        """Count a row that cannot be used; raises its error unless it is to be skipped."""
        assert item.error is not None
        if item.dropped is None:
            raise item.error.placed(source=Path(self.data.source).name, row=place + 1)
        count, first, error = self._skipped.get(item.error.code, (0, place, item.error))
        self._skipped[item.error.code] = (count + 1, first, error)

    def unused(self) -> list[dict[str, Any]]:
        """Which lines and rows could not be used, and why, as JSON of phrases."""
        parts: dict[str, Phrase] = {}
        for line in self.source.broken:
            parts.setdefault(
                line.says.code,
                Phrase(
                    "data.unused",
                    variant="line",
                    rows=sum(other.says.code == line.says.code for other in self.source.broken),
                    file=line.file,
                    line=line.line,
                    reason=line.says,
                ),
            )
        found = list(parts.values())
        for count, first, error in self._skipped.values():
            found.append(Phrase("data.unused", rows=count, row=first + 1, reason=error))
        return [part.to_json() for part in found]

    def again(self, decision: Decision) -> Iterator[tuple[Batch, list[Passed]]]:
        """Batches with their kept rows tokenised; the others are passed over unrendered."""
        process = self._process
        assert process is not None
        waiting: deque[tuple[Batch, Future[list[Passed]]]] = deque()
        # The batch before is written while the next is tokenised.
        with ThreadPoolExecutor(1, thread_name_prefix="tokenise") as pool:
            for batch in self.source.batches(hashed=True):
                flags = decision.kept[batch.first : batch.first + len(batch.rows)]
                if len(flags) < len(batch.rows):
                    raise _changed(self.data)
                places = [at for at, keep in zip(batch.places, flags.tolist(), strict=True) if keep]
                rows = [batch.rows[at - batch.first] for at in places]
                waiting.append((batch, pool.submit(process.encode, process.render(rows, places))))
                while len(waiting) > _AHEAD:
                    before, future = waiting.popleft()
                    yield before, future.result()
            for before, future in waiting:
                yield before, future.result()
        if _digest(self.source) not in ("", self.digest):
            raise _changed(self.data)


def _second_file(data: Data, encoder: Encoder, longest: int) -> _Reading | None:
    other = held_out_part(data)
    return _Reading(other, encoder, longest) if other is not None else None


def _all_held_out(rows: Surveyed) -> Decision:
    """The second file's rows are held out, all that the row-wise repairs leave."""
    nothing = np.zeros(len(rows), np.bool_)
    return Decision(nothing, rows.states == USABLE, nothing, unusable(rows))


def _unlearned(places: Sequence[int]) -> list[dict[str, Any]]:
    """Rows whose answer lies behind the sequence length, or is empty."""
    if not places:
        return []
    first = Phrase("data.unused", variant="unlearned", rows=len(places), row=places[0] + 1)
    return [first.to_json()]


def _write(
    batch: Batch,
    passed: list[Passed],
    decision: Decision,
    train: SnapshotWriter,
    held_out: SnapshotWriter,
    limit: int,
    longest: int,
    totals: _Totals,
) -> None:
    kept = decision.kept[batch.first : batch.first + len(batch.rows)]
    places = (np.flatnonzero(kept) + batch.first).tolist()
    sides: tuple[tuple[list[int], list[Any]], ...] = (([], []), ([], []))
    for place, item in zip(places, passed, strict=True):
        if item.dropped is not None:
            totals.drop(item.dropped)
            continue
        example = item.example(longest)
        worse = example.rejected
        learned = [side.learned for side in (example, worse) if side is not None]
        # Of a pair whose sides are equal as far as they fit, nothing can be learned either.
        if not all(learned) or (worse is not None and worse.input_ids == example.input_ids):
            totals.unlearned.append(place)
            continue
        held = bool(decision.held_out[place])
        if held and held_out.rows + len(sides[1][0]) >= limit:
            totals.drop("held_out_limit")
            continue
        sides[held][0].append(place)
        sides[held][1].append(example)
        totals.tokens += example.tokens
        totals.learned += sum(learned)
        totals.longest = max(totals.longest, item.longest)
        totals.cut_off += item.longest > longest
    train.add(*sides[0])
    held_out.add(*sides[1])


def _at(share: float, rows: int) -> tuple[int, int]:
    return min(rows, int(share * rows)), rows


def _enough(recipe: Recipe, train: int, held_out: int) -> None:
    needed = recipe.training.batch_size
    if train < needed:
        raise InputError("data.too_few_rows", rows=train, batch=needed)
    if not held_out:
        raise InputError("data.nothing_held_out")


def _both_kinds(data: Data, train: SnapshotWriter, held_out: SnapshotWriter) -> None:
    """Good and bad answers are needed on both sides: to learn from, and to measure by."""
    for writer, side in ((train, ""), (held_out, "held_out")):
        if writer.good in (0, writer.rows):
            variant = side or ("good" if writer.good else "bad")
            raise InputError("data.one_rating", variant=variant, column=data.rating)


def _labels(rows: Surveyed, decision: Decision) -> tuple[str, ...]:
    if not are_labels(rows, decision.kept):
        return ()
    used = np.unique(rows.labels[decision.kept & (rows.labels >= 0)])
    return tuple(sorted(rows.label_names[place] for place in used.tolist()))


def _changed(data: Data) -> InputError:
    return InputError("data.changed", path=data.source)


def _digest(source: RowSource) -> str:
    """One digest for all files of a source, in their order; the file's own if there is one.
    Empty for a source that is not in files."""
    digests = list(source.sha256.values())
    if len(digests) <= 1:
        return "".join(digests)
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def _content_digest(rows: Surveyed) -> str:
    """A digest of what the rows say, where there are no files to take one of."""
    return hashlib.sha256(rows.prompts.tobytes() + rows.answers.tobytes()).hexdigest()


def _manifest(
    recipe: Recipe,
    encoder: Encoder,
    prepared: Prepared,
    main: _Reading,
    second: _Reading | None,
    rows: int,
) -> dict[str, Any]:
    data = recipe.rows
    manifest: dict[str, Any] = {
        "version": 1,
        "source": {
            "path": data.source,
            "sha256": main.digest,
            "rows": rows,
            "files": main.source.sha256,
            "broken_lines": main.source.broken_count,
        },
        "stop": {"text": encoder.stop.text, "id": encoder.stop.id},
        "repairs": [repair.model_dump(mode="json") for repair in data.repairs],
        "template": data.template.model_dump() if data.template else None,
        "messages": data.messages,
        "rejected": data.rejected,
        "rating": data.rating,
        "sequence_length": recipe.training.sequence_length,
        **{
            item.name: (value.name if isinstance(value, Path) else value)
            for item in fields(prepared)
            for value in [getattr(prepared, item.name)]
        },
        "train_sha256": file_sha256(prepared.train),
        "held_out_sha256": file_sha256(prepared.held_out),
    }
    if second is not None:
        manifest["evaluation"] = {"path": second.data.source, "sha256": second.digest}
    return manifest
