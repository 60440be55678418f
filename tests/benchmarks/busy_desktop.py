"""Training beside a busy program: ``python -m tests.benchmarks.busy_desktop [--steps N]``.

The starter model is trained quietly, then while another process keeps one core full. Bar: on two
cores at least 0.8 times half of the quiet speed. Spinning threads have cost five to seven times.
Run it on a quiet machine: whatever else runs makes the quiet speed too low.
"""

from __future__ import annotations

import argparse
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

BAR = 0.8
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
    arguments = parser.parse_args()
    cores = usable_cores()
    with tempfile.TemporaryDirectory() as folder:
        data = write(Path(folder) / "rows.jsonl", rows())
        store = RunStore(Home(Path(folder) / "home"))
        plan = recipe(arguments.model, data, arguments.steps)
        quiet = store.create(plan)
        launch.start(quiet)
        completed(quiet, timeout=3600)
        busy = store.create(plan)
        with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as other:
            try:
                launch.start(busy)
                completed(busy, timeout=3600)
            finally:
                other.kill()
        rates = tokens_a_second(quiet), tokens_a_second(busy)
    share = (cores - 1) / cores
    ratio = rates[1] / (share * rates[0])
    print(
        f"{cores} cores, {arguments.steps} steps: quiet {rates[0]:.0f} tokens/s, one core taken "
        f"{rates[1]:.0f} tokens/s\n"
        f"{ratio:.2f} of the free cores' share of the quiet speed "
        f"({'≥' if ratio >= BAR else 'under'} {BAR})"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
