"""What a check of all rows found: statistics, findings and the repairs they offer.

Row numbers count from 0 over all files of a source, in their order.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from phi3studio.domain.datasets.report_part import ReportPart, SpokenPart
from phi3studio.domain.datasets.source_report import Broken
from phi3studio.domain.messages import Phrase, say
from phi3studio.domain.rows.repairs import Repair, is_safe

Level = Literal["error", "warning", "info"]


class Bin(ReportPart):
    """Rows whose number of tokens is at least ``lower`` and below ``upper``."""

    lower: int
    upper: int
    rows: int


class LabelCount(ReportPart):
    """How many rows have a label."""

    label: str
    rows: int


class Statistics(ReportPart):
    """Figures of the rows that remain after repairs. Lengths in tokens, before cutting off.

    ``rows`` counts the rows read, ``kept`` those that remain; ``steps_per_epoch`` are optimiser
    steps over the training rows; ``labels`` is empty unless the completion is a label. Of *pairs*
    the lengths are those of the longer sides, and the trained tokens those of both.
    """

    rows: int
    kept: int
    train_rows: int
    held_out_rows: int
    tokens: int
    trained_tokens: int
    shortest: int
    median: int
    p95: int
    longest: int
    histogram: tuple[Bin, ...]
    cut_off_rows: int
    cut_off_share: float
    steps_per_epoch: int
    labels: tuple[LabelCount, ...] = ()
    pairs: bool = False


class FindingRow(ReportPart):
    """A row that shows a finding; ``other`` is the row it collides with, if there is one.

    ``says`` is the text where a part of it is ours: a length, what is wrong with the line.
    """

    row: int
    text: str
    other: int | None = None
    says: Phrase | None = None


class RepairOffer(SpokenPart):
    """A repair that can be chosen."""

    ENGLISH = ("title",)
    repair: Repair

    @property
    def title(self) -> str:
        """What choosing it does, in a few words of English."""
        return str(self.repair.says)


class Finding(SpokenPart):
    """Something about the data that harms the result; :func:`finding` makes one.

    ``code`` is stable; ``rows`` counts the rows concerned, ``examples`` shows the first of them and
    ``places`` are the first thousand.
    ``unread`` are names that ``data.ignore`` can take to say that the finding is known.
    """

    ENGLISH = ("title", "advice")
    code: str
    level: Level
    says: Phrase
    rows: int
    examples: tuple[FindingRow, ...] = ()
    places: tuple[int, ...] = ()
    repairs: tuple[RepairOffer, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What was found, in English."""
        return say(self.says).message

    @property
    def advice(self) -> str:
        """What it does to the result and what to do about it, in English."""
        return say(self.says).hint


def finding(
    says: Phrase,
    /,
    level: Level,
    rows: int,
    *repairs: Repair,
    about: str = "",
    examples: Iterable[FindingRow] = (),
    places: Iterable[int] = (),
    unread: Iterable[str] = (),
) -> Finding:
    """A finding, of a message ``finding.CODE``. *about*: which one of several with this code."""
    code = says.code.removeprefix("finding.")
    return Finding(
        code=f"{code}:{about}" if about else code,
        level=level,
        says=says,
        rows=rows,
        examples=tuple(examples),
        places=tuple(places),
        repairs=tuple(RepairOffer(repair=repair) for repair in repairs),
        unread=tuple(unread),
    )


class CheckProgress(ReportPart):
    """How far a check is: ``done`` of ``total`` bytes (or rows, where there are no bytes)."""

    done: int
    total: int
    rows: int


class Report(ReportPart):
    """All statistics and findings of a data set."""

    statistics: Statistics
    findings: tuple[Finding, ...]
    broken: tuple[Broken, ...] = ()
    broken_lines: int = 0
    seconds: float = 0.0

    @property
    def safe_repairs(self) -> tuple[Repair, ...]:
        """One repair for each finding that has one about which there is nothing to decide."""
        found: list[Repair] = []
        for finding in self.findings:
            safe = [offer.repair for offer in finding.repairs if is_safe(offer.repair)]
            found += [repair for repair in safe[:1] if repair not in found]
        return tuple(found)
