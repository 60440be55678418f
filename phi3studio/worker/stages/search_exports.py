"""The quantise stage of a recipe with limits: exports are built and measured until the best within
the limits is known.

What is next is decided in :mod:`phi3studio.domain.search`; here it is done and written down, so
that a search that was stopped or killed goes on with the next step. A point's export is renamed
into ``search/NUMBER`` once it was seen to load and answer.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phi3studio.domain.errors import InputError, RunError, UserFacingError
from phi3studio.domain.estimation.estimate import ModelSize
from phi3studio.domain.events.payload import Doing
from phi3studio.domain.events.run_events import Progress
from phi3studio.domain.recipe import Recipe
from phi3studio.domain.search.export_kinds import ExportKind, all_kinds, least_bytes, smallest
from phi3studio.domain.search.search_choice import Choice, choose
from phi3studio.domain.search.search_points import (
    MB,
    Cost,
    Point,
    Search,
    SearchRecord,
    Whole,
)
from phi3studio.domain.search.search_steps import (
    ROUNDS,
    Look,
    Make,
    Measure,
    Step,
    expected_steps,
    front,
    next_step,
)
from phi3studio.models.model_folder import weight_bytes
from phi3studio.runs.measuring.search_file import read_search, write_search
from phi3studio.runs.measuring.taken_export import place
from phi3studio.runs.preflight import check_disk
from phi3studio.wizard.machine_fit import size_of_config
from phi3studio.worker.exporting.accuracy_level import with_level
from phi3studio.worker.failures import full_disk, translate
from phi3studio.worker.genai.providers import can_run
from phi3studio.worker.models import ModelFacts
from phi3studio.worker.process.control import PauseRequested

if TYPE_CHECKING:
    from phi3studio.worker.fidelity.compare import Comparison
    from phi3studio.worker.stages.attempt import Attempt

Build = Callable[[Recipe, Path], None]
"""Builds what a recipe says into a folder, which is there only when the model is whole."""


def check_can_search(attempt: Attempt, facts: ModelFacts, model: Path) -> None:
    """Raise :class:`InputError` for limits that cannot be measured here, or that no export of a
    model so large can meet. Known before the training."""
    limits, provider = attempt.recipe.limits, attempt.recipe.target.provider
    if limits is None:
        return
    if not can_run(provider):
        raise InputError("search.not_here", provider=provider)
    size = _model_size(facts, model)
    least, kind = smallest(size, provider)
    if limits.size_mb is not None and least > limits.size_mb * MB:
        raise InputError(
            "search.too_small", limit=round(limits.size_mb * MB), least=least, kind=kind.phrase
        )


def search_exports(attempt: Attempt, build: Build) -> None:
    """Search, and leave the chosen export in ``run.model``.

    Where no export meets every limit, that which comes nearest is left, with a warning.
    """
    attempt.unusual.add("quantise")  # how much is built depends on what is found
    work = _Work(attempt, build)
    while (step := next_step(work.search)) is not None:
        work.do(step)
    choice = choose(work.search)
    while choice is not None and choice.chosen.whole is None:
        work.do(Measure(choice.chosen.number))
        choice = choose(work.search)
    if choice is None:
        raise work.last_failure()
    work.finish(choice)


class _Work:
    """The record of the search, and the steps that change it."""

    def __init__(self, attempt: Attempt, build: Build) -> None:
        self._attempt = attempt
        self._build = build
        self._run = attempt.run
        self._record = read_search(attempt.run) or self._begun()
        self._began, self._done = time.monotonic(), 0

    @property
    def search(self) -> Search:
        """What is known by now."""
        return Search.of(self._record)

    def do(self, step: Step) -> None:
        """Do one step and write down what came of it."""
        attempt = self._attempt
        if attempt.control.pause_requested:
            raise PauseRequested
        kind = self.search.kind(step.number)
        began = time.monotonic()
        old = self.search.points.get(step.number) or Point(number=step.number, kind=kind)
        try:
            self._note(begun=step.number)  # as the process may be killed in it
            if isinstance(step, Make):
                self._tidy(step)
            self._make(step)
            point = self._measured(step, old)
        except Exception as exc:
            point = old.model_copy(update={"failure": self._explained(exc).to_json()})
            if not isinstance(step, Make):  # it answered before
                point = point.model_copy(update={"cost": None, "whole": None})
        seconds = old.seconds + time.monotonic() - began
        self._keep(point.model_copy(update={"seconds": round(seconds, 2)}))
        self._tell_time()

    def _note(self, **changes: object) -> None:
        self._record = self._record.model_copy(update=changes)
        write_search(self._run, self._record)

    def finish(self, choice: Choice) -> None:
        """Put the chosen export into place and say why; drop what cannot be taken any more."""
        for point in self._record.points:
            if point.whole is None:
                self._drop(point.number)
        self._record = self._record.model_copy(update={"done": True})
        place(self._run, self._record, choice.chosen.number)
        said = choice.why
        level: Any = "info" if choice.met else "warning"
        self._attempt.notice(said.code, level=level, variant=said.variant, **said.values)

    def last_failure(self) -> UserFacingError:
        """Why nothing could be built."""
        failed = [point.failure for point in self._record.points if point.failure]
        return RunError.from_json(failed[-1]) if failed else RunError("olive.no_model")

    # --- the parts of a step -----------------------------------------------------------------

    def _folder(self, number: int) -> Path:
        return self._run.searched / str(number)

    def _make(self, step: Step) -> None:
        """See that the export of the step's point is there."""
        folder = self._folder(step.number)
        kind = self.search.kind(step.number)
        if folder.is_dir():
            return  # what was built before a kill, or for an earlier step
        self._tell("building", step.number, kind)
        folder.parent.mkdir(mode=0o700, exist_ok=True)
        recipe = self._recipe(kind)
        opened = self._attempt.opened
        check_disk(recipe, _model_size(opened.facts, opened.model), self._run.path)
        like = step.like if isinstance(step, Make) else None
        if like is not None and self._folder(like).is_dir():
            with_level(self._folder(like), folder, kind.accuracy_level)
        else:
            self._build(recipe, folder)

    def _tell(self, doing: Doing, number: int, kind: ExportKind) -> Callable[[int, int], None]:
        """Report what is done with an export; returns what reports how far that is."""
        activity = f"{doing} export {number}: {_name(kind)}"
        self._attempt.say(activity, doing=doing, export=number)
        return self._attempt.on_row(activity, doing=doing, export=number)

    def _measured(self, step: Step, old: Point) -> Point:
        if isinstance(step, Measure):
            return self._whole(old)
        compared = self._compared(old)
        at = step.round if isinstance(step, Look) else 0
        cost, kl = compared.look(ROUNDS[at], self._tell("looking at", step.number, old.kind))
        looks = (*old.looks[:at], kl)
        return old.model_copy(
            update={"cost": _worse(old.cost, _cost(cost)), "looks": looks, "failure": None}
        )

    def _whole(self, old: Point) -> Point:
        compared = self._compared(old)
        metrics = compared.measure("exported", self._tell("measuring", old.number, old.kind))
        verdict = compared.verdict()
        assert metrics is not None  # The recipe has rows, and the provider runs here.
        assert verdict is not None
        whole = Whole(
            verdict=verdict,
            metrics=metrics,
            nll=math.log(metrics.perplexity),
            kl_interval=compared.results["exported"].kl_interval,
        )
        cost = _worse(old.cost, _cost(metrics.model_dump()))
        return old.model_copy(update={"cost": cost, "whole": whole})

    def _compared(self, point: Point) -> Comparison:
        """The comparison of a point with the reference, which is measured once."""
        from phi3studio.worker.stages import verify

        compared = verify.comparison(self._attempt, self._folder(point.number), point.kind)
        role = compared.reference
        activity = f"{verify.MEASURING}{role} model"
        if not compared.is_kept(role):
            self._attempt.say(activity)
        compared.measure(role, self._attempt.on_row(activity))
        return compared

    def _recipe(self, kind: ExportKind) -> Recipe:
        recipe = self._attempt.recipe
        return recipe.model_copy(update={"target": kind.of(recipe.target), "limits": None})

    def _tidy(self, step: Make) -> None:
        """Drop the exports that are beaten, before another one needs the disk."""
        if step.like is None:
            kept = {point.number for point in front(self.search)}
            for point in self._record.points:
                if point.whole is None and point.number not in kept:
                    self._drop(point.number)

    def _drop(self, number: int) -> None:
        shutil.rmtree(self._folder(number), ignore_errors=True)

    def _explained(self, exc: Exception) -> UserFacingError:
        """The error that is kept with the point; raises what concerns the whole run."""
        control = self._attempt.control
        if control.folder_gone:
            raise exc
        if control.cancel_requested or control.session_ends:
            self._note(begun=None)
            raise exc
        error = full_disk(self._run, exc, translate(exc))
        if error.code.startswith("disk."):
            self._note(begun=None)
            raise error from exc
        print(f"export given up: {error.message}", flush=True)
        return error

    # --- the record --------------------------------------------------------------------------

    def _begun(self) -> SearchRecord:
        attempt = self._attempt
        limits, provider = attempt.recipe.limits, attempt.recipe.target.provider
        assert limits is not None
        size = _model_size(attempt.opened.facts, attempt.opened.model)
        space = all_kinds(provider, not attempt.opened.facts.is_large, size)
        return SearchRecord(
            space=space,
            weights=size.parameters,
            least=tuple(least_bytes(kind, size, provider) for kind in space),
            rows=attempt.prepared.held_out_rows,
            limits=limits,
        )

    def _keep(self, point: Point) -> None:
        if point.cost is None:
            self._drop(point.number)
            self._drop_failed(point.number)
        points = {old.number: old for old in self._record.points} | {point.number: point}
        ordered = tuple(points[number] for number in sorted(points))
        self._note(points=ordered, begun=None)

    def _drop_failed(self, number: int) -> None:
        from phi3studio.worker.exporting.export_chain import failed_folder

        shutil.rmtree(failed_folder(self._folder(number)), ignore_errors=True)

    def _tell_time(self) -> None:
        self._done += 1
        left = expected_steps(self.search)
        each = (time.monotonic() - self._began) / self._done
        tried = sum(1 + (point.whole is not None) for point in self._record.points)
        self._attempt.emit(
            Progress(
                step=tried,
                total=tried + left,
                activity="searching the exports",
                eta_s=left * each,
                memory=self._attempt.memory.now(),
            )
        )


def _model_size(facts: ModelFacts, model: Path) -> ModelSize:
    config = json.loads((model / "config.json").read_text("utf-8"))
    return size_of_config(config, facts.parameters, weight_bytes(model))


def _cost(figures: dict[str, Any]) -> Cost:
    return Cost.model_validate({name: figures.get(name) or 0 for name in Cost.model_fields})


def _worse(before: Cost | None, now: Cost) -> Cost:
    return now if before is None else before.worse(now)


def _name(kind: ExportKind) -> str:
    return str(kind.phrase)
