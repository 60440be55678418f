"""How long the command line takes to answer: ``--help``, and ``runs`` with 200 run folders.

    python -m tests.benchmarks.command_line

Each command is a process of its own, started five times after one that warms the disk's cache;
the median has to be under half a second. The run folders hold events as real runs write them.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from phi3studio.app.files import write_json
from phi3studio.app.paths import Home
from phi3studio.domain.events.event_line import AnyPayload, Event
from phi3studio.domain.events.measured_events import Answer, Metrics
from phi3studio.domain.events.payload import STAGES
from phi3studio.domain.events.run_events import (
    Artifact,
    Finished,
    Notice,
    Progress,
    Stage,
    StageDone,
    Started,
)
from phi3studio.runs.demo import demo_recipe
from phi3studio.runs.store import RunFolder

BAR_S = 0.5


def events(number: int) -> list[AnyPayload]:
    """A run of some 200 to 1,000 steps with one sample of every other event; some have failed."""
    steps = 200 + 100 * (number % 9)
    found: list[AnyPayload] = [
        Started(
            attempt=1, pid=number, threads=2, versions={f"library-{n}": "1.2" for n in range(8)}
        )
    ]
    answer = Answer(prompt="### Text: " + "word " * 40, expected="Joy", text="Joy", stopped=True)
    for index, name in enumerate(STAGES, start=1):
        found.append(Stage(name=name, index=index, count=5))
        if name == "train":
            found += [
                Progress(
                    step=step,
                    total=steps,
                    activity="training",
                    loss=2.0 + 1 / step,
                    lr=1e-4,
                    epoch=step / 100,
                    tokens_per_s=250.0,
                    eta_s=float(steps - step),
                    memory=1_500_000_000 + step,
                )
                for step in range(1, steps + 1)
            ]
            found.append(Notice(code="train.checkpoint", text=f"Checkpoint saved at {steps}."))
            found.append(Artifact(kind="adapter", path="adapter", bytes=4_000_000))
        if name == "verify":
            found += [
                Metrics(
                    model=role,
                    rows=120,
                    accuracy=0.9,
                    perplexity=1.2,
                    stops=1.0,
                    samples=(answer,) * 3,
                )
                for role in ("base", "merged", "exported")
            ]
        found.append(StageDone(name=name, seconds=10.0, peak_memory=3_000_000_000))
    if number % 7 == 0:
        return [*found[:-8], Finished(outcome="failed", code="disk.full", message="m", hint="h")]
    return [*found, Finished(outcome="completed", peak_memory=3_000_000_000)]


def make_runs(home: Home, count: int) -> int:
    """Make *count* run folders; returns the bytes of their events."""
    total = 0
    for number in range(count):
        run = RunFolder(home.runs / f"202601{number % 28 + 1:02d}-{number:06d}-demo")
        run.path.mkdir(parents=True)
        write_json(run.recipe_file, demo_recipe().to_json())
        write_json(run.worker_file, {"pid": 2**22 - number - 1, "started": 1.0})
        lines = [
            Event(seq=n, t=1.7e9 + n, payload=payload).to_line()
            for n, payload in enumerate(events(number), start=1)
        ]
        run.events_file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        total += run.events_file.stat().st_size
    return total


def seconds(home: Home, *arguments: str) -> float:
    """One process from start to end."""
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "phi3studio", *arguments],
        env=os.environ | {"PHI3STUDIO_HOME": str(home.root)},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200, help="run folders")
    parser.add_argument("--times", type=int, default=5, help="processes of each command")
    options = parser.parse_args()
    over = False
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        size = make_runs(home, options.runs)
        print(f"{options.runs} run folders, {size / 1e6:.0f} MB of events\n")
        print(f"{'command':<24}{'median':>9}{'fastest':>9}{'slowest':>9}")
        for arguments in (("--help",), ("runs",), ("runs", "--json"), ("show", "latest", "--json")):
            seconds(home, *arguments)
            times = [seconds(home, *arguments) for _ in range(options.times)]
            median = statistics.median(times)
            barred = arguments[0] in ("--help", "runs")
            over = over or (barred and median > BAR_S)
            mark = ("" if median <= BAR_S else f"  over {BAR_S} s") if barred else ""
            print(
                f"{' '.join(arguments):<24}{median:>7.2f} s{min(times):>7.2f} s"
                f"{max(times):>7.2f} s{mark}"
            )
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
