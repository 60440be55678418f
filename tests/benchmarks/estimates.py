"""Estimate against fact: ``python -m tests.benchmarks.estimates [RECIPE …]``.

Without arguments the demo's recipe on the starter model and one of a tiny Phi-3. Each is
estimated at once, then after a dry run, then run; bars after the dry run: memory within 15 %,
time within 20 % of fact. Times need a quiet machine.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from phi3studio.cli.estimate_commands import _asked
from phi3studio.domain.recipe import Recipe
from phi3studio.runs import launch
from phi3studio.runs.paths import user_home
from phi3studio.runs.recipes import read_recipe
from phi3studio.runs.store import RunStore
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


def asked(recipe: Recipe, dry_run: bool) -> dict[str, Any]:
    params = {"recipe": recipe.to_json(), "dry_run": dry_run}
    answer: dict[str, Any] = asyncio.run(_asked("estimate", params, True))["estimate"]
    return answer


def compare(recipe: Recipe) -> bool:
    """Print one recipe's table; whether the bars are kept."""
    computed, measured = asked(recipe, False), asked(recipe, True)
    run = RunStore(user_home()).create(recipe)
    launch.start(run)
    completed(run, timeout=7200)
    view = run.view()
    print(f"\n{recipe.name}\n{'':<12}{'computed':>12}{'dry run':>12}{'fact':>12}{'fact / dry':>12}")
    for name, fact in view.timings.items():
        row(name, computed["seconds"][name], measured["seconds"][name], fact, "s", 1.0)
    for name, fact in view.stage_memory.items():
        row(name, computed["memory"][name], measured["memory"][name], fact, "MB", 1e6)
    time_ratio = sum(view.timings.values()) / sum(measured["seconds"].values())
    memory_ratio = view.peak_memory / max(measured["memory"].values())
    kept = abs(time_ratio - 1) <= TIME_BAR, abs(memory_ratio - 1) <= MEMORY_BAR
    print(
        f"time {time_ratio:.2f} ({'within' if kept[0] else 'over'} {TIME_BAR:.0%}), "
        f"peak memory {memory_ratio:.2f} ({'within' if kept[1] else 'over'} {MEMORY_BAR:.0%})"
    )
    return all(kept)


def row(name: str, computed: float, dry: float, fact: float, unit: str, scale: float) -> None:
    shown = [f"{value / scale:>9.1f} {unit:<2}" for value in (computed, dry, fact)]
    print(f"{name:<12}{''.join(shown)}{fact / dry:>12.2f}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipes", nargs="*", type=Path)
    arguments = parser.parse_args()
    from phi3studio.runs.demo import demo_recipe

    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        chosen = [read_recipe(file) for file in arguments.recipes]
        chosen = chosen or [tiny(Path(folder)), demo_recipe(False)]
        kept = [compare(recipe) for recipe in chosen]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
