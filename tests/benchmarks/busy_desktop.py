"""Training beside busy programs: ``python -m tests.benchmarks.busy_desktop [--cores N]
[--taken K] [--steps N]``.

The starter model is trained quietly on as many cores as stay free, then on all of them while
*taken* other processes keep a core full each. Bar: at least 0.9 of the quiet speed. Spinning
threads have cost five to seven times. Run it on a quiet machine: whatever else runs makes the
quiet speed too low.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from phi3studio.app.paths import Home
from phi3studio.domain.events.run_events import Progress
from phi3studio.domain.recipe import Data, Model, Recipe, Split, Template, Training
from phi3studio.runs import launch
from phi3studio.runs.store import RunFolder, RunStore
from phi3studio.worker.process.threads import usable_cores
from tests.benchmarks.training import rows, write
from tests.worker.running import completed

BAR = 0.9
# The thread count settles in the first seconds.
SETTLE = 4


def recipe(model: str, data: Path, steps: int) -> Recipe:
    """The starter's training, nothing else."""
    return Recipe(
        name="busy",
        steps=["train"],
        data=Data(
            source=str(data),
            template=Template(prompt="### Text: {phrase}\n### The tone is:\n", completion="{tone}"),
            split=Split(limit=8),
        ),
        model=Model(source=model),
        training=Training(max_steps=steps + SETTLE, evaluations=0, checkpoint_minutes=60),
    )


def tokens_a_second(run: RunFolder) -> float:
    """The rate after the first steps, from the run's own events."""
    told = [
        (event.t, event.payload.tokens)
        for event in run.events()
        if isinstance(event.payload, Progress) and event.payload.loss is not None
    ]
    (began, before), (ended, after) = told[SETTLE - 1], told[-1]
    return ((after or 0) - (before or 0)) / (ended - began)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--model", default="starter")
    parser.add_argument("--cores", type=int, default=usable_cores())
    parser.add_argument("--taken", type=int, default=1)
    arguments = parser.parse_args()
    cores, free = arguments.cores, arguments.cores - arguments.taken
    with tempfile.TemporaryDirectory() as folder:
        data = write(Path(folder) / "rows.jsonl", rows())
        store = RunStore(Home(Path(folder) / "home"))
        plan = recipe(arguments.model, data, arguments.steps)
        quiet = trained_on(free, store, plan)
        with contextlib.ExitStack() as others:
            for _ in range(arguments.taken):
                other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
                others.enter_context(other)
                others.callback(other.kill)
                os.sched_setaffinity(other.pid, processors(cores))
            busy = trained_on(cores, store, plan)
    ratio = busy / quiet
    print(
        f"{arguments.steps} steps, {free} cores alone: {quiet:.0f} tokens/s; {cores} cores, of "
        f"which {arguments.taken} are taken: {busy:.0f} tokens/s\n"
        f"{ratio:.2f} of the quiet speed ({'≥' if ratio >= BAR else 'under'} {BAR})"
    )
    return 0


def processors(cores: int) -> list[int]:
    """So many processors, each of a core of its own: Linux mostly numbers second threads last."""
    return sorted(os.sched_getaffinity(0))[:cores]


def trained_on(cores: int, store: RunStore, plan: Recipe) -> float:
    """Tokens a second of a run that may use so many cores."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, processors(cores))
    try:
        run = store.create(plan)
        launch.start(run)
        completed(run, timeout=3600)
    finally:
        os.sched_setaffinity(0, allowed)
    return tokens_a_second(run)


if __name__ == "__main__":
    sys.exit(main())
