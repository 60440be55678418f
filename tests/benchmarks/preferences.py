"""Examples first, then preferences, on the sample of customers' answers with the starter.

    python -m tests.benchmarks.preferences             the whole way, and what a step costs
    python -m tests.benchmarks.preferences --only steps

The way: a run that learns the better answers, a DPO run that goes on from its adapter, exported to
int4 and judged on the held-out pairs. Bars: the tuned model prefers the better answer in 85 % of
the pairs, the exported one within 2 points of it, all in 8 minutes on two quiet cores. The cost of
a step: seconds a token of DPO and ORPO against SFT, in turns with the same rows and the medians of
each, and their memory; bars 2.2 and 1.2, and 1.15 for the memory. Ratios of one call compare, also
where other programs run; times do not.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from phi3studio.app.paths import Home, user_home
from phi3studio.domain.events.run_events import Progress
from phi3studio.domain.recipe import Recipe, parse_recipe
from phi3studio.runs import launch
from phi3studio.runs.store import RunFolder, RunStore
from phi3studio.worker.models import resolve_model

SAMPLE = Path(__file__).resolve().parents[2] / "resources" / "samples" / "customer_answers.jsonl"
PREFERS_BAR, LOST_BAR, SECONDS_BAR = 0.85, 2.0, 480.0
STEP_BARS = {"dpo": 2.2, "orpo": 1.2}
MEMORY_BAR = 1.15
_RATES = {"sft": 1e-3, "dpo": 1e-4, "orpo": 1e-4}
# As the presets have it: as many rows in a pass.
_OF_EXAMPLES: dict[str, Any] = {"batch_size": 8}
_OF_PAIRS: dict[str, Any] = {"batch_size": 4, "accumulation": 2}


def recipe_of(model: Path, objective: str, adapter: Path | None = None, **training: Any) -> Recipe:
    """The sample's pairs, or for ``sft`` their better answers."""
    return parse_recipe(
        {
            "name": objective,
            "data": {
                "source": str(SAMPLE),
                "template": {
                    "prompt": "### Message: {message}\n### Answer:\n",
                    "completion": "{chosen}",
                },
                "rejected": None if objective == "sft" else "{rejected}",
            },
            "model": {"source": str(model), "adapter": str(adapter) if adapter else None},
            "method": {"objective": objective},
            "training": {"learning_rate": _RATES[objective], "evaluations": 0}
            | (_OF_EXAMPLES if objective == "sft" else _OF_PAIRS)
            | training,
        }
    )


def done(home: Home, recipe: Recipe) -> RunFolder:
    """A finished run of *recipe*."""
    run = RunStore(home).create(recipe)
    launch.start(run)
    while run.alive():
        launch.reap()
        time.sleep(0.5)
    if run.state() != "completed":
        raise SystemExit(f"{run.name} is {run.state()}:\n{launch.log_tail(run.log_file, 20)}")
    return run


def whole_way(home: Home, model: Path, epochs: float) -> bool:
    """SFT, then DPO, measured; whether the bars are met."""
    began = time.monotonic()
    train_only = {"steps": ["train"]}
    first = done(home, recipe_of(model, "sft", epochs=2).model_copy(update=train_only))
    run = done(home, recipe_of(model, "dpo", first.adapter, epochs=epochs))
    seconds = time.monotonic() - began
    view = run.view()
    print(f"{'model':<9} {'prefers':>8} {'reward':>7} {'margin':>7} {'words':>6} {'tokens':>7}")
    for role, metrics in view.metrics.items():
        found = metrics.preference
        assert found is not None
        reward = "" if found.reward is None else f"{100 * found.reward:.1f}"
        margin = "" if found.margin is None else f"{found.margin:.2f}"
        print(
            f"{role:<9} {100 * found.prefers:>8.1f} {reward:>7} {margin:>7} "
            f"{100 * (metrics.token_f1 or 0):>6.1f} {metrics.answer_tokens or 0:>7.0f}"
        )
    verdict, forgetting = view.verdict, view.forgetting
    assert verdict is not None
    assert forgetting is not None
    tuned = view.metrics["merged"].preference
    lost = verdict.preference_lost
    assert tuned is not None
    assert lost is not None
    print(f"points of preference lost in the export: {lost:.1f} (bar {LOST_BAR:g})")
    print(f"general questions: {forgetting.lost:+.2f} nats a token")
    print(f"seconds: {seconds:.0f} (bar {SECONDS_BAR:.0f}); stages of DPO: {view.timings}")
    return tuned.prefers >= PREFERS_BAR and lost <= LOST_BAR and seconds <= SECONDS_BAR


def steps(home: Home, model: Path, count: int, turns: int) -> bool:
    """What a step costs, in turns; whether the bars are met."""
    costs: dict[str, list[float]] = {name: [] for name in _RATES}
    memory = dict.fromkeys(_RATES, 0)
    for _ in range(turns):
        for objective in _RATES:
            recipe = recipe_of(model, objective, max_steps=count)
            run = done(home, recipe.model_copy(update={"steps": ["train"]}))
            costs[objective].append(seconds_a_token(run))
            memory[objective] = max(memory[objective], run.view().stage_memory["train"])
    plain, met = statistics.median(costs["sft"]), True
    for objective, bar in STEP_BARS.items():
        ratio = statistics.median(costs[objective]) / plain
        more = memory[objective] / memory["sft"]
        met = met and ratio <= bar and more <= MEMORY_BAR
        print(
            f"{objective}: {ratio:.2f} × the time of SFT a token (bar {bar}), memory {more:.2f} ×"
        )
    return met


def seconds_a_token(run: RunFolder) -> float:
    """The median over a run's steps, the first left out."""
    at = [
        (event.t, event.payload.tokens)
        for event in run.events()
        if isinstance(event.payload, Progress) and event.payload.loss is not None
    ]
    return statistics.median(
        (after[0] - before[0]) / (after[1] - before[1])
        for before, after in itertools.pairwise(at)
        if after[1] and before[1] is not None and after[1] > before[1]
    )


def main() -> int:
    """Exit code 0 where all bars that were measured are met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("way", "steps"))
    parser.add_argument("--epochs", type=float, default=1)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--turns", type=int, default=2)
    given = parser.parse_args()
    model = resolve_model("starter")
    print(f"{model}, of {user_home().root}")
    met = True
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        if given.only != "steps":
            met = whole_way(home, model, given.epochs) and met
        if given.only != "way":
            met = steps(home, model, given.steps, given.turns) and met
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
