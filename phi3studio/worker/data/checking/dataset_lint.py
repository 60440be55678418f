"""Findings that take the whole data set to see: duplicates, contradictions, leaks, labels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from phi3studio.domain.datasets.check_report import Finding, FindingRow, Level, finding
from phi3studio.domain.messages import Phrase
from phi3studio.domain.recipe import Data
from phi3studio.domain.rows.repairs import (
    DropContradictions,
    DropDuplicates,
    DropLeaked,
    DropRareLabels,
    MergeLabels,
    Repair,
)
from phi3studio.worker.data.checking.row_lint import PLACES, SHOWN
from phi3studio.worker.data.preparing.decide import (
    NEARLY_SAME,
    Decision,
    Flags,
    alike,
    are_labels,
    contradicting,
    later_duplicates,
)
from phi3studio.worker.data.preparing.near_duplicates import first_of_equal
from phi3studio.worker.data.preparing.survey import Surveyed

_UNBALANCED = 10
_UNEVEN = 1.5
_MANY_LABELS = 200
_NUMBER = re.compile(r"[-+−]?[\d.,]*\d%?")


@dataclass(frozen=True)
class Pending:
    """A finding whose examples are known by number only; the texts are read afterwards."""

    finding: Finding
    places: tuple[int, ...]
    others: tuple[int | None, ...]

    def with_texts(self, texts: Mapping[int, str]) -> Finding:
        rows = tuple(
            FindingRow(row=place, text=texts.get(place, ""), other=other)
            for place, other in zip(self.places, self.others, strict=True)
        )
        return self.finding.model_copy(update={"examples": rows})


def whole_findings(
    data: Data, rows: Surveyed, decision: Decision, label_column: str | None
) -> list[Pending]:
    """All findings over the rows that the repairs so far leave."""
    kept = decision.kept
    found = [
        *_contradictions(data, rows, kept),
        *_duplicates(rows, kept),
        *_leaks(data, rows, decision),
        *_ratings(data, rows, kept),
    ]
    if label_column is not None and are_labels(rows, kept):
        found += _labels(rows, kept, label_column)
    return found


def _pending(
    says: Phrase, level: Level, which: Flags, others: Any, *repairs: Repair
) -> list[Pending]:
    count = int(which.sum())
    if not count:
        return []
    places = np.flatnonzero(which)[:SHOWN].tolist()
    pointed = [int(others[place]) if others is not None else None for place in places]
    return [
        Pending(
            finding(says, level, count, *repairs, places=np.flatnonzero(which)[:PLACES].tolist()),
            tuple(places),
            tuple(None if at == place else at for at, place in zip(pointed, places, strict=True)),
        )
    ]


def _first_with_equal(keys: Any, kept: Flags) -> Any:
    """For each row the first kept one with an equal key; itself for the others."""
    result = np.arange(len(keys))
    places = np.flatnonzero(kept)
    result[places] = places[first_of_equal(keys[places])] if len(places) else places
    return result


def _contradictions(data: Data, rows: Surveyed, kept: Flags) -> list[Pending]:
    which = contradicting(rows, kept)
    kind = "rated" if data.rating is not None else "pairs" if data.rejected is not None else ""
    return _pending(
        Phrase("finding.contradictions", variant=kind),
        "warning",
        which,
        _first_with_equal(rows.disputed, kept) if which.any() else None,
        DropContradictions(keep="majority"),
        DropContradictions(keep="none"),
    )


def _duplicates(rows: Surveyed, kept: Flags) -> list[Pending]:
    exact = later_duplicates(rows, kept)
    near_to = alike(rows, kept, NEARLY_SAME, same_label=True)
    near = kept & ~exact & (near_to != np.arange(len(rows)))
    # A row with an equal prompt and another answer is a contradiction, not a near duplicate.
    near &= _first_with_equal(rows.prompts, kept) == np.arange(len(rows))
    same, nearly = Phrase("finding.duplicates"), Phrase("finding.near_duplicates")
    return [
        *_pending(same, "warning", exact, _first_with_equal(rows.disputed, kept), DropDuplicates()),
        *_pending(nearly, "info", near, near_to, DropDuplicates(near=True)),
    ]


def _leaks(data: Data, rows: Surveyed, decision: Decision) -> list[Pending]:
    if any(isinstance(repair, DropLeaked) for repair in data.repairs):
        return []
    return _pending(Phrase("finding.leaked"), "warning", decision.leaked, None, DropLeaked())


def _ratings(data: Data, rows: Surveyed, kept: Flags) -> list[Pending]:
    """Answers that are all rated alike, or many more of one kind than of the other."""
    if data.rating is None or not kept.any():
        return []
    good, bad = (int((kept & (rows.ratings == kind)).sum()) for kind in (1, 0))
    if not good or not bad:
        says = Phrase("finding.one_rating", variant="good" if good else "bad", column=data.rating)
        return _pending(says, "error", kept, None)
    few, ratio = ("good", bad / good) if good < bad else ("bad", good / bad)
    if ratio < _UNEVEN:
        return []
    says = Phrase("finding.uneven_ratings", variant=few, good=good, bad=bad, weight=ratio)
    return _pending(says, "info", kept & (rows.ratings == int(few == "good")), None)


def _labels(rows: Surveyed, kept: Flags, column: str) -> list[Pending]:
    labels = np.where(kept, rows.labels, -1)
    counts = np.bincount(labels[labels >= 0], minlength=len(rows.label_names))
    names = rows.label_names
    used = [place for place in np.flatnonzero(counts).tolist() if names[place].strip()]
    merged = _spellings({names[place]: int(counts[place]) for place in used})
    variants = np.isin(labels, [place for place in used if names[place] in merged])
    spellings = [
        Phrase("finding.spelling", found=old, used=new) for old, new in list(merged.items())[:6]
    ]
    found = _pending(
        Phrase("finding.label_variants", spellings=spellings),
        "warning",
        variants,
        None,
        MergeLabels(column=column, labels=merged),
    )
    once = [place for place in used if counts[place] == 1 and names[place] not in merged]
    rare = np.isin(labels, once)
    repair = DropRareLabels(fewer_than=2)
    found += _pending(Phrase("finding.rare_labels"), "warning", rare, None, repair)
    if len(used) == 1:
        says = Phrase("finding.one_label", label=names[used[0]])
        found += _pending(says, "warning", labels == used[0], None)
    elif 1 < len(used) <= _MANY_LABELS:
        most, least = max(used, key=counts.__getitem__), min(used, key=counts.__getitem__)
        if counts[most] >= _UNBALANCED * counts[least]:
            says = Phrase(
                "finding.unbalanced_labels",
                most=names[most],
                most_rows=int(counts[most]),
                least=names[least],
                least_rows=int(counts[least]),
            )
            found += _pending(says, "info", labels == least, None)
    return found


def _spellings(counts: Mapping[str, int]) -> dict[str, str]:
    """Spelling → the most frequent spelling of the same label, where they differ."""
    groups: dict[str, list[str]] = {}
    for name in counts:
        # A spreadsheet or a library has made some numbers decimal ones.
        plain = re.sub(r"^([-+]?\d+)\.0+$", r"\1", name.strip(" \t\n\r\"'").casefold())
        # Signs and points make other numbers, a sign at the end another grade: “-1”, “1.5”, “A-”.
        if not _NUMBER.fullmatch(plain):
            plain = re.sub(r"(?<=\w)[\s._-]+(?=\w)", " ", plain).strip(" .!_")
        groups.setdefault(plain, []).append(name)
    merged: dict[str, str] = {}
    for key, names in groups.items():
        if len(names) > 1 and key:
            # Among equally frequent ones the tidiest: no outer space, then the first.
            best = max(names, key=lambda name: (counts[name], name == name.strip()))
            merged |= {name: best.strip() for name in names if name != best.strip()}
    return merged
