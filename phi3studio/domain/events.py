"""What a run reports: one JSON object a line in ``events.jsonl``.

Every event carries ``v`` (format version), ``seq`` (counts up over the run's whole life), ``t``
(seconds since the epoch, UTC) and ``type``. A reader ignores types it does not know and refuses
a version it does not know. Each attempt of a run begins with ``started`` and ends with exactly
one ``finished`` or ``paused``, or with neither when its process died.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    model_serializer,
)

from phi3studio.domain.errors import RunError, UserFacingError
from phi3studio.domain.messages import Said, plain_values, say
from phi3studio.domain.parsing import finite_number

EVENT_VERSION = 1

StageName = Literal["prepare", "train", "merge", "quantise", "verify"]
STAGES: tuple[StageName, ...] = ("prepare", "train", "merge", "quantise", "verify")
ModelRole = Literal["base", "merged", "exported"]
ScoreName = Literal["accuracy", "token_f1"]
Outcome = Literal["completed", "cancelled", "failed"]
NoticeLevel = Literal["info", "warning", "error"]
MemoryCause = Literal["device", "host", "killed"]


class Payload(BaseModel):
    """Base of every event's content."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Worded(Payload):
    """What is said by a stable code and its values; text is made where somebody reads it.

    The texts that subclasses hold are those of records that older versions wrote.
    """

    variant: str = ""
    values: dict[str, Any] = Field(default_factory=dict)

    @model_serializer(mode="wrap")
    def _without_the_empty(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if value not in ("", {})}


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
    precision: str | None = None
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
    peak_device_memory: int = 0


class Recovery(Payload):
    """The memory did not suffice in ``stage``; from here on these settings are in force.

    ``cause``: ``device`` (the GPU's memory), ``host`` (an allocation failed) or ``killed`` (the
    system ended the worker). ``changed`` names the settings that are other than before.
    """

    type: Literal["recovery"] = "recovery"
    stage: StageName
    cause: MemoryCause
    changed: tuple[str, ...]
    batch_size: int
    accumulation: int
    gradient_checkpointing: bool
    sequence_length: int
    int4: str


class Estimated(Payload):
    """What the run was expected to take, per stage. Bytes (highest so far) and seconds.

    ``measured``: after a dry run, not from the recipe alone.
    """

    type: Literal["estimated"] = "estimated"
    memory: dict[str, int]
    seconds: dict[str, float]
    disk: int = 0
    device_memory: int = 0
    measured: bool = False


class Progress(Payload):
    """How far the present stage is. ``memory`` in bytes, ``eta_s`` in seconds; ``tokens``: trained
    since the attempt began."""

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
    tokens: int | None = None


class Notice(Worded):
    """Something worth knowing; :func:`notice` makes one."""

    type: Literal["notice"] = "notice"
    level: NoticeLevel = "info"
    code: str = Field(min_length=1)
    text: str = ""

    @property
    def recorded(self) -> Said:
        """The words of an older version."""
        return Said(self.text)

    def said(self, language: str = "en") -> Said:
        """What it says in a language."""
        return say(self, language)


def notice(
    code: str, /, *, level: NoticeLevel = "info", variant: str = "", **values: Any
) -> Notice:
    """A notice: a code of the message catalogue with its values."""
    return Notice(code=code, level=level, variant=variant, values=plain_values(values))


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


class Confusion(Payload):
    """How labels were answered: a row per expected label, a column per answered one, and a last
    column for every other answer. ``left_out`` counts rarer labels that have no row."""

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    left_out: int = 0


class Metrics(Payload):
    """Figures of one model on the held-out rows.

    ``accuracy`` and ``stops`` are shares from 0 to 1: answers equal to the expected completion,
    and answers that ended by a stop token; ``other_stops`` is the part of the latter that ended
    by another than the trained one. ``perplexity`` is of the completions' tokens. ``score`` is
    what the fidelity gate compares, called ``score_name``: the accuracy where the completions
    are labels, else the F1 of the words. Memory in bytes, of a process that only answers.
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
    other_stops: float = 0.0
    score: float | None = None
    score_name: ScoreName | None = None
    macro_f1: float | None = None
    token_f1: float | None = None
    rouge_l: float | None = None
    confusion: Confusion | None = None
    first_token_s: float | None = None
    peak_memory: int | None = None


class VerdictNote(Worded):
    """A part of a verdict: what was found, and what to try next; :func:`verdict_note` makes one."""

    code: str
    text: str = ""
    next: str = ""

    @property
    def recorded(self) -> Said:
        """The words of an older version."""
        return Said(self.text, self.next)

    def said(self, language: str = "en") -> Said:
        """What was found and what to try next, in a language."""
        return say(self, language)


def verdict_note(code: str, /, *, variant: str = "", **values: Any) -> VerdictNote:
    """A finding: a code of the message catalogue with its values."""
    return VerdictNote(code=code, variant=variant, values=plain_values(values))


class ParityExample(Payload):
    """Where the tokenizers first differ: the row (from 1), the text there and the ids of it."""

    row: int
    text: str
    training: tuple[int, ...]
    hugging_face: tuple[int, ...]
    genai: tuple[int, ...]


class ModelFigures(Payload):
    """One model in a verdict. Shares from 0 to 1, times in seconds, sizes in bytes."""

    perplexity: float
    score: float | None = None
    stops: float | None = None
    other_stops: float | None = None
    tokens_per_s: float | None = None
    first_token_s: float | None = None
    load_s: float | None = None
    bytes: int | None = None
    peak_memory: int | None = None


class Candidate(Payload):
    """One int4 preset that ``target.int4: auto`` tried. Size in bytes."""

    preset: str
    bytes: int
    faithful: bool
    points_lost: float | None = None
    perplexity: float | None = None
    kept: bool = False


class Verified(Payload):
    """The verdict of the fidelity gate: whether the exported model is the trained one.

    ``data`` is the file that was measured on; ``None`` for the run's own held-out rows.
    ``general`` when there are none and bundled general text stood in. ``reference`` is the model
    that the exported one is compared with. ``points_lost`` are points (percent) of the score with
    their 95 % interval. ``kl`` is the mean divergence of the next-token distributions in nats,
    ``agreement`` the top-1 agreement, both over ``positions``. ``measured`` is
    false where this machine could not run the model; then nothing is proven.
    """

    type: Literal["verified"] = "verified"
    faithful: bool
    measured: bool = True
    data: str | None = None
    general: bool = False
    rows: int = 0
    reference: ModelRole = "merged"
    models: dict[ModelRole, ModelFigures] = Field(default_factory=dict)
    score_name: ScoreName | None = None
    points_lost: float | None = None
    interval: tuple[float, float] | None = None
    kl: float | None = None
    agreement: float | None = None
    positions: int = 0
    stop: str = ""
    stop_listed: bool | None = None
    parity: float | None = None
    parity_example: ParityExample | None = None
    limits: dict[str, float] = Field(default_factory=dict)
    reasons: tuple[VerdictNote, ...] = ()
    remarks: tuple[VerdictNote, ...] = ()
    candidates: tuple[Candidate, ...] = ()

    @property
    def word(self) -> Literal["faithful", "not faithful", "not proven"]:
        """The verdict in a word or two."""
        if not self.measured:
            return "not proven"
        return "faithful" if self.faithful else "not faithful"


class Paused(Payload):
    """The attempt ended on request, its work kept; the run can be resumed.

    ``left``: nobody asked for a pause, the session ended (logout, shutdown).
    """

    type: Literal["paused"] = "paused"
    left: bool | None = None


class Finished(Worded):
    """The attempt's last event. What failed is an :attr:`error`."""

    type: Literal["finished"] = "finished"
    outcome: Outcome
    code: str | None = None
    message: str | None = None
    hint: str | None = None
    peak_memory: int = 0

    @classmethod
    def failed(cls, error: UserFacingError, peak_memory: int = 0) -> Self:
        """The end of an attempt that *error* ended."""
        return cls(
            outcome="failed",
            code=error.code,
            variant=error.variant,
            values=error.values,
            message=error.recorded.message or None,
            hint=error.recorded.hint or None,
            peak_memory=peak_memory,
        )

    @property
    def error(self) -> UserFacingError | None:
        """What went wrong; ``None`` where nothing did."""
        if self.outcome != "failed":
            return None
        return UserFacingError.from_json(self.model_dump())


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
        Recovery,
        Estimated,
        Progress,
        Notice,
        Artifact,
        Metrics,
        Verified,
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
