"""A few real steps, and small copies of the model through every stage: measured instead of guessed.

1. The recipe's own model is trained for a few steps on its own rows: the tokens a second, the
   time to load, the memory of the training.
2. The model with only its first few layers is taken through the whole run, twice, with another
   number of layers each time. What merge, quantisation and verification take grows evenly with
   the layers, so two points predict what all of them will take. Copies of a large model are merged
   and quantised the way of large models.
"""

from __future__ import annotations

import itertools
import json
import math
import re
import shutil
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phi3studio.app.files import scratch_folder, write_json
from phi3studio.app.paths import Home
from phi3studio.domain.errors import Cancelled, InputError, RunError
from phi3studio.domain.estimation.estimate import Estimate, measured, measuring_seconds, step_bytes
from phi3studio.domain.events.run_events import Progress, Stage, StageDone
from phi3studio.domain.recipe import Recipe
from phi3studio.runs import launch
from phi3studio.runs.saved_estimates import write_estimate
from phi3studio.runs.store import RunFolder, RunStore
from phi3studio.worker.estimating.known_facts import Known
from phi3studio.worker.models.model_facts import STANDS_FOR
from phi3studio.worker.olive.workflow_config import EVALUATION_ROWS
from phi3studio.worker.stages.quantise import CALIBRATING
from phi3studio.worker.stages.verify import MEASURING

_STEPS = 4
# Short steps are tried for so many seconds instead: the first ones predict little.
_TRIED_S = 4.0
_MOST_STEPS = 60
# Rows that the small copies are verified on.
_FEW_ROWS = 8
# An evaluation computes forward only: a third to a half of a training step.
_FORWARD = 0.4
# Checkpoints take at most a thirtieth of the time, mostly less.
_CHECKPOINTS = 0.01
_LAYER = re.compile(r"\.(?:layers|h)\.(\d+)\.")
_POLL_S = 0.1


@dataclass(frozen=True)
class Steps:
    """What the steps on the whole model showed. Seconds, bytes, tokens a second."""

    prepare_s: float
    load_s: float
    end_s: float
    tokens_a_second: float
    memory: dict[str, int]
    device_memory: int


def dry_run(
    known: Known,
    home: Home,
    on_activity: Callable[[str], None],
    cancelled: Callable[[], bool],
) -> Estimate:
    """Measure *known* and keep the result for its run.

    Raises :class:`UserFacingError` with what stopped one of the trial runs.
    """
    busy = [run.name for run in RunStore(home).all() if run.alive()]
    if busy:
        raise InputError("estimate.busy", run=busy[0])
    with scratch_folder(home.made(home.cache)) as scratch:
        found = _Trial(known, Home(scratch), on_activity, cancelled).measure()
    write_estimate(home, known.recipe, found)
    return found


class _Trial:
    """The trial runs of one dry run, in a home of their own."""

    def __init__(
        self,
        known: Known,
        home: Home,
        on_activity: Callable[[str], None],
        cancelled: Callable[[], bool],
    ) -> None:
        self._known = known
        self._home = home
        self._say = on_activity
        self._cancelled = cancelled

    def measure(self) -> Estimate:
        known = self._known
        found = known.estimate()
        seconds, memory = dict(found.seconds), dict(found.memory)
        device = found.device_memory
        train_rows = known.data.train_rows
        later = [name for name in known.recipe.stages if name not in ("prepare", "train")]
        if "train" in known.recipe.stages:
            count = steps_to_try(
                found.seconds["train"], known.recipe.training.total_steps(train_rows)
            )
            self._say(f"training {count} steps")
            steps = self._steps(count)
            seconds["prepare"] = steps.prepare_s
            seconds["train"] = self._train_seconds(steps)
            memory["prepare"] = steps.memory["prepare"]
            memory["train"] = steps.memory["train"] + self._later_steps(count)
            device = steps.device_memory
        if later and known.model.layers > 1:
            self._scale(later, seconds, memory)
        highest = 0
        for stage in known.recipe.stages:
            highest = memory[stage] = max(highest, memory[stage])
        return measured(found, memory=memory, seconds=seconds, device_memory=device)

    # --- the whole model ---------------------------------------------------------------------

    def _steps(self, count: int) -> Steps:
        run = self._run(_changed(self._known.recipe, steps=["train"], max_steps=count))
        view = run.view()
        begun = done = trained = 0.0
        progress: list[tuple[float, int]] = []
        for event in run.events():
            match event.payload:
                case Stage(name="train"):
                    begun = event.t
                case StageDone(name="train"):
                    done = event.t
                case Progress(activity="training", loss=None) if not trained:
                    trained = event.t
                case Progress(loss=float(), tokens=int(tokens)):
                    progress.append((event.t, tokens))
        rates = [
            (after[1] - before[1]) / max(1e-6, after[0] - before[0])
            for before, after in itertools.pairwise(progress)
        ]
        rate = statistics.median(rates)
        # The first step warms up: what it took beyond its tokens is counted with the loading.
        first = progress[0][0] - trained - progress[0][1] / rate
        return Steps(
            prepare_s=view.timings["prepare"],
            load_s=trained - begun + max(0.0, first),
            end_s=done - progress[-1][0],
            tokens_a_second=rate,
            memory=view.stage_memory,
            device_memory=view.device_memory,
        )

    def _train_seconds(self, steps: Steps) -> float:
        recipe, data = self._known.recipe, self._known.data
        training = recipe.training
        rows = training.batch_size * training.accumulation
        count = recipe.training.total_steps(data.train_rows)
        # The last step of an epoch is a smaller one.
        passes = count / max(1, -(-data.train_rows // rows))
        tokens = min(count * rows, passes * data.train_rows) * data.mean
        held_out = min(EVALUATION_ROWS, data.held_out_rows)
        evaluated = held_out * data.held_out_tokens / max(1, data.held_out_rows)
        # The last one is contained in what the end took.
        tokens += max(0, training.evaluations - 1) * evaluated * _FORWARD
        spent = tokens / steps.tokens_a_second * (1 + _CHECKPOINTS)
        return steps.load_s + spent + steps.end_s

    def _later_steps(self, tried: int) -> int:
        """Memory of the whole training beyond that of the few steps that were *tried*."""
        known = self._known
        if known.machine.device == "cuda":
            return 0
        steps = known.recipe.training.total_steps(known.data.train_rows)

        def after(count: int) -> float:
            return step_bytes(known.recipe, known.model, known.data, known.precision, count)

        return round(max(0.0, after(steps) - after(tried)))

    # --- small copies ------------------------------------------------------------------------

    def _scale(self, stages: list[Any], seconds: dict[str, float], memory: dict[str, int]) -> None:
        """Put what *stages* take into *seconds* and *memory*."""
        layers = self._known.model.layers
        few, more = (2, 6) if layers >= 12 else (max(1, layers // 2), max(2, layers))
        small, larger = self._copy(few), self._copy(more)
        first, second = small.view(), larger.view()

        def at(low: float, high: float) -> float:
            return max(low, low + (high - low) * (layers - few) / (more - few))

        # What the training of the whole model took beyond what the copies predict stays counted.
        beyond = 0.0
        if "train" in memory:
            trained = (first.stage_memory["train"], second.stage_memory["train"])
            beyond = max(0.0, memory["train"] - at(*trained))
        for stage in stages:
            peaks = (first.stage_memory[stage], second.stage_memory[stage])
            # Small copies hide a stage's own peak under what the libraries and the training took:
            # the formula's is the least.
            memory[stage] = max(round(at(*peaks) + beyond), memory[stage])
            if stage == "verify":
                # Loading grows with the layers; the answers of a few layers end otherwise. Nor
                # does the training's speed predict that of answers: it has functions of its own.
                begun = at(_seconds_beside_rows(small), _seconds_beside_rows(larger))
                known = self._known
                rows = measuring_seconds(known.model, known.data, known.machine)
                seconds[stage] = begun + rows
            elif stage == "merge":
                seconds[stage] = at(first.timings[stage], second.timings[stage])
            elif stage == "quantise":
                each = _seconds_a_layer(larger, more)
                seconds[stage] = (
                    at(first.timings[stage], second.timings[stage])
                    if each is None
                    else second.timings[stage] + each * (layers - more)
                )

    def _copy(self, layers: int) -> RunFolder:
        self._say(f"taking {layers} of {self._known.model.layers} layers through every stage")
        from phi3studio.worker.models import resolve_model

        recipe = self._known.recipe
        folder = resolve_model(recipe.model.source, self._say, revision=recipe.model.revision)
        small = self._home.root / f"layers-{layers}"
        write_first_layers(folder, layers, small, self._known.model.parameters)
        return self._run(_changed(recipe, model=small, max_steps=_STEPS, rows=_FEW_ROWS))

    # --- a trial run -------------------------------------------------------------------------

    def _run(self, recipe: Recipe) -> RunFolder:
        run = RunStore(self._home).create(recipe)
        launch.start(run)
        try:
            while run.alive():
                launch.reap()
                if self._cancelled():
                    raise Cancelled
                time.sleep(_POLL_S)
        finally:
            if run.alive():
                launch.cancel(run)
        launch.reap()
        finished = run.view().finished
        if finished is None or finished.outcome != "completed":
            error = finished.error if finished is not None else None
            raise error or RunError("estimate.trial_failed")
        return run


def steps_to_try(seconds: float, steps: int) -> int:
    """How many of *steps* a dry run takes, which are expected to take *seconds*: at least four."""
    short = math.ceil(_TRIED_S * steps / max(seconds, 1e-6))
    return max(_STEPS, min(short, steps, _MOST_STEPS))


def _seconds_beside_rows(run: RunFolder) -> float:
    """What the verification of *run* took without its held-out rows: most of it is loading."""
    seen: dict[str, list[tuple[float, int]]] = {}
    for event in run.events():
        progress = event.payload
        if isinstance(progress, Progress) and (progress.activity or "").startswith(MEASURING):
            seen.setdefault(progress.activity or "", []).append((event.t, progress.step))
    rows = 0.0
    for (began, first), *_, (ended, last) in (of for of in seen.values() if len(of) > 1):
        rows += (ended - began) * last / max(1, last - first)
    return run.view().timings["verify"] - rows


def _seconds_a_layer(run: RunFolder, layers: int) -> float | None:
    """Time of a layer's calibration in *run*, a model of *layers*; ``None`` without one."""
    seen = [
        (event.t, event.payload.step, event.payload.total)
        for event in run.events()
        if isinstance(event.payload, Progress) and event.payload.activity == CALIBRATING
    ]
    if len(seen) < 2 or seen[-1][1] <= seen[0][1]:
        return None
    each = (seen[-1][0] - seen[0][0]) / (seen[-1][1] - seen[0][1])
    return each * seen[-1][2] / layers


def _changed(
    recipe: Recipe,
    max_steps: int,
    steps: list[Any] | None = None,
    model: Path | None = None,
    rows: int | None = None,
) -> Recipe:
    training = recipe.training.model_copy(
        update={
            "max_steps": max_steps,
            "evaluations": min(1, recipe.training.evaluations),
            "early_stopping": 0,
            "checkpoint_minutes": 1e6,
            "recover": False,
        }
    )
    changes: dict[str, Any] = {"training": training, "name": "dry run"}
    if steps is not None:
        changes["steps"] = steps
    if model is not None:
        changes["model"] = recipe.model.model_copy(
            update={"source": str(model), "revision": None, "adapter": None}
        )
    if rows is not None and recipe.data is not None:
        split = recipe.data.split
        split = split.model_copy(update={"limit": min(rows, split.limit or rows)})
        changes["data"] = recipe.data.model_copy(update={"split": split})
    return recipe.model_copy(update=changes)


def write_first_layers(model: Path, layers: int, folder: Path, parameters: int) -> None:
    """A copy of *model*, of so many *parameters*, with its first *layers* layers only.

    Weights are read one by one.
    """
    from safetensors import safe_open
    from safetensors.torch import save_file

    folder.mkdir(parents=True)
    for file in model.iterdir():
        if file.is_file() and file.suffix in (".json", ".model", ".txt", ".jinja"):
            shutil.copyfile(file, folder / file.name)
    (folder / "model.safetensors.index.json").unlink(missing_ok=True)
    config = json.loads((model / "config.json").read_text("utf-8"))
    before = config["num_hidden_layers"]
    for key, value in config.items():
        if isinstance(value, list) and len(value) == before and key == "layer_types":
            config[key] = value[:layers]
    config["num_hidden_layers"] = layers
    config[STANDS_FOR] = parameters
    write_json(folder / "config.json", config)
    kept = {}
    for file in sorted(model.glob("*.safetensors")):
        with safe_open(file, framework="pt") as weights:
            for name in weights.keys():  # noqa: SIM118 - no mapping
                layer = _LAYER.search(name)
                if layer is None or int(layer.group(1)) < layers:
                    kept[name] = weights.get_tensor(name)
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
