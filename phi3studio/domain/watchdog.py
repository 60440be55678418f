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


def stall(view: RunView, state: RunState, process: ProcessFacts, now: float) -> StallReason | None:
    """The reason why *view* has not changed, or ``None`` while it moves or rests."""
    if view.device == "azureml":
        # The work is done elsewhere, and following it is mostly waiting.
        return None
    if state == "interrupted" and not view.left:
        return "dead"
    if state == "queued" and view.waiting:
        return "queued" if view.start_at is None else None
    if state not in {"running", "queued"}:
        return None
    if view.last_event_at is None:
        return None
    quiet = now - view.last_event_at
    if quiet < QUIET_S:
        return None
    if process.swapped > 5e6:
        return "swapping"
    if process.cpu < 0.05:
        if process.received > 50e3:
            return "downloading"
        return "stuck" if quiet > STUCK_S else "busy"
    if view.stage == "prepare":
        return "tokenising"
    if view.stage in {"merge", "quantise"} or (view.stage == "train" and view.progress is None):
        return "compiling"
    return "busy"
