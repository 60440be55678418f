"""What a data set's columns are: kind, examples, gaps."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from phi3studio.domain.datasets.source_report import Column
from phi3studio.worker.data.checking.short_text import excerpt
from phi3studio.worker.data.meaning.message_turns import turns_of
from phi3studio.worker.data.meaning.transcripts import speaker
from phi3studio.worker.data.preparing.row_pipeline import Row, columns_of

_EXAMPLES = 3
MOST_COLUMNS = 200


def describe_columns(rows: Sequence[Row]) -> tuple[Column, ...]:
    """The columns of the first rows."""
    return tuple(_describe(name, rows) for name in columns_of(rows)[:MOST_COLUMNS])


def _describe(name: str, rows: Sequence[Row]) -> Column:
    values = [row.get(name) for row in rows]
    present = [value for value in values if value is not None and value != ""]
    kinds = {_kind(value) for value in present}
    kind = "empty" if not kinds else kinds.pop() if len(kinds) == 1 else "mixed"
    shown = [_text(value) for value in present]
    distinct = dict.fromkeys(shown)
    return Column(
        name=name,
        kind=kind,
        examples=tuple(excerpt(text, 80) for text in list(distinct)[:_EXAMPLES]),
        missing=len(values) - len(present),
        distinct=len(distinct),
    )


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "messages" if _begins_turns(value) and turns_of(value) else "text"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, Sequence):
        is_turns = bool(value) and isinstance(value[0], Mapping) and turns_of(value)
        return "messages" if is_turns else "list"
    return "object" if isinstance(value, Mapping) else "text"


def _begins_turns(text: str) -> bool:
    return text.startswith("[{") or speaker(text.lstrip()) is not None


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value[:1000]
    try:
        return json.dumps(value, ensure_ascii=False, default=str)[:1000]
    except (ValueError, RecursionError):
        return f"{type(value).__name__} (nested deeply)"
