"""The frozen program compared with the same program from source: first window, training.

``python3 -m installers.linux.measure [--turns N] [--train]``. Both in turns, medians: what else the
machine does meets both alike. Bars: the first window at most 1.5 times as late, training at least
0.97 times as fast.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from installers.environment import build_environment
from installers.linux.xserver import Display, x_server
from installers.product import BUILD, NAME, ROOT, SLUG
from installers.tools import need, run

WINDOW_BAR = 1.5
TRAINING_BAR = 0.97
_RECIPE = """
name: measured
steps: [train]
data:
  source: @ROWS@
  template: {prompt: "### Text: {phrase}\\n### The tone is:\\n", completion: "{tone}"}
model: {source: starter}
method: {rank: 16, alpha: 32}
training: {max_steps: 12, batch_size: 8, evaluations: 0, precision: float32}
"""


def main() -> int:
    """Measure; 0 when the bars are held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--train", action="store_true", help="measure the training too: minutes")
    options = parser.parse_args()
    need("Xvfb", "xwininfo")
    ways = {
        "frozen": [str(BUILD / "bundle-cpu" / SLUG / SLUG)],
        "source": [str(build_environment("cpu")), "-m", SLUG],
    }
    with tempfile.TemporaryDirectory(prefix="phi3studio-measure-") as folder:
        home = Path(folder)
        with x_server() as display:
            windows = in_turns(ways, options.turns, lambda way: first_window(way, display, home))
        held = show("first window", windows, WINDOW_BAR)
        if options.train:
            runs = in_turns(ways, max(3, options.turns // 2), lambda way: training(way, home))
            held = show("training stage", runs, 1 / TRAINING_BAR) and held
    print("load", " ".join(f"{load:.1f}" for load in os.getloadavg()))
    return 0 if held else 1


def in_turns(
    ways: dict[str, list[str]], turns: int, measure: Callable[[list[str]], float]
) -> dict[str, list[float]]:
    """Seconds of each way, one after the other; a first turn only warms the files up."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(turns + 1):
        for name, way in ways.items():
            seconds = measure(way)
            if turn:
                found[name].append(seconds)
    return found


def first_window(way: list[str], display: Display, home: Path) -> float:
    """Seconds from the start of the process to the window on the screen."""
    environment = os.environ | {"DISPLAY": display.name, "PHI3STUDIO_HOME": str(home / "window")}
    environment.pop("QT_QPA_PLATFORM", None)
    app = subprocess.Popen(
        way, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        return display.wait_for(NAME, 60, every_s=0.0)
    finally:
        app.terminate()
        app.wait(20)
        while NAME in display.windows():
            time.sleep(0.02)


def training(way: list[str], home: Path) -> float:
    """Seconds of the training stage of a run that trains alone."""
    folder = home / "training"
    recipe = home / "recipe.yaml"
    recipe.write_text(_RECIPE.replace("@ROWS@", str(ROOT / "resources/samples/emotions.jsonl")))
    environment = os.environ | {"PHI3STUDIO_HOME": str(folder)}
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder / "runs")
    run([*way, "run", recipe], folder=ROOT, environment=environment)
    (events,) = folder.glob("runs/*/events.jsonl")
    for line in events.read_text("utf-8").splitlines():
        event = json.loads(line)
        if event["type"] == "stage_done" and event["name"] == "train":
            return float(event["seconds"])
    raise AssertionError(run(["tail", "-5", events]))


def show(title: str, found: dict[str, list[float]], bar: float) -> bool:
    """Print medians and their ratio; whether the bar is held."""
    medians = {name: statistics.median(values) for name, values in found.items()}
    ratio = medians["frozen"] / medians["source"]
    held = ratio <= bar
    for name, values in found.items():
        print(f"{title}, {name}: {medians[name]:.3f} s  ({min(values):.3f} to {max(values):.3f})")
    print(f"{title}: frozen takes {ratio:.2f} times the time; bar {bar:.2f}: {held}")
    return held


if __name__ == "__main__":
    raise SystemExit(main())
