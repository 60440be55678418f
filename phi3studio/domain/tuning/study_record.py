"""What is written down of a training search, and what its trials' events say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from phi3studio.domain.events.event_line import Event
from phi3studio.domain.events.payload import Payload
from phi3studio.domain.events.run_events import Finished, Paused, Progress, Started, Waiting
from phi3studio.domain.tuning.trial_space import Settings, rungs

STUDY_VERSION = 1
WHOLE = 3
"""The last rung: the training is whole. Rung 1 is a ninth of it, rung 2 a third."""


class Trial(Payload):
    """One training. ``run`` is its folder's name; ``until``: the rung that it is to reach,
    ``reached``: the one that it has; ``failure``: why it was passed over."""

    number: int
    settings: Settings
    run: str
    until: int = 1
    reached: int = 0
    failure: dict[str, Any] | None = None


class Study(Payload):
    """A training search. ``winner``: the trial that was best on the rows that choose; where that
    is not the preset, ``measured`` and ``checked`` are the runs that measure the two on the others.
    ``finished``: the run of the recipe's other steps."""

    version: int = STUDY_VERSION
    name: str
    recipe: dict[str, Any]
    budget_s: float
    preset: Settings
    seed: int = 0
    state: Literal["open", "done", "cancelled"] = "open"
    trials: tuple[Trial, ...] = ()
    winner: int | None = None
    measured: str | None = None
    checked: str | None = None
    finished: str | None = None

    def with_trial(self, changed: Trial) -> Study:
        """The study with a trial replaced or added."""
        trials = {trial.number: trial for trial in self.trials} | {changed.number: changed}
        return self.model_copy(update={"trials": tuple(trials[at] for at in sorted(trials))})


@dataclass(frozen=True)
class Course:
    """How a trial's training went. ``seconds``: its processes', without waiting for the machine;
    ``training_s``: those in which ``trained`` steps were made; ``losses``: held out, by step."""

    seconds: float = 0.0
    training_s: float = 0.0
    trained: int = 0
    attempts: int = 0
    total: int = 0
    losses: dict[int, float] = field(default_factory=dict)

    def loss(self, rung: int) -> float | None:
        """The held-out loss at a rung; of a whole training the best, whose adapter is kept."""
        if rung == WHOLE:
            return min(self.losses.values(), default=None)
        return self.losses.get(rungs(self.total)[rung - 1])

    @property
    def start_s(self) -> float:
        """What an attempt takes beside the steps."""
        return (self.seconds - self.training_s) / max(1, self.attempts)

    @property
    def step_s(self) -> float:
        """Seconds of a step, the evaluations counted in."""
        return self.training_s / max(1, self.trained)


def course_of(events: Iterable[Event]) -> Course:
    """What a trial's events say of its training."""
    seconds = training = 0.0
    trained = attempts = total = 0
    losses: dict[int, float] = {}
    begun: float | None = None  # the time of the event before, while an attempt works
    last: tuple[float, int] | None = None  # time and step of the progress before
    for event in events:
        payload = event.payload
        if isinstance(payload, Waiting):
            begun = None  # what a killed attempt left unsaid
        elif isinstance(payload, Started):
            attempts += 1
            begun, last = event.t, None
        if begun is None:
            continue
        seconds += event.t - begun
        begun = None if isinstance(payload, Finished | Paused) else event.t
        if not isinstance(payload, Progress) or payload.activity not in ("training", "evaluating"):
            continue
        if last is not None:
            training += event.t - last[0]
            trained += payload.step - last[1]
        last = (event.t, payload.step)
        total = payload.total
        if payload.eval_loss is not None:
            losses[payload.step] = payload.eval_loss
    return Course(seconds, training, trained, attempts, total, losses)
