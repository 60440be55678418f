"""Does a training search beat the preset *Thorough*? Winner against preset on the reporting rows.

    python -m tests.benchmarks.training_search --tasks emotions intents --hours 1 --out FOLDER

Each task is a search of its own in the home FOLDER/TASK with the starter: run again, it goes on
where it was, and prints the table of what is done. The figures are those of the merged models on
the half of the held-out rows that chose nothing: nats a token, and the score. The hours are those
of all trainings of the search, and of the preset's alone.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

from phi3studio.app.paths import Home
from phi3studio.domain.events.measured_events import Metrics
from phi3studio.domain.recipe import Data, Model, Recipe, Split, Target, Template
from phi3studio.runs.recipe_files import write_recipe
from phi3studio.runs.store import RunFolder
from phi3studio.runs.studies.study_file import StudyStore
from phi3studio.worker.models import resolve_model
from tests.benchmarks.task_sets import TASK_SETS


def recipe_of(task: str, rows: int, folder: Path) -> Path:
    """The recipe of a task, with its rows next to it."""
    found = next(item for item in TASK_SETS if item.name == task).rows(rows)
    random.Random(1).shuffle(found)
    file = folder / f"{task}.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in found), encoding="utf-8")
    shape: dict[str, Any] = {"messages": "messages"}
    if "messages" not in found[0]:
        shape = {"template": Template(prompt="{prompt}", completion="{completion}")}
    recipe = Recipe(
        name=task,
        data=Data(source=str(file), split=Split(held_out=0.3), **shape),
        model=Model(source=str(resolve_model("starter"))),
        steps=["train", "merge", "verify"],
        target=Target(train_on="auto"),
    )
    written = folder / f"{task}.yaml"
    write_recipe(recipe, written)
    return written


def searched(task: str, rows: int, hours: float, out: Path) -> dict[str, Any]:
    """Search, or go on with it; the search as JSON."""
    home = Home(out / task)
    home.root.mkdir(parents=True, exist_ok=True)
    begun = StudyStore(home).all()
    arguments = [begun[0].name] if begun else [str(recipe_of(task, rows, home.root))]
    if not begun:
        arguments += ["--train", "--hours", str(hours)]
    done = subprocess.run(
        [sys.executable, "-m", "phi3studio", "search", *arguments, "--json"],
        env=os.environ | {"PHI3STUDIO_HOME": str(home.root)},
        stdout=subprocess.PIPE,
        check=True,
    )
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def merged(home: Home, name: str | None) -> Metrics | None:
    """The merged model's figures in a run."""
    return RunFolder(home.runs / name).view().metrics.get("merged") if name else None


def line(task: str, document: dict[str, Any], out: Path) -> str:
    """One row of the table."""
    home = Home(out / task)
    ours = merged(home, document.get("measured") or document["finished"])
    preset = merged(home, document.get("checked")) or ours
    assert ours is not None
    assert preset is not None
    seconds = [trial["seconds"] for trial in document["trials"]]
    figures = [
        f"{math.log(found.perplexity):.4f} ({100 * (found.score or 0):.1f} %)"
        for found in (preset, ours)
    ]
    return (
        f"| {task} | {ours.rows} | {len(seconds)} | {sum(seconds) / 3600:.2f} "
        f"({seconds[0] / 3600:.2f}) | {figures[0]} | {figures[1]} | "
        f"{document['verdict'].get('variant') or 'better'} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    names = [task.name for task in TASK_SETS]
    parser.add_argument("--tasks", nargs="+", choices=names, default=names[:6])
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    print("| task | rows | trials | hours (preset alone) | preset | winner | |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | --- |")
    for task in options.tasks:
        found = searched(task, options.rows, options.hours, options.out)
        print(line(task, found, options.out), flush=True)


if __name__ == "__main__":
    main()
