"""A training search at work: one trial after the other, each a run of its own.

What is next is decided in :mod:`phi3studio.domain.tuning`; the record is written before and after
each training, so a search that was killed goes on with the trial it was at.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Sequence
from typing import Protocol

from phi3studio.domain.errors import InputError, RunError, UserFacingError
from phi3studio.domain.events.event_line import Event
from phi3studio.domain.events.run_events import Estimated
from phi3studio.domain.messages import Phrase
from phi3studio.domain.recipe import Recipe, parse_recipe
from phi3studio.domain.run import RunState
from phi3studio.domain.tuning.study_record import WHOLE, Course, Study, Trial, course_of
from phi3studio.domain.tuning.study_steps import (
    Courses,
    Move,
    best_trial,
    next_move,
    taken,
    time_left,
    verdict,
)
from phi3studio.domain.tuning.trial_space import Settings, as_trial
from phi3studio.runs import launch
from phi3studio.runs.continuing import finish_run
from phi3studio.runs.follow import Follower
from phi3studio.runs.store import RunFolder, RunStore
from phi3studio.runs.studies.study_file import StudyFile, StudyStore
from phi3studio.runs.studies.trial_mark import TrialMark, read_mark, write_mark
from phi3studio.services.trial_proposals import propose

_POLL_S = 0.1
_GRACE_S = 60.0
_TRIES = 3
"""Starts of a trial whose worker was killed, before it is passed over."""


class Listener(Protocol):
    """Hears what the search does."""

    def on_trial(self, trial: Trial, left_s: float) -> None:
        """A trial is trained until its rung."""

    def on_run(self, run: RunFolder, purpose: str) -> None:
        """The winner and the preset are compared, or what was taken is finished."""

    def on_event(self, event: Event) -> None:
        """A run of the search reports."""


class Paused(Exception):  # noqa: N818 - no error
    """The run that was worked on was paused."""


def check_can_tune(recipe: Recipe) -> None:
    """Raise :class:`InputError` for a recipe whose training cannot be searched."""
    if recipe.data is None:
        raise InputError("study.not_for", variant="data")
    if "train" not in recipe.steps:
        raise InputError("study.not_for", variant="steps")
    if recipe.method.objective != "sft":
        raise InputError("study.not_for", variant="objective", objective=recipe.method.objective)
    if recipe.target.train_on == "azureml":
        raise InputError("study.not_for", variant="azure")
    if recipe.data.format == "hub":
        raise InputError("study.not_for", variant="hub")


def courses_of(store: RunStore, study: Study) -> Courses:
    """How all trials went; nothing of those whose folder is gone."""
    found: dict[int, Course] = {}
    for trial in study.trials:
        run = RunFolder(store.home.runs / trial.run)
        found[trial.number] = course_of(run.events()) if run.events_file.is_file() else Course()
    return found


def outcome(store: RunStore, study: Study) -> Phrase | None:
    """What came of a search; ``None`` while it goes on."""
    if study.winner is None:
        return None
    return verdict(study.winner, *_reported(store, study))


def taken_trial(store: RunStore, study: Study) -> int | None:
    """The number of the trial whose model is taken; ``None`` while the search goes on."""
    return None if study.winner is None else taken(study.winner, *_reported(store, study))


def _reported(store: RunStore, study: Study) -> tuple[float | None, float | None]:
    return _merged_nll(store, study.measured), _merged_nll(store, study.checked)


class TrainingSearch:
    """Works on one search until its end. Blocking."""

    def __init__(self, store: RunStore, file: StudyFile, listener: Listener) -> None:
        self._store = store
        self._file = file
        self._listener = listener
        self._study = file.read()
        self._recipe = parse_recipe(self._study.recipe)
        self._tries: dict[int, int] = {}
        self._current: RunFolder | None = None

    def work(self) -> None:
        """Go on to the end. Raises :class:`Paused` where a run of it was paused, and what makes a
        search impossible."""
        with self._file.held():
            self._study = self._file.read()
            self._remove_strays()
            while self._study.winner is None:
                self._check_first()
                courses = self._courses()
                proposal = propose(self._study, courses) if courses else self._study.preset
                move = next_move(self._study, courses, proposal)
                if move is None:
                    self._keep(winner=best_trial(self._study, courses).number)
                else:
                    self._train(move)
            self._finish(self._study.winner)
            self._tidy()
            self._keep(state="done")

    def pause(self) -> None:
        """Let the present run keep its work and end."""
        run = self._current
        if run is None:
            return
        launch.request_pause(run)
        limit = time.monotonic() + _GRACE_S
        while run.alive() and time.monotonic() < limit:
            launch.reap()
            time.sleep(_POLL_S)

    def cancel(self) -> None:
        """Stop for good; figures and whole adapters stay."""
        study = self._study
        for name in (*(trial.run for trial in study.trials), *_ends(study)):
            run = RunFolder(self._store.home.runs / (name or ""))
            if name is not None and run.alive():
                launch.cancel(run)
        with self._file.held():
            self._study = self._file.read()
            self._tidy()
            self._keep(state="cancelled")

    # --- trials ------------------------------------------------------------------------------

    def _train(self, move: Move) -> None:
        trial = self._trial(move)
        run = self._run_of(trial)
        if not run.recipe_file.is_file():
            self._fail(trial, RunError("study.trial_gone", run=trial.run))
            return
        write_mark(run, TrialMark(study=self._study.name, until=move.rung))
        self._listener.on_trial(trial, time_left(self._study, self._courses()))
        state = self._follow(run)
        reached = state == "completed" or (
            state == "paused" and course_of(run.events()).loss(move.rung) is not None
        )
        if reached:
            at = WHOLE if state == "completed" else move.rung
            self._add(trial.model_copy(update={"reached": at}))
        elif state == "paused" or (state == "interrupted" and run.view().left):
            raise Paused
        elif state == "interrupted":
            tries = self._tries[trial.number] = self._tries.get(trial.number, 1) + 1
            if tries > _TRIES:
                self._fail(trial, RunError("study.trial_killed", run=run.name, times=_TRIES))
        elif state == "cancelled":
            self._fail(trial, RunError("study.trial_cancelled", run=run.name))
        else:
            finished = run.view().finished
            error = finished.error if finished is not None else None
            said = RunError("study.trial_killed", run=run.name, times=1)
            self._fail(trial, error if isinstance(error, UserFacingError) else said)

    def _trial(self, move: Move) -> Trial:
        """The trial of a move, made where it begins."""
        if move.settings is None:
            trial = next(item for item in self._study.trials if item.number == move.number)
            trial = trial.model_copy(update={"until": move.rung})
        else:
            run = self._make(move.number, move.settings)
            trial = Trial(number=move.number, settings=move.settings, run=run.name, until=move.rung)
        self._add(trial)
        return trial

    def _make(self, number: int, settings: Settings) -> RunFolder:
        run = self._store.create(as_trial(self._recipe, settings, number))
        write_mark(run, TrialMark(study=self._study.name))
        if number:
            self._share_data(run)
        return run

    def _share_data(self, run: RunFolder) -> None:
        """The rows are prepared once."""
        data = self._run_of(self._study.trials[0]).data
        if data.is_dir():
            shutil.copytree(data, run.data)

    def _fail(self, trial: Trial, error: UserFacingError) -> None:
        self._add(trial.model_copy(update={"failure": error.to_json()}))
        if trial.number == 0:
            # What stops the preset's training stops the others as well.
            self._tidy()
            self._keep(state="cancelled")
            raise error

    # --- the end -----------------------------------------------------------------------------

    def _finish(self, winner: int) -> None:
        steps = [step for step in self._recipe.steps if step != "train"]
        if not steps:
            return
        if winner and "verify" in steps:
            for key, number in (("measured", winner), ("checked", 0)):
                self._work_on(key, number, ["merge", "verify"], "comparing")
        chosen = taken_trial(self._store, self._study)
        assert chosen is not None  # There is a winner.
        self._work_on("finished", chosen, steps, "finishing")

    def _work_on(self, key: str, number: int, steps: Sequence[str], purpose: str) -> None:
        """Export and measure the model of a trial, in a run whose name is kept under *key*."""
        name = getattr(self._study, key)
        if name is None:
            source = self._run_of(self._study.trials[number])
            run = finish_run(self._store, source, self._recipe, steps)
            write_mark(run, TrialMark(study=self._study.name, part="reporting"))
            self._share_data(run)
            self._keep(**{key: run.name})
        else:
            run = RunFolder(self._store.home.runs / name)
        self._listener.on_run(run, purpose)
        state = self._follow(run)
        if state == "completed":
            return
        if state in ("paused", "interrupted"):
            raise Paused
        finished = run.view().finished
        if finished is not None and finished.error is not None:
            raise finished.error
        raise RunError("study.trial_cancelled", run=run.name)

    def _tidy(self) -> None:
        """Drop what only a training that goes on needs."""
        for trial in self._study.trials:
            run = self._run_of(trial)
            if run.alive() or not run.recipe_file.is_file():
                continue
            if run.state() in ("paused", "interrupted"):
                launch.cancel(run)
            for folder in (run.checkpoints, run.work, run.data):
                shutil.rmtree(folder, ignore_errors=True)

    # --- shared ------------------------------------------------------------------------------

    def _follow(self, run: RunFolder) -> RunState:
        """Start the run, or go on with it, and hear it to its end."""
        state = run.state()
        if state == "completed":
            return state
        self._current = run
        follower = Follower(run, from_end=True)
        if not run.alive():
            if run.events_file.is_file() and state in launch.RESUMABLE:
                launch.resume(run)
            else:
                launch.start(run)
        while True:
            alive = run.alive()
            for event in follower.read():
                if isinstance(event.payload, Estimated) and not self._fits(event.payload):
                    self._refuse(run, event.payload)
                self._listener.on_event(event)
            if not alive:
                break
            launch.reap()
            time.sleep(_POLL_S)
        self._current = None
        return run.state()

    def _fits(self, expected: Estimated) -> bool:
        """Whether the first trial can be trained within the budget."""
        first = len(self._study.trials) == 1 and self._study.winner is None
        return not first or _training_s(expected) <= self._study.budget_s

    def _refuse(self, run: RunFolder, expected: Estimated) -> None:
        launch.cancel(run)
        self._store.delete(run)
        StudyStore.delete(self._file)
        needed = _training_s(expected)
        raise InputError("study.too_short", needed=needed, budget=self._study.budget_s)

    def _remove_strays(self) -> None:
        """Runs that were made just before a kill, and that the record does not know."""
        known = {trial.run for trial in self._study.trials}
        known |= {name for name in _ends(self._study) if name}
        for run in self._store.all():
            mark = read_mark(run) if run.trial_file.is_file() else None
            if mark is not None and mark.study == self._study.name and run.name not in known:
                self._store.delete(run)

    def _check_first(self) -> None:
        """Nothing can be compared without the preset's training."""
        for trial in self._study.trials[:1]:
            if not self._run_of(trial).recipe_file.is_file():
                raise RunError("study.trial_gone", run=trial.run)

    def _run_of(self, trial: Trial) -> RunFolder:
        return RunFolder(self._store.home.runs / trial.run)

    def _courses(self) -> Courses:
        return courses_of(self._store, self._study)

    def _add(self, trial: Trial) -> None:
        self._study = self._study.with_trial(trial)
        self._file.write(self._study)

    def _keep(self, **changes: object) -> None:
        self._study = self._study.model_copy(update=changes)
        self._file.write(self._study)


def _ends(study: Study) -> tuple[str | None, ...]:
    return study.measured, study.checked, study.finished


def _training_s(expected: Estimated) -> float:
    return sum(expected.seconds.get(stage, 0.0) for stage in ("prepare", "train"))


def _merged_nll(store: RunStore, name: str | None) -> float | None:
    """Nats a token of a run's merged model."""
    run = RunFolder(store.home.runs / name) if name else None
    if run is None or not run.events_file.is_file():
        return None
    merged = run.view().metrics.get("merged")
    return math.log(merged.perplexity) if merged is not None else None
