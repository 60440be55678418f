"""Estimate against fact: ``python -m tests.benchmarks.estimates [RECIPE …]``.

Without arguments the demo's recipe on the starter model and one of a tiny Phi-3. Each is
estimated at once, then after a dry run, then run; bars after the dry run: memory within 15 %,
time within 20 % of fact. Times need a quiet machine.

    python -m tests.benchmarks.estimates --shape phi-3-mini-4k --device cuda
                                         [--steps 300] [--batch 64] [--int4 quality]

takes a full-size shape with random weights instead, on a GPU in batches that are worth one. There
the training's time and the GPU's memory have bars of their own, the same.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from phi3studio.app.paths import user_home
from phi3studio.cli.commands.estimate_commands import _asked
from phi3studio.domain.recipe import Recipe
from phi3studio.runs import launch
from phi3studio.runs.recipe_files import read_recipe
from phi3studio.runs.store import RunStore
from tests.benchmarks.large_model import child
from tests.full_size import SHAPES
from tests.worker.running import completed, tiny_recipe, write_rows

MEMORY_BAR = 0.15
TIME_BAR = 0.20


def tiny(folder: Path) -> Recipe:
    """A tiny Phi-3 through every stage."""
    from tests.tiny_models import make_tiny_phi3

    model = make_tiny_phi3(folder / "tiny-phi3")
    data = write_rows(folder / "rows.jsonl", 400)
    changes: dict[str, Any] = {"max_steps": 200, "accumulation": 1, "batch_size": 8, "limit": 40}
    return tiny_recipe(model, data, "tiny Phi-3", quantisation="int4", **changes)


def full_size(folder: Path, shape: str, device: str, steps: int, batch: int, int4: str) -> Recipe:
    """A full-size shape through every stage; the model is made in a process of its own."""
    model = folder / shape
    child("--child", "make", str(model), "--shape", shape)
    changes: dict[str, Any] = {
        "max_steps": steps,
        "batch_size": batch,
        "accumulation": 1,
        "limit": 4,
    }
    changes |= {"precision": "auto", "rank": 16, "alpha": 16, "target_modules": "all_linear"}
    changes |= {"int4": int4, "train_on": device, "learning_rate": 1e-4, "sequence_length": 512}
    data = write_rows(folder / "rows.jsonl", 10_000)
    return tiny_recipe(model, data, f"{shape} on {device}", quantisation="int4", **changes)


def asked(recipe: Recipe, dry_run: bool) -> dict[str, Any]:
    """What the program says a recipe will take."""
    params = {"recipe": recipe.to_json(), "dry_run": dry_run}
    answer: dict[str, Any] = asyncio.run(_asked("estimate", params, True))
    return answer


def compare(recipe: Recipe) -> bool:
    """Print one recipe's table; whether the bars are kept."""
    said = asked(recipe, False)
    computed = said["estimate"]
    print(f"computed: {said}", flush=True)
    measured = asked(recipe, True)["estimate"]
    print(f"dry run: {measured}", flush=True)
    run = RunStore(user_home()).create(recipe)
    launch.start(run)
    completed(run, timeout=7200)
    view = run.view()
    print(
        f"\n{recipe.name}: {said['parameters'] / 1e9:.2f} billion parameters, {said['rows']} rows, "
        f"{said['tokens']} tokens, {view.precision}, {said['flops'] / 1e12:.2f} TFLOP/s"
    )
    print(f"{'':<12}{'computed':>12}{'dry run':>12}{'fact':>12}{'fact / dry':>12}")
    for name, fact in view.timings.items():
        row(name, computed["seconds"][name], measured["seconds"][name], fact, "s", 1.0)
    for name, fact in view.stage_memory.items():
        row(name, computed["memory"][name], measured["memory"][name], fact, "MB", 1e6)
    ratios = {
        "time": (sum(view.timings.values()) / sum(measured["seconds"].values()), TIME_BAR),
        "peak memory": (view.peak_memory / max(measured["memory"].values()), MEMORY_BAR),
    }
    # Without a GPU for the training, int4 may still be rounded on one that is there.
    if view.device_memory and said["device"] == "cuda":
        dry = measured["device_memory"]
        row("GPU", computed["device_memory"], dry, view.device_memory, "MB", 1e6)
        ratios["GPU memory"] = view.device_memory / dry, MEMORY_BAR
        ratios["training time"] = view.timings["train"] / measured["seconds"]["train"], TIME_BAR
    kept = {name: abs(ratio - 1) <= bar for name, (ratio, bar) in ratios.items()}
    for name, (ratio, bar) in ratios.items():
        print(f"{'ok  ' if kept[name] else 'OVER'} {name} {ratio:.2f} of the estimate (±{bar:.0%})")
    return all(kept.values())


def row(name: str, computed: float, dry: float, fact: float, unit: str, scale: float) -> None:
    shown = [f"{value / scale:>9.1f} {unit:<2}" for value in (computed, dry, fact)]
    print(f"{name:<12}{''.join(shown)}{fact / dry:>12.2f}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipes", nargs="*", type=Path)
    parser.add_argument("--shape", choices=SHAPES)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--int4", choices=["quality", "fast", "small"], default="quality")
    arguments = parser.parse_args()
    from phi3studio.runs.demo import demo_recipe

    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        chosen = [read_recipe(file) for file in arguments.recipes]
        if arguments.shape is not None:
            device, steps, batch = arguments.device, arguments.steps, arguments.batch
            chosen.append(
                full_size(Path(folder), arguments.shape, device, steps, batch, arguments.int4)
            )
        chosen = chosen or [tiny(Path(folder)), demo_recipe(False)]
        kept = [compare(recipe) for recipe in chosen]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
