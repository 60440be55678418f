"""Our training beside LLaMA-Factory 0.9.5 on the same rows and settings, on the CPU in bfloat16.

    python -m tests.benchmarks.against_llama_factory --venv DIR [--steps N]

LLaMA-Factory comes from PyPI into an environment of its own (``--venv``; made when absent, with
the same PyTorch), because its dependencies exclude ours. Both train the starter model with LoRA
of rank 16 on q, k, v and o, batch 8, for the same number of steps, one after the other in turns.
Samples a second are of the training loop, without imports and loading. Bar: 3 times.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from phi3studio.app.paths import Home
from phi3studio.domain.events.run_events import Progress
from phi3studio.domain.recipe import Data, Method, Model, Recipe, Split, Template, Training
from phi3studio.runs import launch
from phi3studio.runs.store import RunStore
from tests.benchmarks.training import rows, write
from tests.worker.running import completed

BAR = 3.0
VERSION = "0.9.5"
TORCH = "2.13.0"
BATCH = 8
RATE = 5e-4


def environment(folder: Path) -> Path:
    """The program in a virtual environment at *folder*, made when absent."""
    program = folder / "bin" / "llamafactory-cli"
    if not program.is_file():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        wanted = [f"torch=={TORCH}", f"llamafactory=={VERSION}"]
        pip = folder / "bin" / "pip"
        subprocess.run([pip, "install", "-q", *wanted], check=True)
        # For pictures and sound only; their builds on PyPI need CUDA's libraries.
        subprocess.run([pip, "uninstall", "-q", "-y", "torchvision", "torchaudio"], check=True)
        # It is imported in any case, and used for sound only: an empty module will do.
        packages = next((folder / "lib").glob("python*")) / "site-packages"
        (packages / "torchaudio.py").write_text("")
    return program


def theirs(program: Path, model: Path, folder: Path, steps: int) -> float:
    """Samples a second of LLaMA-Factory's training loop."""
    folder.mkdir()
    write_rows = [
        {
            "instruction": f"### Text: {row['phrase']}\n### The tone is:\n",
            "input": "",
            "output": row["tone"],
        }
        for row in rows()
    ]
    (folder / "rows.json").write_text(json.dumps(write_rows), "utf-8")
    (folder / "dataset_info.json").write_text(json.dumps({"rows": {"file_name": "rows.json"}}))
    settings: dict[str, Any] = {
        "model_name_or_path": str(model),
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "lora",
        "lora_rank": 16,
        "lora_alpha": 32,
        "lora_dropout": 0.05,
        "lora_target": "q_proj,k_proj,v_proj,o_proj",
        "dataset": "rows",
        "dataset_dir": str(folder),
        "template": "empty",
        "cutoff_len": 1024,
        "output_dir": str(folder / "output"),
        "overwrite_cache": True,
        "per_device_train_batch_size": BATCH,
        "gradient_accumulation_steps": 1,
        "learning_rate": RATE,
        "lr_scheduler_type": "cosine",
        "max_steps": steps,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "use_cpu": True,
        "bf16": True,
        "disable_gradient_checkpointing": True,
    }
    # YAML, which JSON is a part of: this version cannot read a file named .json.
    file = folder / "train.yaml"
    file.write_text(json.dumps(settings))
    done = subprocess.run(
        [program, "train", str(file)],
        env=os.environ
        | {
            "HF_HUB_OFFLINE": "1",
            "DISABLE_VERSION_CHECK": "1",
            "PATH": f"{program.parent}:{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    results = folder / "output" / "all_results.json"
    assert results.is_file(), done.stdout[-2000:] + done.stderr[-3000:]
    found = json.loads(results.read_text())
    return steps * BATCH / float(found["train_runtime"])


def ours(model: Path, folder: Path, steps: int) -> float:
    """Samples a second of a run's training, from its events."""
    folder.mkdir()
    recipe = Recipe(
        name="benchmark",
        steps=["train"],
        data=Data(
            source=str(write(folder / "rows.jsonl", rows())),
            template=Template(prompt="### Text: {phrase}\n### The tone is:\n", completion="{tone}"),
            split=Split(limit=8),
        ),
        model=Model(source=str(model)),
        method=Method(rank=16, alpha=32),
        training=Training(
            batch_size=BATCH,
            learning_rate=RATE,
            max_steps=steps,
            evaluations=0,
            precision="bfloat16",
        ),
    )
    run = RunStore(Home(folder / "home")).create(recipe)
    launch.start(run)
    completed(run, timeout=7200)
    told = [e for e in run.events() if isinstance(e.payload, Progress)]
    begun = next(e.t for e in told if e.payload.activity == "training" and e.payload.total == steps)
    return steps * BATCH / (told[-1].t - begun)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--venv", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=100, help="100 are one epoch of the rows")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--model", default="starter")
    arguments = parser.parse_args()

    from phi3studio.worker.models import resolve_model

    model = resolve_model(arguments.model, print)
    program = environment(arguments.venv.absolute())
    own, other = [], []
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(arguments.turns):
            own.append(ours(model, Path(folder) / f"ours-{turn}", arguments.steps))
            other.append(theirs(program, model, Path(folder) / f"theirs-{turn}", arguments.steps))
    ratio = statistics.median(own) / statistics.median(other)
    print(
        f"{arguments.steps} steps of {BATCH} rows, bfloat16, medians of {arguments.turns} turns\n"
        f"ours            {statistics.median(own):.2f} samples/s\n"
        f"LLaMA-Factory   {statistics.median(other):.2f} samples/s\n"
        f"ratio           {ratio:.2f} ({'≥' if ratio >= BAR else 'under'} {BAR:g})"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
