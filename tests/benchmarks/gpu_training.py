"""Training speed and memory of the Phi-3-mini shape on an NVIDIA GPU, beside a plain PEFT loop.

    python -m tests.benchmarks.gpu_training [--out FILE] [--steps 12] [--only NAME …] [--profile]

The model has the published configuration of Phi-3-mini-4k and random weights, made on the GPU.
LoRA of rank 16 on all linear layers over bfloat16 weights, batches of 4,096 tokens: as one row,
and packed from rows of 64 to 640 tokens. Every variant runs in a process of its own; the same
batches in all. The share is of what a product of two 8,192² bfloat16 matrices reaches on the same
card, at four operations a parameter and token.
"""

from __future__ import annotations

import argparse
import contextlib
import cProfile
import itertools
import json
import pstats
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.packed_trainer import packed_trainer
from tests.full_size import SHAPES

TOKENS = 4096
WARM_UP = 4
OPERATIONS = 4

SHAPE = SHAPES["phi-3-mini-4k"][1] | {
    "pad_token_id": 32000,
    "bos_token_id": 1,
    "eos_token_id": 32000,
}
TARGETS = ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]

# name: (ours, packed from short rows, gradient checkpointing, 4-bit weights)
VARIANTS = {
    "plain, one row": (False, False, False, False),
    "ours, one row": (True, False, False, False),
    "plain, packed rows": (False, True, False, False),
    "ours, packed rows": (True, True, False, False),
    "plain, checkpointing": (False, False, True, False),
    "ours, checkpointing": (True, True, True, False),
    "plain, QLoRA, checkpointing": (False, False, True, True),
    "ours, QLoRA, checkpointing": (True, True, True, True),
}


def matmul_rate() -> float:
    """Operations a second of a large bfloat16 product on random values; the median of 20."""
    import torch

    size = 8192
    left, right = (torch.randn(size, size, device="cuda", dtype=torch.bfloat16) for _ in "ab")
    times = []
    for _ in range(25):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        left @ right
        end.record()
        torch.cuda.synchronize()
        times.append(begin.elapsed_time(end) / 1000)
    return 2 * size**3 / statistics.median(times[5:])


def make_model(checkpointing: bool, four_bits: bool, layers: int | None = None) -> Any:
    """The model with its adapter, on the GPU."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    values = SHAPE | ({"num_hidden_layers": layers} if layers else {})
    config = AutoConfig.for_model("phi3", **values)
    with torch.device("cuda"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    if four_bits:
        quantise(model)
    if checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
        model.enable_input_require_grads()
    settings = LoraConfig(r=16, lora_alpha=32, lora_dropout=0.0, target_modules=TARGETS)
    return get_peft_model(model, settings).train()


def quantise(model: Any) -> None:
    """Replace every linear layer but the head by bitsandbytes' NF4, one at a time."""
    import bitsandbytes as bnb
    import torch

    for name, module in list(model.named_modules()):
        if type(module) is torch.nn.Linear and name != "lm_head":
            layer = bnb.nn.Linear4bit(  # type: ignore[attr-defined]
                module.in_features,
                module.out_features,
                bias=False,
                compute_dtype=torch.bfloat16,
                quant_type="nf4",
                compress_statistics=True,
            )
            weight = module.weight.data.cpu()
            layer.weight = bnb.nn.Params4bit(  # type: ignore[attr-defined]
                weight, requires_grad=False, quant_type="nf4", compress_statistics=True
            )
            parent, _, child = name.rpartition(".")
            setattr(model.get_submodule(parent), child, layer.to("cuda"))
            del module
    # transformers' and PEFT's sign of such a model.
    model.is_loaded_in_4bit = True
    torch.cuda.empty_cache()


def batches(packed: bool, seed: int) -> Iterator[dict[str, Any]]:
    """Endless batches of TOKENS tokens; two thirds of every row's tokens are learned."""
    import random

    from phi3studio.worker.training.fused import collate_fused

    draw = random.Random(seed)
    while True:
        rows, left = [], TOKENS
        while left:
            length = min(left, draw.randint(64, 640)) if packed else left
            ids = [draw.randrange(3, SHAPE["vocab_size"]) for _ in range(length)]
            labels = [-100] * (length // 3) + ids[length // 3 :]
            rows.append({"input_ids": ids, "labels": labels})
            left -= length
        yield collate_fused(rows)


def measure(name: str, steps: int, profile: bool) -> dict[str, Any]:
    """One variant in this process."""
    import torch

    from phi3studio.worker.training.fused import fuse

    ours, packed, checkpointing, four_bits = VARIANTS[name]
    model = make_model(checkpointing, four_bits)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=1e-4, fused=True)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    fused = fuse(model) if ours else None
    source = batches(packed, seed=1)
    prepared = [next(source) for _ in range(4)]

    def step(inputs: dict[str, Any]) -> Any:
        if fused is not None:
            loss, learned = fused.loss(inputs)
            loss = loss / learned
        else:
            names = ["input_ids", "labels", *(["position_ids"] if packed else [])]
            moved = {name: inputs[name].cuda() for name in names}
            loss = model(**moved, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        return loss.detach()

    times, launches = [], []
    began = time.monotonic()
    for index in range(WARM_UP + steps):
        if index == WARM_UP:
            torch.cuda.synchronize()
            warm = time.monotonic() - began
        torch.cuda.synchronize()
        begin = time.perf_counter()
        found = step(prepared[index % len(prepared)])
        launches.append(time.perf_counter() - begin)
        loss = float(found)
        times.append(time.perf_counter() - begin)
    if profile and name == "ours, packed rows":
        show_profile(lambda: step(prepared[0]))
    seconds = statistics.median(times[WARM_UP:])
    return {
        "variant": name,
        "tokens_per_s": TOKENS / seconds,
        "gib": torch.cuda.max_memory_allocated() / 2**30,
        "parameters": 3_821_079_552,
        "loss": loss,
        "warm_up_s": warm,
        "launch_share": statistics.median(launches[WARM_UP:]) / seconds,
        "parts": None
        if fused is None
        else [
            fused.linear,
            fused.norms,
            fused.mlps,
            fused.attention is not None,
            fused.head is not None,
        ],
    }


def measure_trainer(steps: int, profile: bool) -> dict[str, Any]:
    """The product's own trainer, reporting every step: 16 rows of 256 tokens in a batch."""
    import random
    import tempfile

    import torch
    from transformers import TrainerCallback

    from phi3studio.worker.training.fused import fuse

    class Rows(torch.utils.data.Dataset):  # type: ignore[type-arg]
        def __init__(self, count: int) -> None:
            draw = random.Random(3)
            self.rows = [[draw.randrange(3, 32000) for _ in range(256)] for _ in range(count)]

        def __len__(self) -> int:
            return len(self.rows)

        def __getitem__(self, index: int) -> dict[str, list[int]]:
            ids = self.rows[index]
            return {"input_ids": ids, "labels": [-100] * 85 + ids[85:]}

    times: list[float] = []

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_log(self, *_: Any, **__: Any) -> None:
            times.append(time.perf_counter())

    model = make_model(False, False)
    torch.cuda.reset_peak_memory_stats()
    with tempfile.TemporaryDirectory() as folder:
        trainer = packed_trainer(
            model,
            fuse(model),
            Rows(16 * (WARM_UP + steps)),
            folder,
            [Clock()],
            per_device_train_batch_size=16,
            max_steps=WARM_UP + steps,
            logging_steps=1,
            learning_rate=1e-4,
        )
        clock = cProfile.Profile()
        if profile:
            clock.enable()
        trainer.train()
        if profile:
            clock.disable()
            pstats.Stats(clock, stream=sys.stderr).sort_stats("tottime").print_stats(40)
    gaps = [after - before for before, after in itertools.pairwise(times)]
    return {
        "variant": "ours, trainer",
        "tokens_per_s": TOKENS / statistics.median(gaps[WARM_UP:]),
        "gib": torch.cuda.max_memory_allocated() / 2**30,
        "parameters": 3_821_079_552,
        "loss": float(trainer.state.log_history[-2]["loss"]),
        "warm_up_s": 0.0,
        "parts": None,
    }


def show_profile(step: Any) -> None:
    import torch
    from torch.profiler import ProfilerActivity

    with torch.profiler.profile(activities=[ProfilerActivity.CUDA]) as found:
        step()
        torch.cuda.synchronize()
    print(found.key_averages().table(sort_by="self_device_time_total", row_limit=22,
                                     max_name_column_width=70), file=sys.stderr)  # fmt: skip


def check() -> dict[str, float]:
    """Relative error of the adapter's gradients in bfloat16, plain and fused, against float32."""
    import torch

    from phi3studio.worker.training.fused import fuse
    from phi3studio.worker.training.trainer import packed_loss

    inputs = next(batches(packed=True, seed=2))

    def gradients(kind: str) -> Any:
        model = make_model(False, False, layers=2)
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                torch.manual_seed(len(name))
                torch.nn.init.normal_(parameter, std=0.02)
        if kind == "float32":
            model = model.float()
        if kind == "fused":
            loss, _ = fuse(model).loss(inputs)
        else:
            names = ("input_ids", "labels", "position_ids")
            moved = {name: inputs[name].cuda() for name in names}
            loss, _, _ = packed_loss(model, moved)
        loss.backward()
        found = [p.grad.float().flatten() for p in model.parameters() if p.grad is not None]
        return float(loss.detach()), torch.cat(found)

    true_loss, true = gradients("float32")
    result = {}
    for kind in ("plain", "fused"):
        loss, found = gradients(kind)
        result[f"{kind} gradients"] = float((found - true).norm() / true.norm())
        result[f"{kind} loss"] = abs(loss - true_loss) / true_loss
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--only", nargs="*", default=[*VARIANTS, "ours, trainer"])
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--child")
    options = parser.parse_args()
    if options.child == "check":
        print(json.dumps(check()))
        return
    if options.child == "rate":
        print(json.dumps(matmul_rate()))
        return
    if options.child == "ours, trainer":
        print(json.dumps(measure_trainer(options.steps, options.profile)))
        return
    if options.child:
        print(json.dumps(measure(options.child, options.steps, options.profile)))
        return
    import torch
    import transformers

    card = torch.cuda.get_device_name()
    print(f"{card}; torch {torch.__version__}, transformers {transformers.__version__}, "
          f"CUDA {torch.version.cuda}")  # fmt: skip

    def child(name: str, *more: str) -> Any:
        arguments = [sys.executable, "-m", "tests.benchmarks.gpu_training", "--child", name]
        arguments += ["--steps", str(options.steps), *more]
        done = subprocess.run(arguments, stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(done.stdout.strip().splitlines()[-1])

    rate = child("rate")
    print(f"matrix product: {rate / 1e12:.0f} TFLOP/s")
    with contextlib.suppress(subprocess.CalledProcessError):
        print("error against float32:", {k: f"{v:.2e}" for k, v in child("check").items()})
    results = []
    for name in options.only:
        try:
            more = ("--profile",) if options.profile else ()
            result = child(name, *more)
        except subprocess.CalledProcessError as exc:
            print(f"{name:<30} failed ({exc.returncode})")
            continue
        share = OPERATIONS * result["parameters"] * result["tokens_per_s"] / rate
        results.append(result | {"share": share})
        print(f"{name:<30} {result['tokens_per_s']:>8.0f} tokens/s {result['gib']:>6.1f} GiB  "
              f"{share:>6.1%} of the matrix rate  loss {result['loss']:.3f} "
              f"warm-up {result['warm_up_s']:.0f} s {result['parts'] or ''}",
              flush=True)  # fmt: skip
    if options.out:
        options.out.write_text(json.dumps({"card": card, "rate": rate, "results": results}))


if __name__ == "__main__":
    main()
