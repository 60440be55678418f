"""Which settings of preference tuning help: methods, learning rates and epochs over folds.

    python -m tests.benchmarks.preference_settings --out RESULTS --seconds 600
    python -m tests.benchmarks.preference_settings --out RESULTS --usual
    python -m tests.benchmarks.preference_settings --table RESULTS

Every fold of the sample's pairs is held out once: first a run learns the better answers of the
others, then each setting goes on from its adapter. All are whole runs of the program with the
starter up to the merged model, ``--side-by-side`` at once; ``--usual`` takes each method once, as
the presets have it. Told are the figures of the merged model: pairs preferred, implicit reward,
answers that end, words right (F1), tokens of an answer, and what was lost on general questions
(nats a token). For KTO both answers of a pair are rows, and "preferred" is how often a good answer
gained more than a bad one.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import statistics
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phi3studio.app.paths import Home
from phi3studio.domain.recipe import Recipe, parse_recipe
from phi3studio.runs import launch
from phi3studio.runs.store import RunStore
from phi3studio.worker.models import resolve_model
from tests.benchmarks.preferences import SAMPLE

FOLDS = 4
_FIGURES = ("prefers", "reward", "margin", "stops", "f1", "tokens", "forgot")


@dataclass(frozen=True)
class Setting:
    """One training; ``beta`` 0 is the method's usual one."""

    objective: str
    rate: float
    epochs: float
    fold: int
    beta: float = 0.0


def settings() -> list[Setting]:
    """Rates and epochs of each method over two folds; then DPO's beta, and the other folds."""
    rates, epochs = (3e-5, 1e-4, 2e-4, 4e-4), (1.0, 3.0)
    first = [
        Setting(objective, rate, length, fold)
        for fold in range(2)
        for objective, rate, length in itertools.product(("dpo", "orpo", "simpo"), rates, epochs)
    ]
    betas = [
        Setting("dpo", rate, 2.0, fold, beta)
        for fold, rate, beta in itertools.product(range(2), rates[1:3], (0.05, 0.3))
    ]
    more = [
        Setting("dpo", rate, 2.0, fold) for rate, fold in itertools.product(rates, range(FOLDS))
    ]
    return first + more + betas


def usual() -> list[Setting]:
    """Each method once, as the presets have it for the sample."""
    return [Setting(objective, 1e-4, 1.0, 0) for objective in ("simpo", "kto", "dpo", "orpo")]


def fold_files(folder: Path, fold: int) -> tuple[Path, Path]:
    """The pairs to train and the ones held out; pairs of one message are never parted."""
    rows = SAMPLE.read_text("utf-8").splitlines()
    messages = sorted({json.loads(row)["message"] for row in rows})
    held = set(messages[fold::FOLDS])
    folder.mkdir(parents=True, exist_ok=True)
    files = folder / "train.jsonl", folder / "held_out.jsonl"
    for file, wanted in zip(files, (False, True), strict=True):
        kept = [row for row in rows if (json.loads(row)["message"] in held) is wanted]
        file.write_text("\n".join(kept) + "\n", "utf-8")
    return files


def rated_file(pairs: Path) -> Path:
    """Both answers of the *pairs* as rows with a label."""
    rows = [json.loads(line) for line in pairs.read_text("utf-8").splitlines()]
    file = pairs.with_name(f"rated-{pairs.name}")
    file.write_text(
        "".join(
            json.dumps({"message": row["message"], "chosen": row[side], "label": side == "chosen"})
            + "\n"
            for row in rows
            for side in ("chosen", "rejected")
        ),
        "utf-8",
    )
    return file


def recipe_of(
    model: Path, setting: Setting, folder: Path, gpu: bool, adapter: Path | None
) -> Recipe:
    train, held_out = fold_files(folder / f"fold-{setting.fold}", setting.fold)
    sft, rated = setting.objective == "sft", setting.objective == "kto"
    if rated:
        train, held_out = rated_file(train), rated_file(held_out)
    # As the presets have it: eight pairs, or answers, in a step, and eight rows in a pass.
    batch = {} if sft or rated else {"batch_size": 4, "accumulation": 2}
    device = {"train_on": "cuda", "provider": "cuda"}
    return parse_recipe(
        {
            "name": f"{setting.objective}-{setting.fold}",
            "steps": ["train"] if sft else ["train", "merge", "verify"],
            "data": {
                "source": str(train),
                "template": {
                    "prompt": "### Message: {message}\n### Answer:\n",
                    "completion": "{chosen}",
                },
                "rejected": None if sft or rated else "{rejected}",
                "rating": "label" if rated else None,
                "split": {"file": str(held_out)},
            },
            "model": {"source": str(model), "adapter": str(adapter) if adapter else None},
            "method": {"objective": setting.objective, "beta": setting.beta or None},
            "training": {
                "learning_rate": setting.rate,
                "epochs": setting.epochs,
                "evaluations": 0,
                **batch,
            },
            "target": device if gpu else {},
        }
    )


def finished(home: Home, recipe: Recipe) -> Any:
    run = RunStore(home).create(recipe)
    launch.start(run)
    while run.alive():
        launch.reap()
        time.sleep(0.5)
    if run.state() != "completed":
        print(f"{run.name} is {run.state()}: {list(run.events())[-1].payload}", flush=True)
        return None
    return run


def figures(run: Any) -> dict[str, float | None]:
    """The merged model's."""
    view = run.view()
    merged = view.metrics["merged"]
    return {
        "prefers": merged.preference.prefers,
        "reward": merged.preference.reward,
        "margin": merged.preference.margin,
        "stops": merged.stops,
        "f1": merged.token_f1,
        "tokens": merged.answer_tokens,
        "forgot": view.forgetting.lost,
        "start": view.metrics["start"].preference.prefers if "start" in view.metrics else None,
    }


def measure(out: Path, wanted: list[Setting], seconds: float, side_by_side: int, gpu: bool) -> None:
    """Run all *wanted* settings that *out* does not have yet, as far as the seconds go."""
    model, end = resolve_model("starter"), time.monotonic() + seconds
    known = _results(out) if out.exists() else []
    done = {Setting(**{f.name: row[f.name] for f in dataclasses.fields(Setting)}) for row in known}
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(side_by_side) as pool:
        folder = Path(name)

        # Runs of one home stand in line.
        def home(setting: Setting) -> Home:
            return Home(folder / "-".join(map(str, dataclasses.astuple(setting))))

        def first(fold: int) -> Path | None:
            setting = Setting("sft", 1e-3, 2.0, fold)
            run = finished(home(setting), recipe_of(model, setting, folder, gpu, None))
            return run.adapter if run else None

        folds = sorted({setting.fold for setting in wanted})
        adapters = dict(zip(folds, pool.map(first, folds), strict=True))
        print(f"{end - time.monotonic():.0f} s are left after the first trainings", flush=True)

        def one(setting: Setting) -> None:
            adapter = adapters[setting.fold]
            if adapter is None or time.monotonic() > end:
                return
            began = time.monotonic()
            run = finished(home(setting), recipe_of(model, setting, folder, gpu, adapter))
            if run is not None:
                row = dataclasses.asdict(setting) | figures(run)
                row["seconds"] = round(time.monotonic() - began, 1)
                with out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")

        for _ in pool.map(one, [setting for setting in wanted if setting not in done]):
            pass


def _results(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def table(out: Path) -> None:
    """Each setting with the mean of its folds."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in _results(out):
        groups[row["objective"], row["beta"], row["rate"], row["epochs"]].append(row)
    print("| method | beta | rate | epochs | folds |", " | ".join(_FIGURES), "|")
    print("|" + " --- |" * (5 + len(_FIGURES)))
    for (objective, beta, rate, epochs), found in sorted(groups.items()):
        cells = [objective, beta or "usual", f"{rate:.0e}", f"{epochs:g}", len(found)]
        for name in _FIGURES:
            values = [row[name] for row in found if row[name] is not None]
            cells.append(f"{statistics.mean(values):.2f}" if values else "")
        print("|", " | ".join(map(str, cells)), "|")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--seconds", type=float, default=1e6)
    parser.add_argument("--side-by-side", type=int, default=1)
    parser.add_argument("--usual", action="store_true")
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    if options.table:
        table(options.table)
        return
    import torch

    wanted = usual() if options.usual else settings()
    measure(options.out, wanted, options.seconds, options.side_by_side, torch.cuda.is_available())


if __name__ == "__main__":
    main()
