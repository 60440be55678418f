"""Which rows are trained, held out or left out, decided over the whole data set at once.

Pure functions over the numbers of a :class:`Surveyed`; check and training decide by them alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from phi3studio.domain.recipe import Data
from phi3studio.domain.rows.repairs import DropContradictions, DropDuplicates, DropRareLabels
from phi3studio.domain.rows.row_edits import ROW_EDITS
from phi3studio.worker.data.preparing.near_duplicates import first_of_equal, groups, link
from phi3studio.worker.data.preparing.split import held_out_rows
from phi3studio.worker.data.preparing.survey import USABLE, Surveyed

Flags = npt.NDArray[np.bool_]

# Reported as nearly the same; kept on one side of the split even when somewhat less alike.
NEARLY_SAME = 0.8
SAME_SIDE = 0.7
_LARGE_GROUP = 10
_MOST_LABELS = 1000
_FEW = 10
_LONG_LABEL = 60  # characters, on average


@dataclass(frozen=True)
class Decision:
    """One flag a row: ``train`` and ``held_out`` exclude each other, ``kept`` is either.

    ``dropped`` counts the rows that each reason left out. ``leaked`` are rows left out of
    training because a held-out row has the same or nearly the same prompt. ``parted`` counts rows
    of a group of nearly equal prompts that was too large to stay on one side.
    """

    train: Flags
    held_out: Flags
    leaked: Flags
    dropped: dict[str, int] = field(default_factory=dict)
    parted: int = 0

    @property
    def kept(self) -> Flags:
        return self.train | self.held_out


def decide(data: Data, rows: Surveyed, evaluation: Surveyed | None = None) -> Decision:
    """Apply the repairs that look at the whole data set, then split.

    *evaluation* are the rows of the split's second file, if there is one; the decision is then
    about *rows* alone, of which none is held out.
    """
    kept = rows.states == USABLE
    dropped = unusable(rows)

    def drop(reason: str, which: Flags) -> None:
        nonlocal kept
        which = which & kept
        if which.any():
            dropped[reason] = dropped.get(reason, 0) + int(which.sum())
            kept = kept & ~which

    for repair in data.repairs:
        if isinstance(repair, DropDuplicates):
            drop("drop_duplicates", later_duplicates(rows, kept, near=repair.near))
    for repair in data.repairs:
        if isinstance(repair, DropContradictions):
            drop("drop_contradictions", contradicting(rows, kept, repair.keep == "majority"))
    for repair in data.repairs:
        if isinstance(repair, DropRareLabels):
            drop("drop_rare_labels", rare_labels(rows, kept, repair.fewer_than))
    nothing: Flags = np.zeros(len(rows), np.bool_)
    if evaluation is not None:
        drop("other_held_out", rows.marked)  # a validation part, where another file is measured on
        leaked = kept & shared_with(rows, evaluation)
        drop("leaked", leaked)
        return Decision(kept, nothing, leaked, dropped)
    together = alike(rows, kept, SAME_SIDE)
    if data.split.column is not None or rows.marked.any():
        held_out = kept & rows.marked
        leaked = kept & ~rows.marked & np.isin(together, together[held_out])
        drop("leaked", leaked)
        return Decision(kept & ~held_out, held_out, leaked, dropped)
    held_out = np.zeros(len(rows), np.bool_)
    places = np.flatnonzero(kept)
    labels = stratum_labels(data, rows, kept)
    sides, parted = _part_large_groups(together[places], rows.prompts[places], data.split.held_out)
    held_out[places] = held_out_rows(
        sides,
        labels[places] if labels is not None else None,
        data.split.held_out,
        data.split.seed,
    )
    return Decision(kept & ~held_out, held_out, nothing, dropped, parted)


def unusable(rows: Surveyed) -> dict[str, int]:
    """How many rows each reason leaves out by looking at one row alone."""
    counts = np.bincount(rows.states, minlength=len(rows.reasons)).tolist()
    return {
        reason: counts[place]
        for place, reason in enumerate(rows.reasons)
        if place != USABLE and counts[place]
    }


def _part_large_groups(
    together: npt.NDArray[np.int64], prompts: npt.NDArray[np.uint64], share: float
) -> tuple[npt.NDArray[np.int64], int]:
    """Groups that would fill more than half of a side: only equal prompts stay together in them."""
    _, inverse, sizes = np.unique(together, return_inverse=True, return_counts=True)
    large = sizes > max(_LARGE_GROUP, share * len(together) / 2)
    parted = large[inverse]
    return np.where(parted, first_of_equal(prompts), together), int(parted.sum())


def held_out_source(data: Data, file: str) -> Data:
    """The data section that reads the split's second file as the first is read."""
    format = "auto" if data.format == "hub" else data.format
    # Edits of rows belong to the first file's.
    repairs = [repair for repair in data.repairs if not isinstance(repair, ROW_EDITS)]
    changes = {"source": file, "also": [], "format": format, "repairs": repairs, "slice": None}
    return data.model_copy(update=changes)


def held_out_part(data: Data) -> Data | None:
    """The data section of the rows that are held out, unless they are drawn from the others."""
    split = data.split
    if split.file is None and split.hub_split is None and split.slice is None:
        return None
    other = held_out_source(data, split.file or data.source)
    changes: dict[str, Any] = {"slice": split.slice}
    if split.file is None:
        changes |= {"also": data.also, "format": data.format}
    if split.hub_split is not None:
        changes["hub_split"] = split.hub_split
    return other.model_copy(update=changes)


def stratum_labels(data: Data, rows: Surveyed, kept: Flags) -> npt.NDArray[np.int32] | None:
    """The ratings or labels to stratify by; ``None`` where the completions are neither rated nor
    labels."""
    if data.split.stratify and data.rating is not None:
        rated: npt.NDArray[np.int32] = rows.ratings
        return rated
    if not data.split.stratify or not are_labels(rows, kept):
        return None
    result: npt.NDArray[np.int32] = rows.labels
    return result


def are_labels(rows: Surveyed, kept: Flags) -> bool:
    """Whether the completions repeat as labels do: on average at least twice, few in number. Long
    answers that occur twice are none."""
    labels = rows.labels[kept]
    labels = labels[labels >= 0]
    used = np.unique(labels).tolist()
    count = len(used)
    if not 0 < count * 2 <= len(labels) or count > _MOST_LABELS:
        return False
    return count < _FEW or sum(len(rows.label_names[at]) for at in used) <= _LONG_LABEL * count


def later_duplicates(rows: Surveyed, kept: Flags, *, near: bool = False) -> Flags:
    """Rows that repeat an earlier one: prompt and answer, or nearly the prompt with *near*."""
    result: Flags = np.zeros(len(rows), np.bool_)
    places = np.flatnonzero(kept)
    if near:
        first = alike(rows, kept, NEARLY_SAME, same_label=True)[places]
        result[places] = first != places
    with np.errstate(over="ignore"):
        keys = rows.prompts[places] * np.uint64(0x9E3779B97F4A7C15) ^ rows.answers[places]
    result[places] |= first_of_equal(keys) != np.arange(len(places))
    return result


def contradicting(rows: Surveyed, kept: Flags, keep_majority: bool = False) -> Flags:
    """Rows whose prompt has other answers too, pairs that occur swapped too, answers that are rated
    otherwise too; with *keep_majority*
    without those that have the most frequent answer (the earlier one, where two are equally
    frequent)."""
    result: Flags = np.zeros(len(rows), np.bool_)
    places = np.flatnonzero(kept)
    if not len(places):
        return result
    _, prompt = np.unique(rows.disputed[places], return_inverse=True)
    _, answer = np.unique(rows.answers[places], return_inverse=True)
    pairs = prompt.astype(np.int64) * (int(answer.max()) + 1) + answer
    _, first, pair, times = np.unique(
        pairs, return_index=True, return_inverse=True, return_counts=True
    )
    answers_of = np.bincount(prompt[first], minlength=int(prompt.max()) + 1)
    several = answers_of[prompt] > 1
    if keep_majority:
        # By prompt, then most frequent, then earliest: the first of each prompt wins.
        order = np.lexsort((first, -times, prompt[first]))
        ranked = prompt[first][order]
        best = order[np.concatenate(([True], ranked[1:] != ranked[:-1]))]
        winners = np.zeros(len(first), np.bool_)
        winners[best] = True
        several &= ~winners[pair]
    result[places] = several
    return result


def rare_labels(rows: Surveyed, kept: Flags, fewer_than: int) -> Flags:
    """Rows with a label that occurs fewer than so many times."""
    result: Flags = np.zeros(len(rows), np.bool_)
    has = kept & (rows.labels >= 0)
    if has.any():
        counts = np.bincount(rows.labels[has])
        result[has] = counts[rows.labels[has]] < fewer_than
    return result


def alike(
    rows: Surveyed, kept: Flags, least: float, *, same_label: bool = False
) -> npt.NDArray[np.int64]:
    """For each row the first row that its prompt is equal or nearly equal to (often itself).

    With *same_label* rows of different answers, where these are labels, are never alike.
    """
    places = np.flatnonzero(kept)
    if not len(places):
        return np.arange(len(rows), dtype=np.int64)
    keys = rows.prompts[places]
    if same_label and are_labels(rows, kept):
        with np.errstate(over="ignore"):
            keys = keys * np.uint64(0x9E3779B97F4A7C15) ^ rows.answers[places]
    equal = first_of_equal(keys)
    # Only the first of equal rows is compared by its signature.
    alone: Flags = np.zeros(len(rows), np.bool_)
    alone[places] = equal == np.arange(len(places))
    alone &= rows.worded
    near = groups(rows.signatures, alone, least, split_by=rows.labels if same_label else None)
    return np.asarray(link(near, places[equal], places), np.int64)


def shared_with(rows: Surveyed, other: Surveyed) -> Flags:
    """Rows whose prompt is equal or nearly equal to a usable one of *other*."""
    usable = other.states == USABLE
    equal = np.isin(rows.prompts, other.prompts[usable])
    marks = np.concatenate((rows.signatures, other.signatures[usable]))
    worded = np.concatenate((rows.worded, other.worded[usable]))
    near = groups(marks, worded, SAME_SIDE)
    reached = np.isin(near[: len(rows)], near[len(rows) :])
    result: Flags = equal | (reached & rows.worded)
    return result
