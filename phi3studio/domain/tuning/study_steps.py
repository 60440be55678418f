"""What a training search does next, and what it takes in the end.

Successive halving without waiting: of the trials that came to a ninth (or a third) of their steps,
the best third goes on; where none is to go on, another one begins, if there is time to end it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from phi3studio.domain.messages import Phrase
from phi3studio.domain.tuning.study_record import WHOLE, Course, Study, Trial
from phi3studio.domain.tuning.trial_space import Settings, rungs

Courses = Mapping[int, Course]

_GO_ON = 3
_MOST_TRIALS = 200
_WIDER = 1.5
"""How many times as long a step of more modules may take, before one was measured."""
_AS_GOOD = 0.01
"""A loss that is lower by no more than this share is no better."""


@dataclass(frozen=True)
class Move:
    """Train the trial of that number until a rung. *settings* of one that begins."""

    number: int
    rung: int
    settings: Settings | None = None


def next_move(study: Study, courses: Courses, proposal: Settings) -> Move | None:
    """The next training; ``None`` where the rest of the budget is enough for none.

    *proposal*: the settings of a trial that would begin now.
    """
    live = [trial for trial in study.trials if trial.failure is None]
    for trial in live:
        if trial.until > trial.reached:
            return Move(trial.number, trial.until)  # it was interrupted
    if not study.trials:
        return Move(0, WHOLE, study.preset)
    left = time_left(study, courses)
    for rung in (2, 1):
        found = _by_loss(live, courses, rung)
        for trial in found[: len(found) // _GO_ON]:
            if trial.reached == rung and _rest(courses[trial.number], rung, rung + 1) <= left:
                return Move(trial.number, rung + 1)
    few = len(study.trials) < _MOST_TRIALS
    if few and expected_seconds(study, courses, proposal) <= left:
        return Move(len(study.trials), 1, proposal)
    for rung in (2, 1):
        # Those that are better than the preset was there.
        for trial in takewhile(lambda trial: trial.number, _by_loss(live, courses, rung)):
            if trial.reached == rung and _rest(courses[trial.number], rung, WHOLE) <= left:
                return Move(trial.number, WHOLE)
    return None


def time_left(study: Study, courses: Courses) -> float:
    """Seconds of the budget that are left."""
    return study.budget_s - sum(course.seconds for course in courses.values())


def expected_seconds(study: Study, courses: Courses, settings: Settings) -> float:
    """What a whole trial of *settings* takes, from what those before took."""
    first = courses[0]
    rows = first.total * study.preset.rows_a_step * settings.epochs / study.preset.epochs
    alike = [
        courses[trial.number].step_s / trial.settings.rows_a_step
        for trial in study.trials
        if trial.settings.target_modules == settings.target_modules
        and courses[trial.number].trained
    ]
    a_row = first.step_s / study.preset.rows_a_step * _WIDER if not alike else max(alike)
    return rows * a_row + WHOLE * first.start_s


def best_trial(study: Study, courses: Courses) -> Trial:
    """The whole trial with the lowest loss; the preset's unless another one is clearly better."""
    whole = _by_loss([t for t in study.trials if t.failure is None], courses, WHOLE)
    best, preset = whole[0], study.trials[0]
    ours = courses[best.number].loss(WHOLE) or 0.0
    theirs = courses[0].loss(WHOLE) or 0.0
    return best if ours < theirs * (1 - _AS_GOOD) else preset


def taken(winner: int, ours: float | None, preset: float | None) -> int:
    """The trial whose model is taken: the winner, but where the preset is as good on the rows that
    chose nothing. *ours*, *preset*: nats a token there, if measured."""
    as_good = ours is not None and preset is not None and ours >= preset * (1 - _AS_GOOD)
    return 0 if as_good else winner


def verdict(winner: int, ours: float | None, preset: float | None) -> Phrase:
    """What came of it, in words; see :func:`taken`."""
    if winner == 0:
        return Phrase("study.verdict", variant="preset")
    if ours is None or preset is None:
        return Phrase("study.verdict", variant="unmeasured", number=winner)
    variant = "" if taken(winner, ours, preset) else "as_good"
    return Phrase("study.verdict", variant=variant, number=winner, ours=ours, preset=preset)


def _by_loss(trials: Sequence[Trial], courses: Courses, rung: int) -> list[Trial]:
    """Those that came so far, the best first."""
    losses = {t.number: courses[t.number].loss(rung) for t in trials if t.reached >= rung}
    known = {number: loss for number, loss in losses.items() if loss is not None}
    return sorted((t for t in trials if t.number in known), key=lambda t: known[t.number])


def _rest(course: Course, rung: int, until: int) -> float:
    """Seconds from one rung to another."""
    steps = rungs(course.total)
    return (steps[until - 1] - steps[rung - 1]) * course.step_s + course.start_s
