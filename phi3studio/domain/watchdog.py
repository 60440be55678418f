"""Why a run seems to stand still: a pure judgement from events and the worker's process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from phi3studio.domain.run import RunState, RunView

StallReason = Literal[
    "dead", "queued", "downloading", "tokenising", "compiling", "swapping", "busy", "stuck"
]

# Quiet for this long is worth a word; the longest honest silence of a small model is shorter.
QUIET_S = 8.0
STUCK_S = 120.0


@dataclass(frozen=True)
class ProcessFacts:
    """What the system says of the worker. ``cpu`` in cores; ``swapped`` and ``received`` in
    bytes per second (the whole machine's swap traffic, the network's incoming traffic)."""

    alive: bool
    cpu: float = 0.0
    swapped: float = 0.0
    received: float = 0.0


@dataclass(frozen=True)
class Stall:
    """The likely reason, and for how long nothing was reported."""

    reason: StallReason
    quiet_s: float


def stall(view: RunView, state: RunState, process: ProcessFacts, now: float) -> Stall | None:
    """The reason why *view* has not changed, or ``None`` while it moves or rests."""
    if view.device == "azureml":
        # The work is done elsewhere, and following it is mostly waiting.
        return None
    if state == "interrupted":
        return Stall("dead", max(0.0, now - (view.last_event_at or now)))
    if state == "queued" and view.waiting:
        return Stall("queued", 0.0)
    if state not in {"running", "queued"}:
        return None
    if view.last_event_at is None:
        return None
    quiet = now - view.last_event_at
    if quiet < QUIET_S:
        return None
    if process.swapped > 5e6:
        return Stall("swapping", quiet)
    if process.cpu < 0.05:
        if process.received > 50e3:
            return Stall("downloading", quiet)
        return Stall("stuck" if quiet > STUCK_S else "busy", quiet)
    if view.stage == "prepare":
        return Stall("tokenising", quiet)
    if view.stage in {"merge", "quantise"} or (view.stage == "train" and view.progress is None):
        return Stall("compiling", quiet)
    return Stall("busy", quiet)
