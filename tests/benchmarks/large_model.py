"""A full-size shape all the way on this machine: memory and time of every stage.

    python -m tests.benchmarks.large_model [--shape phi-3-mini-4k] [--layers N] [--steps 3]
                                           [--keep FOLDER] [--plain FOLDER]

The model has the published configuration of one of ``tests/full_size.py``, random bfloat16 weights
and the tests' tokenizer; with fewer layers the run is shorter. A real run trains three LoRA steps,
merges, quantises and verifies; then the exported model streams one answer in a process of its own.
Bars: 14 GB of resident memory in any process, and at most 1.5 times the plain path's time per
parameter on the starter, which ``--plain FOLDER`` measures with the folder of the starter.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from tests.full_size import SHAPES, make_full_size

BAR = 14e9


class Watch:
    """The highest memory of any one process of this tree: resident, and of its own (not mapped)."""

    def __init__(self) -> None:
        self.resident = self.own = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        me = psutil.Process()
        while not self._done.wait(0.2):
            for process in me.children(recursive=True):
                try:
                    memory = process.memory_info()
                except psutil.Error:
                    continue
                self.resident = max(self.resident, memory.rss)
                self.own = max(self.own, memory.rss - memory.shared)


def run_all(model: Path, home: Path, steps: int) -> Any:
    """The run's folder after a whole run."""
    from phi3studio.runs import launch
    from phi3studio.runs.paths import Home
    from phi3studio.runs.store import RunStore
    from tests.worker.running import tiny_recipe, write_rows

    rows = write_rows(home / "phrases.jsonl", 40)
    recipe = tiny_recipe(
        model,
        rows,
        "large",
        max_steps=steps,
        batch_size=1,
        accumulation=1,
        precision="auto",
        gradient_checkpointing=True,
        limit=2,
        quantisation="int4",
        rank=16,
        target_modules="all_linear",
    )
    run = RunStore(Home(home)).create(recipe)
    launch.start(run)
    stage, began = "", time.monotonic()
    while run.worker() is not None:
        time.sleep(1)
        view = run.view()
        if view.stage and view.stage != stage:
            stage = view.stage
            print(f"  {time.monotonic() - began:6.0f} s  {stage}", flush=True)
    launch.reap()
    return run


def answer(folder: Path) -> None:
    """Stream one answer; prints tokens, seconds and peak memory as JSON."""
    from phi3studio.worker.chat.genai import GenaiModel

    began = time.monotonic()
    model = GenaiModel(folder, threads=os.cpu_count() or 1)
    loaded = time.monotonic()
    tokens = list(model.generate(list(range(10, 60)), 32))
    print(json.dumps({
        "load_s": loaded - began,
        "tokens": len(tokens),
        "seconds": time.monotonic() - loaded,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }))  # fmt: skip


def plain(folder: Path) -> None:
    """Seconds of the plain path (ModelBuilder alone, k_quant_mixed) on a small model, as JSON."""
    from phi3studio.domain.recipe import Recipe
    from phi3studio.worker.models import model_facts
    from phi3studio.worker.olive import config as oc
    from phi3studio.worker.olive.run import run_workflow

    recipe = Recipe.model_validate({"steps": ["quantise"], "model": {"source": str(folder)}})
    parameters = model_facts(folder).parameters
    with tempfile.TemporaryDirectory() as scratch:
        config = oc.build_config(recipe, folder, Path(scratch) / "o", Path(scratch) / "c")
        began = time.monotonic()
        run_workflow(config, Path(scratch) / "t")
    print(json.dumps({"seconds": time.monotonic() - began, "parameters": parameters}))


def child(*arguments: str) -> Any:
    """This program with *arguments* in a process of its own; its last line as JSON."""
    command = [sys.executable, "-m", "tests.benchmarks.large_model", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", choices=SHAPES, default="phi-3-mini-4k")
    parser.add_argument("--layers", type=int)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--plain", type=Path)
    parser.add_argument("--child", nargs=2)
    options = parser.parse_args()
    if options.child:
        kind, path = options.child
        if kind == "make":
            print(make_full_size(options.shape, Path(path), options.layers))
        elif kind == "answer":
            answer(Path(path))
        else:
            plain(Path(path))
        return
    with tempfile.TemporaryDirectory(dir=options.keep) as scratch:
        home = Path(scratch)
        model = (options.keep or home) / f"{options.shape}-{options.layers or 'whole'}"
        if not (model / "config.json").is_file():
            fewer = ("--layers", str(options.layers)) if options.layers else ()
            child("--child", "make", str(model), "--shape", options.shape, *fewer)
        weights = sum(file.stat().st_size for file in model.glob("*.safetensors"))
        print(f"{model.name}: {weights / 2e9:.2f} billion parameters", flush=True)
        with Watch() as watch:
            run = run_all(model, home, options.steps)
        view = run.view()
        print(f"{run.state()}: {view.finished.message if view.finished else ''}")
        for stage, seconds in view.timings.items():
            print(f"  {stage:<9} {seconds:7.0f} s")
        mark = "ok  " if watch.resident <= BAR else "OVER"
        print(f"{mark} peak of any process: {watch.resident / 1e9:.1f} GB resident, "
              f"{watch.own / 1e9:.1f} GB of its own (bar 14 GB)")  # fmt: skip
        if run.model.is_dir():
            said = child("--child", "answer", str(run.model))
            print(f"  an answer of {said['tokens']} tokens in {said['seconds']:.1f} s, loaded in "
                  f"{said['load_s']:.1f} s, {said['peak'] / 1e9:.1f} GB")  # fmt: skip
        ours = view.timings.get("merge", 0) + view.timings.get("quantise", 0)
        print(f"  merge and int4: {ours / (weights / 2) * 1e9:.0f} s a billion parameters")
        if options.plain:
            small = child("--child", "plain", str(options.plain))
            rate = small["seconds"] / small["parameters"] * 1e9
            print(f"  plain path on the small model: {rate:.0f} s a billion parameters; "
                  f"ratio {ours / (weights / 2) * 1e9 / rate:.2f} (bar 1.5)")  # fmt: skip


if __name__ == "__main__":
    main()
