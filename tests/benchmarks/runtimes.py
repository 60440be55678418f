"""One release of onnxruntime-genai against another, for every kind of export.

    python -m tests.benchmarks.runtimes RUN NAME=FOLDER NAME=FOLDER [--rows N] [--rounds N]

RUN is the folder of a run with an adapter. Each FOLDER holds one release (``pip install --no-deps
--target FOLDER onnxruntime-genai==…``) and is put before everything else that Python finds; an
empty one is the environment's own. Each kind is built and judged once by either, and not again in
the same home; then the built models are loaded and asked in turns, and the table has the medians.
Times are the process's own on the processor, so that other programs disturb them less.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from phi3studio.app.paths import Home
from phi3studio.app.program import program
from phi3studio.domain.events.measured_events import Verified
from phi3studio.domain.recipe import parse_recipe
from phi3studio.runs.recipe_files import write_recipe
from phi3studio.runs.store import RunFolder, RunStore

KINDS: dict[str, dict[str, str]] = {
    "int4 quality": {"quantisation": "int4", "int4": "quality"},
    "int4 fast": {"quantisation": "int4", "int4": "fast"},
    "int4 small": {"quantisation": "int4", "int4": "small"},
    "fp32": {"quantisation": "fp32"},
    "fp16": {"quantisation": "fp16", "provider": "cuda"},
    "bf16": {"quantisation": "bf16", "provider": "cuda"},
}
FIGURES = ("load_s", "first_s", "decode", "peak_mb")
ROOT = Path(__file__).resolve().parents[2]
WRITTEN = 64
ASK = f"""
import json, resource, sys, time
from pathlib import Path
from phi3studio.worker.process.privacy import disable_telemetry
disable_telemetry()
from phi3studio.worker.genai.genai import GenaiModel
began = time.process_time()
model = GenaiModel(Path(sys.argv[1]), 2)
loaded = time.process_time()
ids = model.encode("Once upon a time there was a small village by the sea. " * 12)
generator = model.generator(len(ids) + 2 * {WRITTEN} + 2)
generator.append_tokens(ids)
generator.generate_next_token()
first = time.process_time()
written = 1
while written < {WRITTEN}:
    if generator.is_done():  # a tuned model has said all; it goes on with something else
        generator.append_tokens(ids[:1])
    generator.generate_next_token()
    written += 1
print(json.dumps({{
    "load_s": loaded - began, "first_s": first - loaded,
    "decode": (written - 1) / max(time.process_time() - first, 1e-9),
    "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
}}))
"""


def environment(folder: str, home: Path) -> dict[str, str]:
    """This environment with the runtime in *folder* before all others."""
    paths = [*([folder] if folder else []), str(ROOT)]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths), "PHI3STUDIO_HOME": str(home)}


def build(run: RunFolder, name: str, kind: str, folder: str, home: Path, rows: int) -> RunFolder:
    """A run that merged, exported and judged; raises where it does not complete."""
    values: dict[str, Any] = run.recipe().to_json()
    values["name"] = f"{name} {kind}"
    for made in RunStore(Home(home)).all():
        if made.state() == "completed" and made.recipe().name == values["name"]:
            return made
    values["steps"] = ["merge", "quantise", "verify"]
    values["model"]["adapter"] = str(run.adapter)
    values["data"]["split"]["limit"] = rows
    values["target"] = {"train_on": "cpu", **KINDS[kind]}
    with tempfile.TemporaryDirectory() as scratch:
        recipe = Path(scratch) / "recipe.yaml"
        write_recipe(parse_recipe(values), recipe)
        subprocess.run(
            program("run", str(recipe)),
            env=environment(folder, home),
            check=True,
            stdout=subprocess.DEVNULL,
        )
    return max(RunStore(Home(home)).all(), key=lambda found: found.name)


def asked(model: Path, folder: str, home: Path) -> dict[str, float] | None:
    """The figures of one process that loads *model* and writes; ``None`` where it cannot."""
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(model)],
        env=environment(folder, home),
        capture_output=True,
        text=True,
        check=False,
    )
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else None


def main() -> None:
    """See the module's text."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("runtimes", nargs="+", metavar="NAME=FOLDER")
    parser.add_argument("--kinds", nargs="+", default=list(KINDS))
    parser.add_argument("--rows", type=int, default=60, help="held-out rows of the verdict")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    run = RunFolder(options.run)
    home = run.path.parent.parent
    runtimes = dict(word.split("=", 1) for word in options.runtimes)
    for kind in options.kinds:
        models, verdicts = {}, {}
        for name, folder in runtimes.items():
            made = build(run, name, kind, folder, home, options.rows)
            models[name] = made.model
            verdicts[name] = next(
                event.payload for event in made.events() if isinstance(event.payload, Verified)
            )
        figures: dict[str, list[dict[str, float]]] = defaultdict(list)
        for _ in range(options.rounds):
            for name, folder in runtimes.items():
                found = asked(models[name], folder, home)
                if found is not None:
                    figures[name].append(found)
        for name in runtimes:
            print(row(kind, name, models[name], verdicts[name], figures[name]), flush=True)


def row(
    kind: str, name: str, model: Path, verdict: Verified, figures: list[dict[str, float]]
) -> str:
    """One line of the table."""
    exported = verdict.models.get("exported")
    score = exported.score if exported is not None else None
    size = sum(file.stat().st_size for file in model.rglob("*") if file.is_file()) / 1e6
    cells = [
        kind,
        name,
        "–" if score is None else f"{100 * score:.1f} %",
        "–" if verdict.kl is None else f"{verdict.kl:.4f}",
        *(
            f"{statistics.median(f[key] for f in figures):.4g}" if figures else "–"
            for key in FIGURES
        ),
        f"{size:.1f}",
    ]
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
