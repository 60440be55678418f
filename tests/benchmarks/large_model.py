"""A full-size shape all the way on this machine: memory and time of every stage.

    python -m tests.benchmarks.large_model [--shape phi-3-mini-4k] [--layers N] [--steps 3]
                                           [--keep FOLDER] [--plain FOLDER] [--logits]
                                           [--int4 quality]

The model has the published configuration of one of ``tests/full_size.py``, random bfloat16 weights
and the tests' tokenizer; with fewer layers the run is shorter. A real run trains three LoRA steps,
merges, quantises and verifies; then the exported model streams one answer in a process of its own.
Bars: 14 GB of resident memory in any process (18 for Phi-4-mini), and at most 1.5 times the plain
path's time per parameter on the starter, which ``--plain FOLDER`` measures with the folder of the
starter.

``--logits`` exports the run's merged model in float32 as well and compares its logits with those of
PyTorch in float32, for a short text and one past the edge of what the model sees at once: the bar
is 1e-4. Where it is exceeded, both are compared with PyTorch in float64.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from tests.full_size import SHAPES, make_full_size, parameters_of, text_lengths

BAR = 14e9
# Its table of 200,064 tokens alone takes 1.2 GB in 16 bits.
BARS = {"phi-4-mini": 18e9}
LOGITS_BAR = 1e-4
_KEPT = 1024
"""The last positions of a text, whose logits are compared."""
_AT_ONCE = 256
"""Positions whose logits are compared in one go."""


def logits_memory(shape: str) -> float:
    """Bytes that must be free for ``--logits``: twice the weights in float32 while they are
    exported (measured: 1.6 to 2.1 times), or once and the longer text's attention and logits."""
    config = SHAPES[shape][1]
    longest = max(text_lengths(shape))
    text = 4.0 * longest * (4 * longest * config["num_attention_heads"] + 4 * config["vocab_size"])
    return parameters_of(shape) * 4.0 + max(parameters_of(shape) * 4.0, text) + 2e9


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


def run_all(model: Path, home: Path, steps: int, int4: str, merged: Path | None = None) -> Any:
    """The run's folder after a whole run; its merged model is kept in the folder *merged*."""
    from phi3studio.app.paths import Home
    from phi3studio.runs import launch
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
        int4=int4,
        rank=16,
        target_modules="all_linear",
    )
    run = RunStore(Home(home)).create(recipe)
    launch.start(run)
    stage, began = "", time.monotonic()
    while run.worker() is not None:
        time.sleep(0.3)
        view = run.view()
        if view.stage and view.stage != stage:
            stage = view.stage
            print(f"  {time.monotonic() - began:6.0f} s  {stage}", flush=True)
            if stage == "verify" and merged is not None:
                # As links: the run is about to remove it.
                shutil.copytree(run.work / "merged", merged, copy_function=os.link)
    launch.reap()
    return run


def answer(folder: Path) -> None:
    """Stream one answer; prints tokens, seconds and peak memory as JSON."""
    from phi3studio.worker.genai.genai import GenaiModel

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
    from phi3studio.worker.olive import workflow_config as oc
    from phi3studio.worker.olive.run_workflow import run_workflow

    recipe = Recipe.model_validate({"steps": ["quantise"], "model": {"source": str(folder)}})
    parameters = model_facts(folder).parameters
    with tempfile.TemporaryDirectory() as scratch:
        config = oc.build_config(recipe, folder, Path(scratch) / "o", Path(scratch) / "c")
        began = time.monotonic()
        run_workflow(config, Path(scratch) / "t")
    print(json.dumps({"seconds": time.monotonic() - began, "parameters": parameters}))


# --- logits ---------------------------------------------------------------------------------------


def texts(merged: Path, shape: str) -> dict[int, list[int]]:
    """Random ids by their number, the same in every process."""
    vocabulary = json.loads((merged / "config.json").read_text("utf-8"))["vocab_size"]
    chance = np.random.default_rng(1)
    return {
        length: [int(n) for n in chance.integers(10, vocabulary, length)]
        for length in text_lengths(shape)
    }


def export(merged: Path, output: Path) -> None:
    """Export the merged model in float32 to *output*, the way of a run."""
    from phi3studio.worker.olive import workflow_config as oc
    from phi3studio.worker.olive.run_workflow import run_workflow
    from tests.worker.running import tiny_recipe

    recipe = tiny_recipe(merged, merged / "no-data", quantisation="fp32")
    with tempfile.TemporaryDirectory(dir=output.parent) as name:
        scratch = Path(name)
        config = oc.build_config(recipe, merged, scratch / "built", scratch / "cache")
        made = run_workflow(config, scratch / "tmp").model
        (made if made.is_dir() else made.parent).rename(output)


def reference(merged: Path, shape: str, dtype: str, output: Path) -> None:
    """Write the merged model's logits in PyTorch, as float32 or float64, to the folder *output*.

    float64 on a GPU where there is one with the memory; norms and softmax stay in float32 there.
    """
    import torch
    from transformers import AutoModelForCausalLM

    output.mkdir()
    model = AutoModelForCausalLM.from_pretrained(
        merged, dtype=getattr(torch, dtype), attn_implementation="eager"
    ).eval()
    device = "cpu"
    if dtype == "float64" and torch.cuda.is_available():
        needed = model.num_parameters() * 8 + 16e9
        device = "cuda" if torch.cuda.mem_get_info()[0] > needed else "cpu"
    model.to(device)
    for length, ids in texts(merged, shape).items():
        with torch.no_grad():
            asked = torch.tensor([ids], device=device)
            logits = model(asked, use_cache=False, logits_to_keep=_KEPT).logits[0]
        np.save(output / f"{length}.npy", logits.cpu().numpy())


def exported(model: Path, merged: Path, shape: str, output: Path) -> None:
    """Write the exported model's logits in onnxruntime-genai to the folder *output*."""
    from phi3studio.worker.genai.genai import GenaiModel
    from phi3studio.worker.process.threads import usable_cores

    output.mkdir()
    loaded = GenaiModel(model, threads=usable_cores())
    for length, ids in texts(merged, shape).items():
        np.save(output / f"{length}.npy", loaded.logits(ids)[-_KEPT:])


def difference(one: Path, other: Path) -> dict[str, float]:
    """Where two files of logits are farthest apart (absolute, position), the largest value, and
    the norm of the difference by that of *one*."""
    first, second = np.load(one, mmap_mode="r"), np.load(other, mmap_mode="r")
    width = min(first.shape[1], second.shape[1])
    worst = largest = apart = whole = 0.0
    at = 0
    for start in range(0, len(first), _AT_ONCE):
        a = np.asarray(first[start : start + _AT_ONCE, :width], dtype=np.float64)
        b = np.asarray(second[start : start + _AT_ONCE, :width], dtype=np.float64)
        gaps = np.abs(a - b).max(axis=1)
        # No comparison finds what is no number.
        if not np.isfinite(gaps).all():
            return {"worst": float("inf"), "at": start, "largest": largest, "relative": 1.0}
        if gaps.max() > worst:
            worst, at = float(gaps.max()), start + int(gaps.argmax())
        largest = max(largest, float(np.abs(a).max()))
        apart += float(np.square(a - b).sum())
        whole += float(np.square(a).sum())
    return {"worst": worst, "at": at, "largest": largest, "relative": (apart / whole) ** 0.5}


def compare_logits(merged: Path, shape: str, folder: Path) -> None:
    """Print how far merged and exported model are apart; heavy steps have their own process."""
    built = folder / "fp32"
    said = child("--child", "export", str(merged), str(built))
    print(f"  exported in float32 in {said['seconds']:.0f} s, {said['peak'] / 1e9:.1f} GB")
    said = child("--child", "reference", str(merged), shape, "float32", str(folder / "torch"))
    print(f"  PyTorch's logits in {said['seconds']:.0f} s, {said['peak'] / 1e9:.1f} GB")
    said = child("--child", "exported", str(built), str(merged), shape, str(folder / "genai"))
    print(f"  genai's logits in {said['seconds']:.0f} s, {said['peak'] / 1e9:.1f} GB")
    shutil.rmtree(built)
    worst = 0.0
    for length in text_lengths(shape):
        found = difference(folder / "torch" / f"{length}.npy", folder / "genai" / f"{length}.npy")
        worst = max(worst, found["worst"])
        at = found["at"] + max(0, length - _KEPT)
        print(f"  {length} tokens: {found['worst']:.2g} at position {at:.0f}, relative "
              f"{found['relative']:.1g}, largest logit {found['largest']:.2f}")  # fmt: skip
    mark = "ok  " if worst < LOGITS_BAR else "OVER"
    print(f"{mark} logits differ by at most {worst:.2g} (bar {LOGITS_BAR:g})", flush=True)
    if worst < LOGITS_BAR:
        return
    child("--child", "reference", str(merged), shape, "float64", str(folder / "exact"))
    for length in text_lengths(shape):
        exact = folder / "exact" / f"{length}.npy"
        for name in ("torch", "genai"):
            found = difference(exact, folder / name / f"{length}.npy")
            print(f"  {length} tokens, {name} from float64: {found['worst']:.2g} at position "
                  f"{found['at']:.0f}, relative {found['relative']:.1g}")  # fmt: skip


def measured(work: Any, *arguments: Any) -> None:
    """Do *work*; prints its seconds and this process's peak memory as JSON."""
    began = time.monotonic()
    work(*arguments)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": time.monotonic() - began, "peak": peak}))


def child(*arguments: str) -> Any:
    """This program with *arguments* in a process of its own; its last line as JSON."""
    command = [sys.executable, "-m", "tests.benchmarks.large_model", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def do_child(options: Any, kind: str, *arguments: str) -> None:
    """One heavy step, in this process."""
    match kind, arguments:
        case "make", (path,):
            print(make_full_size(options.shape, Path(path), options.layers))
        case "answer", (path,):
            answer(Path(path))
        case "plain", (path,):
            plain(Path(path))
        case "export", (merged, output):
            measured(export, Path(merged), Path(output))
        case "reference", (merged, shape, dtype, output):
            measured(reference, Path(merged), shape, dtype, Path(output))
        case "exported", (model, merged, shape, output):
            measured(exported, Path(model), Path(merged), shape, Path(output))
        case _:
            raise SystemExit(f"no such step: {kind} {arguments}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", choices=SHAPES, default="phi-3-mini-4k")
    parser.add_argument("--layers", type=int)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--plain", type=Path)
    parser.add_argument("--int4", choices=["quality", "fast", "small"], default="quality")
    parser.add_argument("--logits", action="store_true")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        do_child(options, *options.child)
        return
    with tempfile.TemporaryDirectory(dir=options.keep) as scratch:
        home = Path(scratch)
        model = (options.keep or home) / f"{options.shape}-{options.layers or 'whole'}"
        if not (model / "config.json").is_file():
            fewer = ("--layers", str(options.layers)) if options.layers else ()
            child("--child", "make", str(model), "--shape", options.shape, *fewer)
        weights = sum(file.stat().st_size for file in model.glob("*.safetensors"))
        print(f"{model.name}: {weights / 2e9:.2f} billion parameters", flush=True)
        merged = home / "logits" / "merged" if options.logits else None
        with Watch() as watch:
            run = run_all(model, home, options.steps, options.int4, merged)
        view = run.view()
        print(f"{run.state()}: {view.finished.error if view.finished else ''}")
        for stage, seconds in view.timings.items():
            print(f"  {stage:<9} {seconds:7.0f} s")
        bar = BARS.get(options.shape, BAR)
        mark = "ok  " if watch.resident <= bar else "OVER"
        print(f"{mark} peak of any process: {watch.resident / 1e9:.1f} GB resident, "
              f"{watch.own / 1e9:.1f} GB of its own (bar {bar / 1e9:.0f} GB)")  # fmt: skip
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
        if merged is not None and merged.is_dir():
            # Room on the disk: the export takes four bytes a parameter, and more while it is made.
            shutil.rmtree(run.path)
            if not options.keep:
                shutil.rmtree(model)
            compare_logits(merged, options.shape, merged.parent)


if __name__ == "__main__":
    main()
