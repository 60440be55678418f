"""Our DPO compared with TRL's DPOTrainer on the same pairs and settings, on the CPU.

    pip install --no-deps --target DIR 'trl==1.16.*'
    TRL_FOLDER=DIR python -m tests.benchmarks.against_trl

Both train the starter with LoRA of rank 16 on q, k, v and o, eight pairs a step, one pass over as
many of the sample's pairs, one after the other in turns. The reference counts: ours is computed
once before the first step, TRL's in every step (``--precompute``: once, too). Samples a second are
pairs, without imports, loading and tokenising. TRL's gradient checkpointing, which makes it slower,
is off. Without ``--precision bfloat16`` both compute in float32: a processor without instructions
for bfloat16 is many times slower with it. Bar: 2 times.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from phi3studio.app.paths import Home
from phi3studio.domain.events.run_events import Progress
from tests.benchmarks.preferences import SAMPLE, done, recipe_of

BAR = 2.0
PAIRS = 8
RATE = 1e-4
LONGEST = 512
_COUNTED = ("computing the reference", "training")


def theirs(model: Path, pairs: Path, steps: int, precompute: bool, precision: str) -> float:
    """Pairs a second of TRL; in a process of its own, as its imports change transformers."""
    called = [sys.executable, "-m", __spec__.name, "--theirs", str(pairs), "--model", str(model)]
    called += [
        "--steps",
        str(steps),
        "--precision",
        precision,
        *(["--precompute"] if precompute else []),
    ]
    path = os.pathsep.join([os.environ["TRL_FOLDER"], os.environ.get("PYTHONPATH", "")])
    found = subprocess.run(
        called,
        env=os.environ | {"PYTHONPATH": path.rstrip(os.pathsep), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout[-2000:] + found.stderr[-3000:]
    return steps * PAIRS / float(found.stdout.splitlines()[-1])


def train_theirs(model: Path, pairs: Path, steps: int, precompute: bool, precision: str) -> float:
    """Seconds of TRL's training, and of the reference where it is computed before."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer

    trl: Any = import_module("trl")
    rows = [json.loads(line) for line in pairs.read_text("utf-8").splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        settings = trl.DPOConfig(
            output_dir=folder,
            per_device_train_batch_size=PAIRS,
            gradient_accumulation_steps=1,
            gradient_checkpointing=False,
            precompute_ref_log_probs=precompute,
            max_steps=steps,
            learning_rate=RATE,
            lr_scheduler_type="cosine",
            beta=0.1,
            max_length=LONGEST,
            bf16=precision == "bfloat16",
            use_cpu=True,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            seed=0,
        )
        # With a reference that is computed before, the trainer's making is timed.
        began = time.perf_counter()
        trainer = trl.DPOTrainer(
            AutoModelForCausalLM.from_pretrained(model, dtype=getattr(torch, precision)),
            args=settings,
            train_dataset=Dataset.from_list(rows),
            processing_class=AutoTokenizer.from_pretrained(model),
            peft_config=LoraConfig(
                r=16,
                lora_alpha=32,
                lora_dropout=0.05,
                target_modules=["q_proj", "k_proj", "v_proj", "o_proj"],
                task_type="CAUSAL_LM",
            ),
        )
        if not precompute:
            began = time.perf_counter()
        trainer.train()
        assert trainer.state.global_step == steps
        return time.perf_counter() - began


def ours(model: Path, folder: Path, steps: int, precision: str) -> tuple[float, Path]:
    """Pairs a second of a run's training with its reference, from its events; and its rows."""
    folder.mkdir()
    # As many as one epoch of the steps takes, and a fifth of all held out.
    rows = SAMPLE.read_text("utf-8").splitlines(keepends=True)[: steps * PAIRS * 5 // 4]
    (folder / "sample.jsonl").write_text("".join(rows), "utf-8")
    recipe = recipe_of(
        model, "dpo", batch_size=PAIRS, accumulation=1, max_steps=steps, precision=precision,
        learning_rate=RATE, sequence_length=LONGEST,
    )  # fmt: skip
    method = recipe.method.model_copy(
        update={"target_modules": ["q_proj", "k_proj", "v_proj", "o_proj"]}
    )
    data = recipe.rows.model_copy(update={"source": str(folder / "sample.jsonl")})
    recipe = recipe.model_copy(update={"data": data})
    run = done(
        Home(folder / "home"), recipe.model_copy(update={"steps": ["train"], "method": method})
    )
    told = [e for e in run.events() if isinstance(e.payload, Progress)]
    begun = next(e.t for e in told if e.payload.activity in _COUNTED)
    return steps * PAIRS / (told[-1].t - begun), next(run.data.glob("train-*.parquet"))


def same_pairs(prepared: Path, file: Path) -> Path:
    """The run's own training rows as TRL reads them: held-out pairs are in neither."""
    import pyarrow.parquet as pq

    rows = pq.read_table(prepared, columns=["prompt", "completion", "rejected"]).to_pylist()
    file.write_text(
        "".join(
            json.dumps(
                {"prompt": r["prompt"], "chosen": r["completion"], "rejected": r["rejected"]}
            )
            + "\n"
            for r in rows
        ),
        "utf-8",
    )
    return file


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=23, help="23 are one epoch of the pairs")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--model", default="starter")
    parser.add_argument("--precompute", action="store_true")
    parser.add_argument("--theirs", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.theirs is not None:
        print(
            train_theirs(
                Path(given.model), given.theirs, given.steps, given.precompute, given.precision
            )
        )
        return 0

    from phi3studio.worker.models import resolve_model

    assert os.environ.get("TRL_FOLDER"), "TRL_FOLDER names no folder with TRL"
    model = resolve_model(given.model, print)
    own, other = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for turn in range(given.turns):
            speed, rows = ours(model, folder / f"ours-{turn}", given.steps, given.precision)
            own.append(speed)
            pairs = same_pairs(rows, folder / "pairs.jsonl")
            other.append(theirs(model, pairs, given.steps, given.precompute, given.precision))
            print(f"turn {turn + 1}: ours {own[-1]:.2f}, TRL {other[-1]:.2f} pairs/s", flush=True)
    ratio = statistics.median(own) / statistics.median(other)
    print(
        f"{given.steps} steps of {PAIRS} pairs, {given.precision}, medians of {given.turns} turns\n"
        f"ours   {statistics.median(own):.2f} pairs/s\n"
        f"TRL    {statistics.median(other):.2f} pairs/s\n"
        f"ratio  {ratio:.2f} ({'≥' if ratio >= BAR else 'under'} {BAR:g})"
    )
    return 0 if ratio >= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
