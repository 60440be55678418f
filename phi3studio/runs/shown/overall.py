"""How far a whole run is, over all its stages, and how long the rest of it takes."""

from __future__ import annotations

from dataclasses import dataclass

from phi3studio.domain.events.payload import ModelRole
from phi3studio.domain.run import RunView

_USUAL_S: dict[str, float] = {
    "prepare": 5.0, "train": 180.0, "merge": 10.0, "quantise": 60.0, "verify": 60.0,
}  # fmt: skip
"""The stages' share of a run whose estimate is not there yet."""
_OVERRUN = 0.15
"""A stage that takes longer than estimated is taken to need this share of its time more."""
_MOST = 0.99
# Verify measures them one after the other, and counts the rows of each.
_MEASURED: tuple[ModelRole, ...] = ("base", "start", "merged", "exported")


@dataclass(frozen=True)
class Overall:
    """``share`` of the work from 0 to 1; ``left_s``: seconds, ``None`` while nobody can know."""

    share: float = 0.0
    left_s: float | None = None


def overall(view: RunView, now: float, before: Overall | None = None) -> Overall:
    """How far the run is at the time *now*. Never less than *before*, the last answer."""
    least = before.share if before is not None else 0.0
    if view.finished is not None and view.finished.outcome == "completed":
        return Overall(1.0, 0.0)
    if view.stage not in view.stages:
        return Overall(least)
    expected: dict[str, float] = {
        **_USUAL_S,
        **(view.estimated.seconds if view.estimated is not None else {}),
    }
    at = view.stages.index(view.stage)
    done = sum(view.timings.get(name, expected[name]) for name in view.stages[:at])
    spent, left = _stage(view, expected[view.stage], now)
    rest = left + sum(expected[name] for name in view.stages[at + 1 :])
    share = (done + spent) / max(1e-9, done + spent + rest)
    known = view.estimated is not None or at == len(view.stages) - 1
    return Overall(min(_MOST, max(least, share)), rest if known else None)


def _stage(view: RunView, expected: float, now: float) -> tuple[float, float]:
    """Seconds that the present stage has taken, by its present pace, and what it still needs."""
    elapsed = max(0.0, now - (view.stage_at if view.stage_at is not None else now))
    progress = view.progress
    counted = _counted(view)
    if progress is None or counted is None:
        return elapsed, max(expected - elapsed, _OVERRUN * elapsed)
    if progress.eta_s is not None:
        left = max(0.0, progress.eta_s - (now - (view.last_event_at or now)))
    elif view.stage == "train":
        # Of a resumed training most steps were done before.
        left = expected * (1 - counted)
    else:
        left = elapsed * (1 - counted) / counted
    if view.stage == "quantise":
        # What is counted is the calibration; the model is built after it.
        return elapsed, max(left, expected - elapsed, _OVERRUN * elapsed)
    return left * counted / (1 - counted) if counted < 1 else elapsed, left


def _counted(view: RunView) -> float | None:
    """The share of the stage that is done, where its steps are counted."""
    progress = view.progress
    if progress is None or progress.total <= 0 or progress.step <= 0:
        return None
    share = min(1.0, progress.step / progress.total)
    if view.stage != "verify":
        return share
    now = (progress.activity or "").removeprefix("measuring the ").removesuffix(" model")
    # Only a training that goes on from an adapter has a start.
    starts = now == "start" or "start" in view.metrics
    roles = [role for role in _MEASURED if starts or role != "start"]
    return (roles.index(now) + share) / len(roles) if now in roles else None
