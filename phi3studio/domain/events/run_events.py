"""The course of a run: its attempts, stages, progress, notices, results and end."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field

from phi3studio.domain.errors import UserFacingError
from phi3studio.domain.events.payload import (
    STAGES,
    Doing,
    MemoryCause,
    NoticeLevel,
    Outcome,
    Payload,
    StageName,
    Worded,
)
from phi3studio.domain.messages import Said, plain_values, say


class Waiting(Payload):
    """Another run is using the machine, or the time has not come; this one starts when its turn
    comes, and not before ``start_at`` (seconds since the epoch)."""

    type: Literal["waiting"] = "waiting"
    ahead: int = 0
    start_at: float | None = None


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
    since the attempt began. ``doing`` and ``export``: what a search for an export does, and with
    which one; absent in the events of older versions."""

    type: Literal["progress"] = "progress"
    step: int
    total: int
    activity: str | None = None
    doing: Doing | None = None
    export: int | None = None
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
