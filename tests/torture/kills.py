"""Runs that are killed at random moments, resumed, and compared with an undisturbed run.

    python -m tests.torture.kills --count 200 --seed 7 --minutes 30

Every run is the real one. Each eighth starts as it does for a user, with ten seconds of imports
after each death; the others start warm (:mod:`tests.torture.warm`), as the same processes. A run is
hit in one stage after another and resumed at once after each death. In the end its adapter, its
merged or exported model, its losses and its scores have to be those of the undisturbed run, to the
bit. Prints what was hit where; exits with 1 when anything was lost, wrong or left behind.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psutil

from phi3studio.app.paths import Home
from phi3studio.app.process_tree import end_processes, process_tree
from phi3studio.domain.errors import InputError
from phi3studio.domain.events.measured_events import Metrics
from phi3studio.domain.events.run_events import Stage, StageDone
from phi3studio.domain.recipe import Recipe
from phi3studio.domain.run import RunState
from phi3studio.runs import launch
from phi3studio.runs.follow import Follower
from phi3studio.runs.store import RunFolder, RunStore
from tests.tiny_models import make_tiny_phi3
from tests.torture.warm import LEARNED, Nursery
from tests.worker.running import losses, story, tiny_recipe, write_rows

Starting = Callable[[], contextlib.AbstractContextManager[None]]
COLD: Starting = contextlib.nullcontext
STARTING = "starting"
SIGNALS = ("KILL", "TERM", "STOP")
TARGETS = ("worker", "supervisor", "both")
END_S = 120.0
"""How long a run may take for whatever follows a signal."""
GRACE_S = 5.0
"""How long a process may take to go once its run is over."""


@dataclass(frozen=True)
class Result:
    """What a run made: to be the same however often it was disturbed."""

    weights: dict[str, str]
    losses: dict[int, float]
    scores: dict[str, tuple[float | None, float | None, float | None]]
    files: frozenset[str]

    @classmethod
    def of(cls, run: RunFolder) -> Result:
        made = [
            file
            for folder in (run.adapter, run.merged, run.model)
            for file in folder.rglob("*")
            if file.is_file()
        ]
        return cls(
            {
                file.relative_to(run.path).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
                for file in made
                if file.suffix not in (".json", ".md", ".jinja")
            },
            losses(run),
            {
                event.payload.model: (
                    event.payload.accuracy, event.payload.perplexity, event.payload.stops,
                )
                for event in run.events()
                if isinstance(event.payload, Metrics)
            },
            frozenset(
                file.relative_to(run.path).as_posix()
                for file in run.path.rglob("*")
                if not file.name.endswith(".lock") and run.checkpoints not in file.parents
            ),
        )  # fmt: skip

    def differences(self, other: Result) -> list[str]:
        """What is not the same in *other*, a disturbed run."""
        found = []
        for name in ("weights", "losses", "scores"):
            ours, theirs = getattr(self, name), getattr(other, name)
            found += [
                f"{name} of {key}: {ours.get(key)} became {theirs.get(key)}"
                for key in sorted(ours.keys() | theirs.keys(), key=str)
                if ours.get(key) != theirs.get(key)
            ]
        found += [f"left behind: {name}" for name in sorted(other.files - self.files)]
        found += [f"lost: {name}" for name in sorted(self.files - other.files)]
        return found


@dataclass(frozen=True)
class Undisturbed:
    """A run as it should be, and how long each of its stages took."""

    recipe: Recipe
    result: Result
    seconds: dict[str, float]

    @classmethod
    def of(cls, run: RunFolder) -> Undisturbed:
        seconds = {
            event.payload.name: event.payload.seconds
            for event in run.events()
            if isinstance(event.payload, StageDone)
        }
        events = list(run.events())
        begun = next(event.t for event in events if isinstance(event.payload, Stage))
        started = run.recipe_file.stat().st_mtime
        return cls(run.recipe(), Result.of(run), {STARTING: max(0.5, begun - started), **seconds})


@dataclass
class Table:
    """What was hit: the stage it was in, the signal, the process."""

    hits: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        return self.hits.total()

    def __str__(self) -> str:
        stages = (STARTING, "prepare", "train", "merge", "quantise", "verify")
        columns = [(sig, target) for sig in SIGNALS for target in TARGETS]
        lines = ["stage      " + " ".join(f"{s}:{t[:6]:<6}" for s, t in columns) + "   all"]
        for stage in (*stages, "all"):
            counts = [
                sum(
                    number
                    for (at, sig, target), number in self.hits.items()
                    if stage in (at, "all") and (sig, target) == column
                )
                for column in columns
            ]
            cells = " ".join(f"{number:>11}" for number in counts)
            lines.append(f"{stage:<10} {cells} {sum(counts):>5}")
        return "\n".join(lines)


class WorkLostError(AssertionError):
    """Work was lost, or came out wrong."""


def disturb(
    run: RunFolder,
    whole: Undisturbed,
    chance: random.Random,
    table: Table,
    hits: int = 7,
    over: Callable[[], bool] = lambda: False,
    starting: Starting = COLD,
) -> None:
    """Start *run* and hit it about *hits* times, then see it through and compare.

    Workers are started inside of *starting*. Raises :class:`WorkLostError` where anything is not
    as in the undisturbed run.
    """
    stages = [STARTING, *whole.recipe.stages]
    plan = sorted((chance.choice(stages) for _ in range(hits)), key=stages.index)
    watch = Watch(run)
    with starting():
        launch.start(run)
    for stage in plan:
        if over():
            break
        while run.alive() and stages.index(watch.look()) < stages.index(stage):
            time.sleep(0.02)
        _pause(run, chance.uniform(0, whole.seconds[stage]))
        sig, target = chance.choice(SIGNALS), chance.choice(TARGETS)
        supervisor = run.worker()
        if supervisor is None:
            continue
        table.hits[watch.look(), sig, target] += _hit(run, supervisor, sig, target, chance)
        if sig == "STOP":
            continue
        # Where the supervisor alone was killed, the next attempt meets the one that still ends.
        state = _end(run)
        if state == "completed":
            break
        if state != "interrupted":
            raise WorkLostError(f"{state} after {sig} of {target} in {watch.stage}\n{story(run)}")
        watch = Watch(run)
        with starting():
            launch.resume(run)
    if _end(run) == "interrupted":
        with starting():
            launch.resume(run)
    if (state := _end(run)) != "completed":
        raise WorkLostError(f"{state} in the end\n{story(run)}")
    seen = [event.seq for event in run.events()]
    if seen != list(range(1, len(seen) + 1)):
        raise WorkLostError(f"events are missing or written twice: {seen}\n{story(run)}")
    differences = whole.result.differences(Result.of(run))
    if differences or (differences := _processes(run)):
        raise WorkLostError("\n".join([*differences, story(run)]))


class Watch:
    """In which stage the attempt is that starts now."""

    def __init__(self, run: RunFolder) -> None:
        self.stage: str = STARTING
        self._follower = Follower(run, from_end=True)

    def look(self) -> str:
        for event in self._follower.read():
            if isinstance(event.payload, Stage):
                self.stage = event.payload.name
        return self.stage


def _pause(run: RunFolder, seconds: float) -> None:
    end = time.monotonic() + seconds
    while run.alive() and time.monotonic() < end:
        time.sleep(0.01)


def _hit(
    run: RunFolder, supervisor: psutil.Process, sig: str, target: str, chance: random.Random
) -> bool:
    """Send a signal; whether there was anybody to hear it."""
    victims = [supervisor] if target != "worker" else []
    if target != "supervisor":
        with contextlib.suppress(psutil.Error):
            victims += supervisor.children()
    heard = [victim for victim in victims if _sent(victim, sig)]
    if sig == "STOP":
        try:
            time.sleep(chance.uniform(0.05, 1.5))
            if supervisor in heard:
                _check_stopped(run)
        finally:
            for victim in heard:
                _sent(victim, "CONT")
    return bool(heard)


def _sent(process: psutil.Process, sig: str) -> bool:
    try:
        process.send_signal(getattr(signal, f"SIG{sig}"))
    except psutil.Error:
        return False
    return True


def _check_stopped(run: RunFolder) -> None:
    """A worker that sleeps lives: nobody starts a second one or takes its folder away."""
    for forbidden in (launch.start, RunStore(Home(run.path.parents[1])).delete):
        try:
            forbidden(run)
        except InputError as error:
            if error.code == "run.busy":
                continue
        raise WorkLostError(f"{forbidden} was let in while the worker was stopped\n{story(run)}")


def _end(run: RunFolder) -> RunState:
    """Wait for the end of the present worker; the run's state then."""
    end = time.monotonic() + END_S
    while run.alive():
        launch.reap()
        if time.monotonic() > end:
            worker = run.worker()
            if worker is not None:
                end_processes(process_tree(worker))
            raise WorkLostError(f"it did not end in {END_S:g} s\n{story(run)}")
        time.sleep(0.02)
    launch.reap()
    return run.state()


def _processes(run: RunFolder) -> list[str]:
    """Processes that still work in the run's folder, which nobody will end."""
    end = time.monotonic() + GRACE_S
    while (found := _inside(run)) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def _inside(run: RunFolder) -> list[str]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and run.path in [
                (at := Path(process.cwd())), *at.parents,
            ]:  # fmt: skip
                found.append(f"goes on: {' '.join(process.cmdline())}")
    return found


# --- the command ----------------------------------------------------------------------------------


def recipes(folder: Path) -> list[Recipe]:
    """As short as runs can be: one through every stage, one that ends with the merged model."""
    model = make_tiny_phi3(folder / "tiny-phi3")
    rows = write_rows(folder / "phrases.jsonl", 40)
    short = {
        "max_steps": 4, "batch_size": 2, "accumulation": 1, "sequence_length": 64, "limit": 2,
        "checkpoint_minutes": 1e-6,
    }  # fmt: skip
    whole = tiny_recipe(model, rows, "whole", **short)
    merged = tiny_recipe(model, rows, "merged", **short)
    return [whole, merged.model_copy(update={"steps": ["train", "merge"]})]


def undisturbed(store: RunStore, recipe: Recipe, starting: Starting = COLD) -> Undisturbed:
    run = store.create(recipe)
    with starting():
        launch.start(run)
    if _end(run) != "completed":
        raise WorkLostError(f"not even undisturbed\n{story(run)}")
    return Undisturbed.of(run)


@dataclass(frozen=True)
class Way:
    """How runs are started, what they are like undisturbed, and how often each is hit."""

    starting: Starting
    wholes: tuple[Undisturbed, Undisturbed]
    hits: int


@contextlib.contextmanager
def ways(store: RunStore, folder: Path) -> Iterator[tuple[Way, Way]]:
    """The usual way, and the warm one where there is one.

    Raises :class:`WorkLostError` where the two do not come to the same undisturbed.
    """
    whole, merged = recipes(folder)
    usual = Way(COLD, (undisturbed(store, whole), undisturbed(store, merged)), 7)
    if sys.platform != "linux":
        yield usual, usual
        return
    environment, modules = launch.worker_environment(store.all()[0]), folder / "modules.json"
    os.environ[LEARNED] = str(modules)
    with Nursery(environment) as first:
        undisturbed(store, whole, first.starting)
    del os.environ[LEARNED]
    with Nursery(environment, modules) as nursery:
        start = nursery.starting
        warm = Way(start, (undisturbed(store, whole, start), undisturbed(store, merged, start)), 14)
        for cold, same in zip(usual.wholes, warm.wholes, strict=True):
            if differences := cold.result.differences(same.result):
                raise WorkLostError("\n".join(["a warm start is another one", *differences]))
        yield usual, warm


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="hits in all")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--minutes", type=float, default=1e6, help="no new run after these")
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}", flush=True)
    table, lost, runs = Table(), 0, 0
    folder = Path(tempfile.mkdtemp(prefix="phi3studio-kills-"))
    os.environ["PHI3STUDIO_HOME"] = str(folder / "home")
    store = RunStore(Home(folder / "home"))
    with ways(store, folder) as (usual, warm):
        begun = time.monotonic()
        while table.count < chosen.count and time.monotonic() < begun + 60 * chosen.minutes:
            chance = random.Random(f"{chosen.seed} {runs}")
            way = usual if runs % 8 == 7 else warm
            whole = way.wholes[runs % 3 == 2]
            run = store.create(whole.recipe)
            try:
                enough = partial(_enough, table, chosen.count)
                disturb(run, whole, chance, table, way.hits, enough, way.starting)
                store.delete(run)
            except WorkLostError as exc:
                lost += 1
                print(f"run {runs}: {exc}\nkept: {run.path}", flush=True)
            runs += 1
            took = (time.monotonic() - begun) / max(1, table.count)
            print(f"{runs} runs, {table.count} hits, {took:.1f} s each, {lost} lost", flush=True)
    print(f"\nseed {chosen.seed}: {runs} runs, {table.count} hits, {lost} lost or wrong\n{table}")
    if not lost:
        shutil.rmtree(folder)
    return min(1, lost)


def _enough(table: Table, count: int) -> bool:
    return table.count >= count


if __name__ == "__main__":
    sys.exit(main())
