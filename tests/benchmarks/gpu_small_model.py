"""Training speed of a small model on an NVIDIA GPU, next to a plain PEFT loop.

    python -m tests.benchmarks.gpu_small_model [--steps 120]

The model has the shape of SmolLM2-135M and random weights in bfloat16. LoRA of rank 16 on queries,
keys, values and outputs; batches of 8 rows as long as the sample's emotions with their prompt. Ours
is the program's own trainer, which reports every step, with its steps as CUDA graphs and without;
plain is a PEFT model with SDPA and padded rows in the simplest loop. Each runs in a process of its
own; times are medians of whole steps. Graphs must give the losses of launches of the same padded
batches bit by bit, with and without dropout; launches of batches that are not padded give others by
no more than bfloat16 rounds.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

from tests.benchmarks.packed_trainer import packed_trainer

SHAPE = {
    "vocab_size": 49152,
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "head_dim": 64,
    "max_position_embeddings": 8192,
    "rms_norm_eps": 1e-5,
    "tie_word_embeddings": True,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 2,
}
BATCH = 8
BAR = 8.0
KINDS = ("unpadded", "launches", "graphs")


def rows(count: int) -> list[dict[str, list[int]]]:
    """Rows of 24 to 40 tokens, of which the last two are learned."""
    draw = random.Random(5)
    found = []
    for _ in range(count):
        ids = [draw.randrange(3, 49152) for _ in range(draw.randint(24, 40))]
        found.append({"input_ids": ids, "labels": [-100] * (len(ids) - 2) + ids[-2:]})
    return found


def make_model(dropout: float) -> Any:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    with torch.device("cuda"):
        config = AutoConfig.for_model("llama", **SHAPE)
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    targets = ["q_proj", "k_proj", "v_proj", "o_proj"]
    settings = LoraConfig(r=16, lora_alpha=32, lora_dropout=dropout, target_modules=targets)
    return get_peft_model(model, settings).train()


def plain(steps: int, dropout: float) -> dict[str, Any]:
    """The simplest loop."""
    import torch

    model = make_model(dropout)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=1e-4, fused=True)
    times, losses, data = [], [], rows(BATCH * steps)
    for step in range(steps):
        begin = time.perf_counter()
        batch = data[step * BATCH : (step + 1) * BATCH]
        longest = max(len(row["input_ids"]) for row in batch)

        def fill(values: list[int], by: int, longest: int = longest) -> list[int]:
            return values + [by] * (longest - len(values))

        inputs = {
            "input_ids": [fill(row["input_ids"], 2) for row in batch],
            "labels": [fill(row["labels"], -100) for row in batch],
            "attention_mask": [fill([1] * len(row["input_ids"]), 0) for row in batch],
        }
        moved = {name: torch.tensor(value).cuda() for name, value in inputs.items()}
        loss = model(**moved, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        losses.append(float(loss))
        times.append(time.perf_counter() - begin)
    return {"seconds": statistics.median(times[10:]), "losses": losses}


def ours(steps: int, dropout: float, kind: str, profile: bool = False) -> dict[str, Any]:
    """The program's trainer: with "graphs", with "launches" of the same batches, or "unpadded"."""
    import cProfile
    import pstats

    import torch
    from transformers import TrainerCallback

    from phi3studio.worker.training.fused import fuse, graphs

    times: list[float] = []
    losses: list[float] = []

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_log(self, *_: Any, logs: Any = None, **__: Any) -> None:
            if "loss" in logs:
                times.append(time.perf_counter())
                losses.append(logs["loss"])

    model = make_model(dropout)
    fused = fuse(model)
    assert fused.can_record
    if kind == "unpadded":
        fused = dataclasses.replace(fused, can_record=False)
    elif kind == "launches":
        graphs._MOST_GRAPHS = 0
    with tempfile.TemporaryDirectory() as folder:
        trainer = packed_trainer(
            model,
            fused,
            rows(BATCH * steps),
            folder,
            [Clock()],
            per_device_train_batch_size=BATCH,
            max_steps=steps,
            logging_steps=1,
            learning_rate=1e-4,
            seed=3,
        )
        clock = cProfile.Profile()
        if profile:
            clock.enable()
        began = time.perf_counter()
        trainer.train()
        whole = time.perf_counter() - began
        if profile:
            clock.disable()
            pstats.Stats(clock, stream=sys.stderr).sort_stats("tottime").print_stats(30)
    gaps = [after - before for before, after in itertools.pairwise(times)]
    return {
        "seconds": statistics.median(gaps[10:]),
        "whole": whole / steps,
        "losses": losses,
        "gib": torch.cuda.max_memory_allocated() / 2**30,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--child", choices=["plain", *KINDS])
    parser.add_argument("--dropout", type=float, default=0.05)
    options = parser.parse_args()
    if options.child == "plain":
        print(json.dumps(plain(options.steps, options.dropout)))
        return
    if options.child:
        print(json.dumps(ours(options.steps, options.dropout, options.child, options.profile)))
        return

    def child(kind: str, dropout: float) -> Any:
        command = [sys.executable, "-m", "tests.benchmarks.gpu_small_model", "--child", kind]
        command += ["--steps", str(options.steps), "--dropout", str(dropout)]
        command += ["--profile"] if options.profile and kind == "graphs" and not dropout else []
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(done.stdout.strip().splitlines()[-1])

    base = child("plain", 0.05)
    print(f"plain PEFT loop         {base['seconds'] * 1e3:7.1f} ms a step")
    for dropout in (0.05, 0.0):
        found = {kind: child(kind, dropout) for kind in KINDS}
        for kind, result in found.items():
            far = max(
                abs(a - b) for a, b in zip(result["losses"], found["graphs"]["losses"], strict=True)
            )
            print(f"ours, {kind:<10} dropout {dropout:<5} {result['seconds'] * 1e3:7.1f} ms a step "
                  f"{base['seconds'] / result['seconds']:6.2f} × plain (bar {BAR}), whole run "
                  f"{result['whole'] * 1e3:.1f} ms a step, {result['gib']:.2f} GiB, last loss "
                  f"{result['losses'][-1]:.5f}, farthest from graphs {far:.1e}",
                  flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
