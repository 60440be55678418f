"""``phi3studio search RECIPE --train``: a training search, begun, gone on with, shown."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import typer

from phi3studio.app.files import expanded
from phi3studio.app.paths import user_home
from phi3studio.cli.live_progress import LiveView
from phi3studio.cli.output import print_json
from phi3studio.cli.recipe_draft import rows_of, settings_for
from phi3studio.domain.errors import InputError, RunError
from phi3studio.domain.events.event_line import Event
from phi3studio.domain.messages.formatting import duration
from phi3studio.domain.recipe import Recipe, parse_recipe
from phi3studio.domain.tuning.study_record import WHOLE, Study, Trial
from phi3studio.domain.tuning.study_steps import time_left
from phi3studio.domain.tuning.trial_space import Settings, as_trial, settings_of
from phi3studio.runs.preflight import check_before_start
from phi3studio.runs.recipe_files import read_recipe
from phi3studio.runs.store import RunFolder, RunStore
from phi3studio.runs.studies.study_file import StudyFile, StudyStore
from phi3studio.services.training_search import (
    Paused,
    TrainingSearch,
    check_can_tune,
    courses_of,
    outcome,
    taken_trial,
)

_MOST_HOURS = 1000
_RUNGS = {1: "a ninth", 2: "a third", WHOLE: "the end"}


def find_study(name: str) -> StudyFile | None:
    """The training search of that name, if there is one."""
    return StudyStore(user_home()).find(name)


def begin(file: Path, hours: float, as_json: bool) -> int:
    """Search the training of a recipe within so many hours."""
    if not 0 < hours <= _MOST_HOURS:
        raise InputError("usage", variant="hours", hours=hours)
    recipe = read_recipe(file)
    check_can_tune(recipe)
    home = user_home()
    check_before_start(recipe, home)
    preset = _thorough(recipe)
    # What a recipe cannot say is found now, not after anything was made.
    parse_recipe(as_trial(recipe, preset, 0).to_json())
    study = StudyStore(home).create(recipe, preset, 3600 * hours)
    return go_on(study, as_json)


def go_on(file: StudyFile, as_json: bool) -> int:
    """Work on a search to its end and show it; Ctrl-C pauses it."""
    store = RunStore(user_home())
    if file.read().state == "open":
        listener = _Listener(quiet=as_json)
        if not as_json:
            typer.echo(f"Search {file.name}", err=True)
        search = TrainingSearch(store, file, listener)
        try:
            search.work()
        except (KeyboardInterrupt, Paused) as stop:
            listener.clear()
            if isinstance(stop, KeyboardInterrupt):
                typer.echo("Pausing …", err=True)
                search.pause()
            if as_json:
                print_json(study_document(store, file.read()))
            else:
                typer.echo(
                    f"The search is paused. Go on with it: phi3studio search {file.name}", err=True
                )
            return 130 if isinstance(stop, KeyboardInterrupt) else 0
        listener.clear()
    study = file.read()
    if as_json:
        print_json(study_document(store, study))
    else:
        typer.echo("\n".join(study_lines(store, study)))
    return 0 if study.state == "done" else 1


def cancel(file: StudyFile, as_json: bool) -> int:
    """End a search for good."""
    if file.read().state != "open":
        raise InputError("study.ended", study=file.name)
    store = RunStore(user_home())
    TrainingSearch(store, file, _Listener(quiet=True)).cancel()
    if as_json:
        print_json(study_document(store, file.read()))
    else:
        typer.echo(f"{file.name}: cancelled")
    return 0


def study_lines(store: RunStore, study: Study) -> list[str]:
    """The table of the trials, the best of those that went furthest first."""
    courses, taken = courses_of(store, study), taken_trial(store, study)

    def order(trial: Trial) -> tuple[bool, int, float]:
        loss = courses[trial.number].loss(trial.reached) if trial.reached else None
        return trial.failure is not None, -trial.reached, loss if loss is not None else 1e9

    lines = [study.name, f"{'':>4}  {'held-out loss after 1/9':>23}  {'1/3':>6}  {'all':>6}  time"]
    for trial in sorted(study.trials, key=order):
        course = courses[trial.number]
        losses = [course.loss(at) if trial.reached >= at else None for at in (1, 2, WHOLE)]
        shown = [f"{loss:.3f}" if loss is not None else "" for loss in losses]
        mark = "→" if trial.number == taken else " "
        preset = " (the preset)" if trial.number == 0 else ""
        lines.append(
            f"{mark}{trial.number:>3}  {shown[0]:>23}  {shown[1]:>6}  {shown[2]:>6}  "
            f"{duration(course.seconds):<12}  {trial.settings.words}{preset}"
        )
        if trial.failure is not None:
            lines.append(f"      passed over: {_failure(trial)}")
    said = outcome(store, study)
    if said is not None:
        lines += ["", str(said)]
    if study.finished is not None and study.state == "done":
        lines.append(f"Its run: {study.finished}. Talk to it:  phi3studio chat {study.finished}")
    if study.state == "open":
        left = duration(max(0.0, time_left(study, courses)))
        lines.append(f"{left} are left. Go on with it: phi3studio search {study.name}")
    if study.state == "cancelled":
        lines.append("The search was cancelled.")
    return lines


def study_document(store: RunStore, study: Study) -> dict[str, Any]:
    """The record for programs, with what each trial came to."""
    courses = courses_of(store, study)
    values = study.model_dump(mode="json", exclude_none=True)
    for trial, shown in zip(study.trials, values["trials"], strict=True):
        course = courses[trial.number]
        losses = [course.loss(at) if trial.reached >= at else None for at in (1, 2, WHOLE)]
        shown |= {"losses": losses, "seconds": round(course.seconds, 1)}
    said = outcome(store, study)
    return {
        **values,
        "left_s": round(time_left(study, courses), 1),
        "verdict": said.to_json() if said is not None else None,
    }


class _Listener:
    """Shows the search's runs as single runs are shown."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._live = LiveView(sys.stderr)

    def on_trial(self, trial: Trial, left_s: float) -> None:
        what = f"Trial {trial.number} until {_RUNGS[trial.until]}: {trial.settings.words}"
        self._say(f"{what}; {duration(max(0.0, left_s))} are left")

    def on_run(self, run: RunFolder, purpose: str) -> None:
        self._say(f"{purpose}: {run.name}")

    def on_event(self, event: Event) -> None:
        if not self._quiet:
            self._live.show(event)

    def clear(self) -> None:
        """Remove the line that is rewritten in place."""
        self._live.clear()

    def _say(self, text: str) -> None:
        if not self._quiet:
            self._live.clear()
            typer.echo(text, err=True)


def _thorough(recipe: Recipe) -> Settings:
    """The preset's settings for the recipe's model and rows."""
    report = rows_of(expanded(Path(recipe.rows.source)).absolute())
    return settings_of(*settings_for("thorough", recipe, report))


def _failure(trial: Trial) -> str:
    return RunError.from_json(trial.failure or {}).message
