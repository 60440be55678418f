"""Findings about what the rows hold and the model does not see."""

from __future__ import annotations

from collections.abc import Sequence

from phi3studio.domain.datasets.check_report import Finding, FindingRow, finding
from phi3studio.domain.datasets.source_report import Unread
from phi3studio.domain.messages import Phrase
from phi3studio.domain.rows.repairs import DropMarked
from phi3studio.worker.data.meaning.unread_parts import Marked, UnreadTally

_SINGLY = 12


def unread_findings(tally: UnreadTally) -> list[Finding]:
    """One finding for each thing that may be missed, one for all details together."""
    marked = tally.marked_bad()
    found = [_marked(mark) for mark in marked]
    unread = [item for item in tally.found() if item.name not in {m.name for m in marked}]
    untrained = [item for item in unread if item.kind == "untrained"]
    missed = [item for item in unread if item.is_missed]
    found += map(_missed, [*missed[:_SINGLY], *untrained])
    details = [*missed[_SINGLY:], *(i for i in unread if i.detail and i not in untrained)]
    return [*map(_odd, tally.odd_columns()), *found, *_details(details)]


def _odd(item: tuple[str, str]) -> Finding:
    column, kind = item
    says = Phrase("finding.odd_column", variant=kind, column=column)
    return finding(says, "warning", 0, unread=(column,))


def _marked(mark: Marked) -> Finding:
    return finding(
        Phrase("finding.marked_bad", column=mark.column, values=mark.values),
        "warning",
        mark.rows,
        DropMarked(column=mark.column, values=mark.values),
        unread=(mark.name,),
    )


def _missed(item: Unread) -> Finding:
    return finding(
        Phrase("finding.unread", variant=item.kind, what=item.what, name=item.name),
        "info" if item.detail else "warning",
        item.rows,
        about=item.name,
        examples=[FindingRow(row=item.first, text=item.example)] if item.example else (),
        unread=(item.name,),
    )


def _details(items: Sequence[Unread]) -> list[Finding]:
    if not items:
        return []
    names = [item.name for item in items]
    says = Phrase("finding.unread_details", names=[*names[:20], *["…"] * (len(names) > 20)])
    return [finding(says, "info", max(item.rows for item in items), unread=names)]
