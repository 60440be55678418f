"""What a run reports: one JSON object a line in ``events.jsonl``.

Every event carries ``v`` (format version), ``seq`` (counts up over the run's whole life), ``t``
(seconds since the epoch, UTC) and ``type``. A reader ignores types it does not know and refuses
a version it does not know. Each attempt of a run begins with ``started`` and ends with exactly
one ``finished`` or ``paused``, or with neither when its process died.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from phi3studio.domain.errors import RunError
from phi3studio.domain.events.measured_events import Forgetting, Metrics, Proof, Verified
from phi3studio.domain.events.run_events import (
    Artifact,
    Estimated,
    Finished,
    Notice,
    Paused,
    Progress,
    Recovery,
    Stage,
    StageDone,
    Started,
    Waiting,
)
from phi3studio.domain.parsing import finite_number

EVENT_VERSION = 1


AnyPayload = (
    Waiting
    | Started
    | Stage
    | StageDone
    | Recovery
    | Estimated
    | Progress
    | Notice
    | Artifact
    | Metrics
    | Verified
    | Forgetting
    | Proof
    | Paused
    | Finished
)
_PAYLOAD: TypeAdapter[AnyPayload] = TypeAdapter(Annotated[AnyPayload, Field(discriminator="type")])
_TYPES = frozenset(payload.model_fields["type"].default for payload in get_args(AnyPayload))


class Event(BaseModel):
    """One line of ``events.jsonl``."""

    model_config = ConfigDict(frozen=True)

    seq: int
    t: float
    payload: AnyPayload = Field(discriminator="type")

    def to_line(self) -> str:
        """One line of JSON without its newline, always valid UTF-8; absent values are left out."""
        head = {"v": EVENT_VERSION, "seq": self.seq, "t": round(self.t, 3)}
        body = self.payload.model_dump(mode="json", exclude_none=True)
        line = json.dumps(head | body, ensure_ascii=False, allow_nan=False)
        # Lone surrogates (file names in another encoding) become JSON's own escapes.
        return line.encode("utf-8", "backslashreplace").decode("utf-8")


def parse_event(line: str | bytes) -> Event | None:
    """Read one line; ``None`` for an unknown type or a line that is no event.

    Raises :class:`RunError` for an unknown version: its meaning could have changed.
    """
    try:
        data: Any = _DECODER.decode(line.decode("utf-8") if isinstance(line, bytes) else line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or "type" not in data:
        return None
    if data.get("v") != EVENT_VERSION:
        raise RunError("events.version", version=repr(data.get("v"))[:40], known=EVENT_VERSION)
    if not isinstance(data["type"], str) or data["type"] not in _TYPES:
        return None
    try:
        if not _has_plain_names(data):
            return None
        payload = _PAYLOAD.validate_python(data)
        event = Event(seq=int(data["seq"]), t=float(data["t"]), payload=payload)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    sane = 0 <= event.t < _END_OF_TIME and 0 <= event.seq < 10**_MOST_DIGITS
    return event if sane else None


def _has_plain_names(value: Any) -> bool:
    """Whether no name of a field holds half a surrogate: nobody could write that down again."""
    if isinstance(value, dict):
        whole = not any(_HALF.search(name) for name in value)
        return whole and all(map(_has_plain_names, value.values()))
    return not isinstance(value, list) or all(map(_has_plain_names, value))


def _sane_integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(digits[:_MOST_DIGITS])
    return int(digits)


# No counter, size or time of a run is larger; what is would break sums and dates far from here.
_MOST_DIGITS = 19
_END_OF_TIME = 1e11
_HALF = re.compile("[\ud800-\udfff]")
_DECODER = json.JSONDecoder(
    parse_int=_sane_integer, parse_float=finite_number, parse_constant=finite_number
)
