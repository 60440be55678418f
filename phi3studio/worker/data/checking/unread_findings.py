"""Findings about what the rows hold and the model does not see."""

from __future__ import annotations

from collections.abc import Sequence

from phi3studio.domain.dataset import (
    DropMarked,
    Finding,
    FindingRow,
    RepairOffer,
    Unread,
)
from phi3studio.worker.data.meaning.unread_parts import Marked, UnreadTally

_SINGLY = 12


def unread_findings(tally: UnreadTally) -> list[Finding]:
    """One finding for each thing that may be missed, one for all details together."""
    marked = tally.marked_bad()
    found = [_marked(mark) for mark in marked]
    unread = [item for item in tally.found() if item.name not in {m.column for m in marked}]
    missed = [item for item in unread if not item.detail]
    found += [_missed(item) for item in missed[:_SINGLY]]
    details = [*missed[_SINGLY:], *(item for item in unread if item.detail)]
    return [*map(_odd, tally.odd_columns()), *found, *_details(details)]


def _odd(item: tuple[str, str]) -> Finding:
    column, kind = item
    what = {"identifier": "identifiers", "time": "dates or times", "address": "addresses"}[kind]
    return Finding(
        code="odd_column",
        level="warning",
        title=f"“{column}” in the template holds {what}",
        advice="A model can neither learn from them nor learn to guess them: choose the column "
        "that is meant.",
        rows=0,
        unread=(column,),
    )


def _marked(mark: Marked) -> Finding:
    column, listed = mark.column, " or ".join(mark.values)
    return Finding(
        code="marked_bad",
        level="warning",
        title=f"“{column}” marks rows as bad ({listed}), and they are trained as good ones",
        advice="The model would learn what somebody has rejected.",
        rows=mark.rows,
        repairs=(
            RepairOffer(
                title=f"Leave rows out whose {column} is {listed}",
                repair=DropMarked(column=column, values=mark.values),
            ),
        ),
        unread=(column,),
    )


def _missed(item: Unread) -> Finding:
    return Finding(
        code=f"unread:{item.name}",
        level="warning",
        title=f"Not seen by the model: {item.words}",
        advice=_ADVICE.get(item.kind, "Use it in the template, or ignore it knowingly.")
        + f" To ignore it, write data.ignore: [{item.name}].",
        rows=item.rows,
        examples=(FindingRow(row=item.first, text=item.example),) if item.example else (),
        unread=(item.name,),
    )


_ADVICE = {
    "key": "Chat templates have no place for it.",
    "role": "The model's chat template does not know this role: rename it, or drop the turns.",
    "turn": "Correct these turns, or drop the rows.",
    "tools": "The model's chat template shows no tools or calls, or they are not valid JSON. "
    "Choose a model that was trained to call tools.",
    "picture": "The model is trained on the text alone. Answers about a picture that it does not "
    "see teach it to invent.",
}


def _details(items: Sequence[Unread]) -> list[Finding]:
    if not items:
        return []
    names = ", ".join(item.name for item in items[:20]) + (" …" if len(items) > 20 else "")
    return [
        Finding(
            code="unread_details",
            level="info",
            title=f"Not used: {names}",
            advice="Identifiers, dates, numbers, constants and the like do not reach the model.",
            rows=max(item.rows for item in items),
            unread=tuple(item.name for item in items),
        )
    ]
