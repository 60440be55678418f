"""A week of use in minutes: runs queued, cancelled, killed, resumed, finished and deleted.

    python -m tests.torture.week --runs 300 --seed 3

Most runs end before they have trained, some train for real. Afterwards nothing may be left of
them: no process, file, open descriptor or memory. Exits with 1 where something is.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psutil

from phi3studio.app.paths import Home
from phi3studio.domain.errors import InputError
from phi3studio.runs import launch
from phi3studio.runs.queue import MachineQueue
from phi3studio.runs.store import RunFolder, RunStore
from tests.tiny_models import make_tiny_phi3
from tests.worker.running import tiny_recipe, wait_for_end, write_rows

AT_ONCE = 4
REAL_EVERY = 25
MOST_GROWTH = 8_000_000
"""Bytes: what Python's own allocator may keep of its work."""


@dataclass(frozen=True)
class Held:
    """What this user's programs have of the machine."""

    processes: frozenset[str]
    descriptors: int
    memory: int
    files: frozenset[str]

    @classmethod
    def now(cls, home: Home) -> Held:
        launch.reap()
        gc.collect()
        own = psutil.Process()
        # The home, and next to it the temporary files of its processes.
        files = (str(file) for file in home.root.parent.rglob("*"))
        return cls(
            frozenset(_ours(home)),
            own.num_fds(),
            own.memory_info().rss,
            frozenset(files),
        )

    def leaks(self, later: Held) -> list[str]:
        """What *later* has more."""
        found = [f"process {name}" for name in later.processes - self.processes]
        found += [f"file {name}" for name in sorted(later.files - self.files)]
        if later.descriptors > self.descriptors:
            found.append(f"{later.descriptors - self.descriptors} open descriptors")
        if later.memory > self.memory + MOST_GROWTH:
            found.append(f"{(later.memory - self.memory) / 1e6:.1f} MB of memory")
        return found


def _ours(home: Home) -> list[str]:
    """The processes that were started for *home*, zombies too."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            child = psutil.Process().pid in [parent.pid for parent in process.parents()]
            if child or str(home.root) in " ".join(process.cmdline()):
                found.append(f"{process.pid} {' '.join(process.cmdline()[-3:])}")
    return found


class Week:
    """One user's runs; ``done`` counts what was done with them."""

    def __init__(self, home: Home, model: Path, rows: Path, seed: int) -> None:
        self.store = RunStore(home)
        self.done: Counter[str] = Counter()
        self._chance = random.Random(seed)
        self._line = MachineQueue(home.made(home.runs))
        short = {"max_steps": 2, "batch_size": 1, "accumulation": 1, "limit": 2}
        recipe = tiny_recipe(model, rows, "week", **short)
        self._real = recipe.model_copy(update={"steps": ["train"]})
        absent = recipe.model.model_copy(update={"source": str(model / "gone")})
        self._fails = self._real.model_copy(update={"model": absent})

    def batch(self, real: bool) -> None:
        """Some runs at once, which wait for one another; what the user does with each; all gone."""
        gate = self.store.create(self._fails)
        machine = self._line.acquire(gate, lambda ahead: None)
        runs = [self.store.create(self._fails) for _ in range(AT_ONCE)]
        for run in runs:
            launch.start(run)
        try:
            waiting = runs[:]
            while waiting and self._chance.random() < 0.8:
                self._end(waiting.pop(self._chance.randrange(len(waiting))))
        finally:
            machine.release()
        for run in runs:
            wait_for_end(run)
            if run.state() == "interrupted" and real:
                self._resume(run)
        if real:
            run = self.store.create(self._real)
            launch.start(run)
            self._see(run, wait_for_end(run))
            runs.append(run)
        for run in [gate, *runs]:
            self._see(run, run.state())
            self.store.delete(run)
        launch.reap()

    def _end(self, run: RunFolder) -> None:
        """Cancel it, kill it, or tell it that the session ends; it may be about to start."""
        worker = run.worker()
        action = self._chance.choice(("cancel", "kill", "leave", "double"))
        self.done[action] += 1
        if action == "cancel":
            launch.cancel(run)
        elif action == "double":
            with contextlib.suppress(InputError):
                launch.start(run)
                raise AssertionError("started twice")
        elif worker is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                worker.kill() if action == "kill" else worker.terminate()

    def _resume(self, run: RunFolder) -> None:
        self.done["resume"] += 1
        launch.resume(run)
        wait_for_end(run)

    def _see(self, run: RunFolder, state: str) -> None:
        self.done[state] += 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="phi3studio-week-"))
    os.environ["PHI3STUDIO_HOME"] = str(folder / "home")
    leaks, done = live(folder, chosen.runs, chosen.seed)
    print(f"seed {chosen.seed}: {dict(done)}")
    print("\n".join(leaks) or "nothing is left")
    shutil.rmtree(folder)
    return min(1, len(leaks))


def live(folder: Path, runs: int, seed: int) -> tuple[list[str], Counter[str]]:
    """So many runs; what is left of them, and what was done."""
    home = Home(folder / "home")
    (folder / "tmp").mkdir()
    os.environ["TMPDIR"] = str(folder / "tmp")  # of the runs' processes
    week = Week(home, make_tiny_phi3(folder / "model"), write_rows(folder / "rows.jsonl", 40), seed)
    week.batch(real=True)  # what is made once
    before = Held.now(home)
    week.done.clear()
    batches = max(1, runs // AT_ONCE)
    for number in range(batches):
        week.batch(real=number % (REAL_EVERY // AT_ONCE) == 0)
        if number % 10 == 9:
            print(f"{number + 1} of {batches} batches, {dict(week.done)}", flush=True)
    return before.leaks(Held.now(home)), week.done


if __name__ == "__main__":
    sys.exit(main())
