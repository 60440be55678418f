"""What a run reports: one JSON object a line in ``events.jsonl``.

Every event carries ``v`` (format version), ``seq`` (counts up over the run's whole life), ``t``
(seconds since the epoch, UTC) and ``type``. A reader ignores types it does not know and refuses
a version it does not know. Each attempt of a run begins with ``started`` and ends with exactly
one ``finished`` or ``paused``, or with neither when its process died.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from phi3studio.domain.errors import RunError

EVENT_VERSION = 1

StageName = Literal["prepare", "train", "merge", "quantise", "verify"]
STAGES: tuple[StageName, ...] = ("prepare", "train", "merge", "quantise", "verify")
ModelRole = Literal["base", "merged", "exported"]
Outcome = Literal["completed", "cancelled", "failed"]
NoticeLevel = Literal["info", "warning", "error"]


class Payload(BaseModel):
    """Base of every event's content."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Waiting(Payload):
    """Another run is using the machine; this one starts when its turn comes."""

    type: Literal["waiting"] = "waiting"
    ahead: int = 0


class Started(Payload):
    """An attempt begins; ``attempt`` counts from 1."""

    type: Literal["started"] = "started"
    attempt: int = 1
    pid: int = 0
    device: str = "cpu"
    threads: int = 0
    versions: dict[str, str] = Field(default_factory=dict)
    stages: tuple[StageName, ...] = STAGES


class Stage(Payload):
    """A stage begins. ``resumed`` when its work was found finished from an earlier attempt."""

    type: Literal["stage"] = "stage"
    name: StageName
    index: int
    count: int
    resumed: bool = False


class StageDone(Payload):
    """A stage is done and what it made is verified. Memory: bytes, highest so far."""

    type: Literal["stage_done"] = "stage_done"
    name: StageName
    seconds: float
    peak_memory: int = 0


class Progress(Payload):
    """How far the present stage is. ``memory`` in bytes, ``eta_s`` in seconds."""

    type: Literal["progress"] = "progress"
    step: int
    total: int
    activity: str | None = None
    loss: float | None = None
    eval_loss: float | None = None
    lr: float | None = None
    epoch: float | None = None
    tokens_per_s: float | None = None
    eta_s: float | None = None
    memory: int | None = None


class Notice(Payload):
    """Something worth telling; ``code`` is stable."""

    type: Literal["notice"] = "notice"
    level: NoticeLevel = "info"
    code: str
    text: str


class Artifact(Payload):
    """A verified result; ``path`` is relative to the run's folder."""

    type: Literal["artifact"] = "artifact"
    kind: str
    path: str
    bytes: int = 0


class Answer(Payload):
    """One sample answer of a model on a held-out row."""

    prompt: str
    expected: str
    text: str
    stopped: bool


class Metrics(Payload):
    """Figures of one model on the held-out rows.

    ``accuracy`` and ``stops`` are shares from 0 to 1: answers equal to the expected completion,
    and answers that ended by a stop token. ``perplexity`` is of the completions' tokens.
    """

    type: Literal["metrics"] = "metrics"
    model: ModelRole
    rows: int
    accuracy: float
    perplexity: float
    stops: float
    tokens_per_s: float | None = None
    load_s: float | None = None
    bytes: int | None = None
    samples: tuple[Answer, ...] = ()


class Paused(Payload):
    """The attempt ended on request, its work kept; the run can be resumed."""

    type: Literal["paused"] = "paused"


class Finished(Payload):
    """The attempt's last word."""

    type: Literal["finished"] = "finished"
    outcome: Outcome
    code: str | None = None
    message: str | None = None
    hint: str | None = None
    peak_memory: int = 0


AnyPayload = (
    Waiting
    | Started
    | Stage
    | StageDone
    | Progress
    | Notice
    | Artifact
    | Metrics
    | Paused
    | Finished
)
_PAYLOAD: TypeAdapter[AnyPayload] = TypeAdapter(Annotated[AnyPayload, Field(discriminator="type")])
_TYPES = frozenset(
    cls.model_fields["type"].default
    for cls in (
        Waiting,
        Started,
        Stage,
        StageDone,
        Progress,
        Notice,
        Artifact,
        Metrics,
        Paused,
        Finished,
    )
)


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
        data: Any = json.loads(line)
    except ValueError:
        return None
    if not isinstance(data, dict) or "type" not in data:
        return None
    if data.get("v") != EVENT_VERSION:
        raise RunError(
            "events.version",
            f"This run was written in event format {data.get('v')!r}; "
            f"this program reads format {EVENT_VERSION}.",
            "Open the run with the version of Phi-3 Studio that made it, or update this one.",
        )
    if not isinstance(data["type"], str) or data["type"] not in _TYPES:
        return None
    try:
        payload = _PAYLOAD.validate_python(data)
        return Event(seq=int(data["seq"]), t=float(data["t"]), payload=payload)
    except (ValueError, KeyError, TypeError):
        return None
