"""From *start* to the first optimiser step: ``python -m tests.benchmarks.startup [--turns N]``.

Bar: at most 1.2 times the imports and the model load themselves, measured in a bare process that
does just these and the same first step. Both in turns, medians.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from phi3studio.app.paths import Home
from phi3studio.domain.events.run_events import Progress
from phi3studio.runs import launch
from phi3studio.runs.store import RunStore
from tests.benchmarks.busy_desktop import recipe
from tests.benchmarks.training import rows, write
from tests.worker.running import completed

BAR = 1.2
# What a training cannot do without, in the order in which a script would write it.
BARE = """
import sys, time
import torch
from datasets import load_dataset
from olive.passes.pytorch.lora import LoRA
from olive.workflows import run
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, TrainingArguments
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
base = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.bfloat16)
attention = ["q_proj", "k_proj", "v_proj", "o_proj"]
model = get_peft_model(base, LoraConfig(r=16, target_modules=attention))
ids = torch.randint(10, 1000, (1, 256))
model(input_ids=ids, labels=ids).loss.backward()
"""


def bare(model: Path) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", BARE, str(model)], check=True, capture_output=True)
    return time.perf_counter() - began


def ours(store: RunStore, model: Path, data: Path) -> float:
    run = store.create(recipe(str(model), data, 1))
    began = time.time()
    launch.start(run)
    completed(run)
    first = next(
        event.t
        for event in run.events()
        if isinstance(event.payload, Progress) and event.payload.loss is not None
    )
    return first - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--model", default="starter")
    arguments = parser.parse_args()

    from phi3studio.worker.models import resolve_model

    model = resolve_model(arguments.model, print)
    with tempfile.TemporaryDirectory() as folder:
        data = write(Path(folder) / "rows.jsonl", rows())
        store = RunStore(Home(Path(folder) / "home"))
        bare(model)  # the files are read into the system's cache
        pairs = [(ours(store, model, data), bare(model)) for _ in range(arguments.turns)]
    own, other = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = own / other
    print(
        f"from start to the first optimiser step: {own:.1f} s; imports, load and a step in a bare "
        f"process: {other:.1f} s; ratio {ratio:.2f} ({'≤' if ratio <= BAR else 'over'} {BAR})"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
