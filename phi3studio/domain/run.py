"""The state of a run, folded from its events.

There is no status file: :func:`fold` turns events into a :class:`RunView`, and the caller adds
the two facts that events cannot hold, whether the process is alive and which markers exist.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from phi3studio.domain.errors import UserFacingError
from phi3studio.domain.events.event_line import Event
from phi3studio.domain.events.measured_events import Forgetting, Metrics, Proof, Verified
from phi3studio.domain.events.payload import STAGES, ModelRole, StageName
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
from phi3studio.domain.messages import Phrase

RunState = Literal[
    "queued", "running", "paused", "completed", "failed", "cancelled", "interrupted", "damaged"
]
LIVE_STATES: frozenset[RunState] = frozenset({"queued", "running"})


def state_phrase(state: RunState) -> Phrase:
    """The state for the value of a message: ``{state:message}``."""
    return Phrase("run.state", variant=state)


@dataclass(frozen=True)
class Curve:
    """Points (optimiser step, value), in the order of the steps."""

    points: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True)
class RunView:
    """All that can be shown of a run. Times in seconds, memory in bytes."""

    attempt: int = 0
    started_at: float | None = None
    ended_at: float | None = None
    last_event_at: float | None = None
    last_seq: int = 0
    device: str | None = None
    precision: str | None = None
    versions: dict[str, str] = field(default_factory=dict)
    waiting: bool = False
    ahead: int = 0
    start_at: float | None = None
    """The time before which a waiting run does not begin."""
    stage: StageName | None = None
    stage_at: float | None = None
    """When the present stage began."""
    stage_index: int = 0
    stage_count: int = 0
    stages: tuple[StageName, ...] = STAGES
    progress: Progress | None = None
    finished: Finished | None = None
    paused: bool = False
    damage: UserFacingError | None = None
    """Why the folder cannot be read."""
    left: bool = False
    """Whether the last attempt ended with the session, its work kept."""
    timings: dict[str, float] = field(default_factory=dict)
    peak_memory: int = 0
    metrics: dict[ModelRole, Metrics] = field(default_factory=dict)
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
    verdict: Verified | None = None
    """Of the fidelity gate, on the run's own held-out rows."""
    checks: tuple[Verified, ...] = ()
    """Verdicts on other files, in the order they were asked for."""
    proofs: dict[str, Proof] = field(default_factory=dict)
    """Of the run's model in other formats, by kind."""
    forgetting: Forgetting | None = None
    recoveries: tuple[Recovery, ...] = ()
    estimated: Estimated | None = None
    stage_memory: dict[str, int] = field(default_factory=dict)
    device_memory: int = 0

    @property
    def formats(self) -> dict[str, Verified]:
        """The verdict on the model in each format that was measured, by the format's name."""
        found = {"ONNX": self.verdict} if self.verdict is not None else {}
        return found | {f"GGUF {kind}": self.proofs[kind].verdict for kind in sorted(self.proofs)}

    def state(self, *, alive: bool, cancel_requested: bool = False) -> RunState:
        """The run's state, given whether its process lives and the cancel marker exists."""
        if self.finished is not None:
            return self.finished.outcome
        if self.damage is not None and not alive:
            return "damaged"
        if alive:
            return "queued" if self.waiting or self.attempt == 0 else "running"
        if cancel_requested:
            return "cancelled"
        return "paused" if self.paused else "interrupted"


def fold(events: Iterable[Event], view: RunView | None = None) -> RunView:
    """Apply *events* to *view*; the order of the events is the order of the file."""
    result = view or RunView()
    for event in events:
        result = _apply(result, event)
    return result


def _apply(view: RunView, event: Event) -> RunView:
    view = replace(view, last_event_at=event.t, last_seq=event.seq)
    match event.payload:
        case Waiting(ahead=ahead, start_at=start_at):
            return replace(
                view,
                waiting=True,
                ahead=ahead,
                start_at=start_at,
                finished=None,
                paused=False,
                left=False,
                ended_at=None,
            )
        case Started() as p:
            return replace(
                view,
                attempt=p.attempt,
                started_at=view.started_at or event.t,
                ended_at=None,
                waiting=False,
                device=p.device,
                precision=p.precision or view.precision,
                versions=p.versions,
                stages=p.stages,
                finished=None,
                paused=False,
                left=False,
                progress=None,
            )
        case Stage() as p:
            return replace(
                view,
                stage=p.name,
                stage_at=event.t,
                stage_index=p.index,
                stage_count=p.count,
                progress=None,
            )
        case StageDone() as p:
            spent = view.timings.get(p.name, 0.0) + p.seconds
            return replace(
                view,
                timings=view.timings | {p.name: spent},
                peak_memory=max(view.peak_memory, p.peak_memory),
                stage_memory=view.stage_memory
                | {p.name: max(p.peak_memory, view.stage_memory.get(p.name, 0))},
                device_memory=max(view.device_memory, p.peak_device_memory),
            )
        case Recovery() as p:
            return replace(view, recoveries=(*view.recoveries, p))
        case Estimated() as p:
            return replace(view, estimated=p)
        case Progress() as p:
            return replace(view, progress=p, peak_memory=max(view.peak_memory, p.memory or 0))
        case Notice() as p:
            return replace(view, notices=(*view.notices, p))
        case Artifact() as p:
            return replace(view, artifacts=view.artifacts | {p.kind: p})
        case Metrics() as p:
            return replace(view, metrics=view.metrics | {p.model: p})
        case Verified() as p:
            if p.data is not None:
                return replace(view, checks=(*view.checks, p))
            return replace(view, verdict=p)
        case Forgetting() as p:
            return replace(view, forgetting=p)
        case Proof() as p:
            return replace(view, proofs=view.proofs | {p.kind: p})
        case Paused(left=left):
            return replace(view, paused=not left, left=bool(left), ended_at=event.t, progress=None)
        case finished:
            return replace(
                view,
                finished=finished,
                ended_at=event.t,
                peak_memory=max(view.peak_memory, finished.peak_memory),
            )


@dataclass(frozen=True)
class Curves:
    """The training's course, for drawing."""

    loss: Curve = Curve()
    eval_loss: Curve = Curve()
    learning_rate: Curve = Curve()
    tokens_per_s: Curve = Curve()
    memory: Curve = Curve()


def fold_curves(events: Iterable[Event], curves: Curves | None = None) -> Curves:
    """Collect the curves of the train stage from progress events.

    Steps that a resumed run repeats replace the old ones.
    """
    before = curves or Curves()
    points = {name: list(getattr(before, name).points) for name in _CURVES}
    for event in events:
        match event.payload:
            case Progress(loss=None, eval_loss=None):
                continue
            case Progress() as p:
                for name, source in _CURVES.items():
                    value = getattr(p, source)
                    if value is not None:
                        _append(points[name], p.step, float(value))
    return Curves(**{name: Curve(tuple(found)) for name, found in points.items()})


# Curve → the field of a progress event that it shows.
_CURVES = {
    "loss": "loss",
    "eval_loss": "eval_loss",
    "learning_rate": "lr",
    "tokens_per_s": "tokens_per_s",
    "memory": "memory",
}


def _append(points: list[tuple[int, float]], step: int, value: float) -> None:
    while points and points[-1][0] >= step:
        points.pop()
    points.append((step, value))
