"""Which settings learn best: learning rate, epochs, batch and rank over sets of rows.

    python -m tests.benchmarks.preset_settings --rows FILE             # tokenise the sets
    python -m tests.benchmarks.preset_settings --rows FILE --run grid --seconds 560 --out RESULTS
    python -m tests.benchmarks.preset_settings --rows FILE --run around --out RESULTS
    python -m tests.benchmarks.preset_settings --table RESULTS

Each training is the program's own trainer over the starter in bfloat16, on an NVIDIA GPU: as many
processes for each GPU as ``--side-by-side`` says. A set's last rows are held out (200, a quarter of
a small set). Measured on them: negative log likelihood of the learned tokens, and the share of
answers whose every token is the most likely one, which is what an answer at temperature zero gets
right. ``grid`` tries rates and epochs for each set and number of rows; ``around`` varies batch,
rank and target modules one at a time around the best of the grid; ``presets`` trains as the
window's presets would.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import math
import multiprocessing
import os
import random
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

from tests.benchmarks.packed_trainer import packed_trainer
from tests.benchmarks.task_sets import TASK_SETS

_SIZES = (100, 300, 1000, 5000)
_LARGEST_OF = ("intents", "orders", "descriptions", "bookings")
_EPOCHS = {100: (2.0, 6.0, 15.0), 300: (1.0, 3.0, 8.0), 1000: (1.0, 3.0, 6.0), 5000: (1.0, 2.0)}
_RATES = (3e-4, 1e-3, 2e-3, 4e-3)
_HELD_OUT = 200
STARTER = 134_515_008
"""Parameters."""
_LONGEST = 1024


class Settings(NamedTuple):
    """One training."""

    task: str
    rows: int
    rate: float
    epochs: float
    batch: int = 8
    rank: int = 16
    modules: str = "auto"
    dropout: float = 0.0
    seed: int = 0

    @property
    def steps(self) -> int:
        return max(1, math.ceil(self.rows * self.epochs / self.batch))


# --- rows -------------------------------------------------------------------------------------


def tokenise(file: Path) -> None:
    """Write the tokens of all sets: a list of train rows and one of held-out rows each."""
    from phi3studio.domain.recipe import Data, Template
    from phi3studio.worker.data.preparing.render import Renderer
    from phi3studio.worker.data.preparing.tokenise import Encoder
    from phi3studio.worker.models.open_tokenizer import open_tokenizer
    from phi3studio.worker.models.resolve import resolve_model

    tokenizer = open_tokenizer(resolve_model("starter", print), False)
    encoder = Encoder(tokenizer)
    found: dict[str, Any] = {}
    for task in TASK_SETS:
        rows = task.rows()
        random.Random(1).shuffle(rows)
        data = (
            Data(source="rows.jsonl", messages="messages")
            if "messages" in rows[0]
            else Data(
                source="rows.jsonl",
                template=Template(prompt="{prompt}", completion="{completion}"),
            )
        )
        renderer = Renderer(data, tokenizer, encoder.stop, list(rows[0]))
        examples = encoder.examples([renderer.render(row) for row in rows], _LONGEST)
        kept = [{"input_ids": e.input_ids, "labels": e.labels} for e in examples]
        held = min(_HELD_OUT, len(kept) // 4)
        found[task.name] = {"train": kept[held:], "held_out": kept[:held]}
        lengths = sorted(len(e.input_ids) for e in examples)
        print(f"{task.name:16}{len(kept):6} rows, median {lengths[len(lengths) // 2]} tokens")
    file.write_text(json.dumps(found), "utf-8")


def sizes_of(task: str, train: int) -> list[int]:
    """The numbers of rows to try: all of a small set in place of the next larger number."""
    found = [size for size in _SIZES if size <= train]
    if train < 1000 and train - found[-1] > found[-1] // 4:
        found.append(train)
    return [size for size in found if size < 5000 or task in _LARGEST_OF]


def grid(rows: dict[str, Any]) -> list[Settings]:
    """Every rate with every number of epochs."""
    found = []
    for task, parts in rows.items():
        for size in sizes_of(task, len(parts["train"])):
            near = min(_EPOCHS, key=lambda known: abs(math.log(known / size)))
            found += [
                Settings(task, size, rate, epochs)
                for rate, epochs in itertools.product(_RATES, _EPOCHS[near])
            ]
    random.Random(2).shuffle(found)
    return found


def around(results: list[dict[str, Any]]) -> list[Settings]:
    """One change at a time from the best of each set and number of rows below 1,000."""
    best: dict[tuple[str, int], dict[str, Any]] = {}
    for result in results:
        key = (result["task"], result["rows"])
        if result["rows"] < 1000 and (key not in best or _better(result, best[key])):
            best[key] = result
    found = []
    for result in best.values():
        base = Settings(*(result[name] for name in Settings._fields))
        root = math.sqrt(2.0)
        found += [
            base._replace(seed=1),
            base._replace(batch=4, rate=base.rate / root),
            base._replace(batch=16, rate=base.rate * root),
            base._replace(batch=32, rate=base.rate * 2),
            base._replace(rank=8),
            base._replace(rank=32),
            base._replace(rank=64),
            base._replace(modules="all_linear"),
            base._replace(modules="all_linear", rank=32),
            base._replace(dropout=0.05),
            base._replace(epochs=base.epochs * 2),
        ]
    random.Random(3).shuffle(found)
    return found


def presets(rows: dict[str, Any]) -> list[Settings]:
    """What the three presets choose, for each set and number of rows."""
    from phi3studio.wizard.flow import PRESETS
    from phi3studio.wizard.tuning_presets import preset_settings

    found = []
    for task, parts in rows.items():
        train = parts["train"]
        learned = sum(len(r["labels"]) - r["labels"].count(-100) for r in train) / len(train)
        for size, name in itertools.product(sizes_of(task, len(train)), PRESETS):
            method, training = preset_settings(name, size, STARTER, learned=learned)
            steps = training.total_steps(size)
            epochs = steps * training.batch_size / size
            found.append(Settings(task, size, training.learning_rate, epochs, rank=method.rank))
    return found


def _better(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return bool(one["nll"] < other["nll"])


# --- one training -----------------------------------------------------------------------------

_worker: dict[str, Any] = {}


def _start(file: str, model: str, turn: Any, gpus: int) -> None:
    with turn.get_lock():
        turn.value += 1
        # With more than one in sight the trainer would split every batch over all of them.
        os.environ["CUDA_VISIBLE_DEVICES"] = str(turn.value % gpus)
    import torch

    torch.set_num_threads(1)
    _worker["rows"] = json.loads(Path(file).read_text("utf-8"))
    _worker["model"] = model


def train(settings: Settings) -> dict[str, Any]:
    """Train once and measure."""
    import torch
    from peft import (
        LoraConfig,
        get_peft_model,
        get_peft_model_state_dict,
        set_peft_model_state_dict,
    )
    from transformers import AutoModelForCausalLM

    from phi3studio.worker.training.fused import fuse

    began = time.perf_counter()
    parts = _worker["rows"][settings.task]
    torch.manual_seed(settings.seed)
    targets = ["q_proj", "k_proj", "v_proj", "o_proj"]
    if settings.modules == "all_linear":
        targets += ["gate_proj", "up_proj", "down_proj"]
    lora = LoraConfig(
        r=settings.rank,
        lora_alpha=2 * settings.rank,
        lora_dropout=settings.dropout,
        target_modules=targets,
    )

    def fresh() -> Any:
        base = AutoModelForCausalLM.from_pretrained(_worker["model"], dtype=torch.bfloat16)
        return get_peft_model(base.cuda(), lora).train()

    # Fused layers read packed batches alone: the measuring is done by the model's own ones.
    plain, model = fresh(), fresh()
    before = measure(plain, parts["held_out"])
    fused = fuse(model)
    with tempfile.TemporaryDirectory() as folder:
        trainer = packed_trainer(
            model,
            fused,
            parts["train"][: settings.rows],
            folder,
            per_device_train_batch_size=settings.batch,
            max_steps=settings.steps,
            logging_steps=max(1, settings.steps // 4),
            learning_rate=settings.rate,
            lr_scheduler_type="cosine",
            warmup_steps=math.ceil(0.05 * settings.steps),
            max_grad_norm=1.0,
            seed=settings.seed,
        )
        trainer.train()
    set_peft_model_state_dict(plain, get_peft_model_state_dict(model))
    after = measure(plain, parts["held_out"])
    result = settings._asdict() | after | {"steps": settings.steps}
    result |= {f"base_{name}": value for name, value in before.items()}
    result["seconds"] = round(time.perf_counter() - began, 1)
    del trainer, fused, model, plain
    gc.collect()
    torch.cuda.empty_cache()
    return result


def measure(model: Any, rows: list[dict[str, list[int]]]) -> dict[str, float]:
    """Mean negative log likelihood (nats a token), and shares of tokens and answers right."""
    import torch

    was = model.training
    model.eval()
    total, tokens, right, whole = 0.0, 0, 0, 0
    with torch.no_grad():
        for begin in range(0, len(rows), 32):
            batch = rows[begin : begin + 32]
            longest = max(len(row["input_ids"]) for row in batch)
            ids = torch.tensor(
                [row["input_ids"] + [0] * (longest - len(row["input_ids"])) for row in batch]
            ).cuda()
            labels = torch.tensor(
                [row["labels"] + [-100] * (longest - len(row["labels"])) for row in batch]
            ).cuda()
            mask = torch.tensor(
                [[1] * len(r["input_ids"]) + [0] * (longest - len(r["input_ids"])) for r in batch]
            ).cuda()
            logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1]
            wanted = labels[:, 1:]
            learned = wanted != -100
            total += float(
                torch.nn.functional.cross_entropy(
                    logits[learned].float(), wanted[learned], reduction="sum"
                )
            )
            hit = (logits.argmax(-1) == wanted) | ~learned
            tokens += int(learned.sum())
            right += int((hit & learned).sum())
            whole += int(hit.all(1).sum())
    model.train(was)
    return {"nll": total / tokens, "token_right": right / tokens, "right": whole / len(rows)}


def run(
    file: Path, out: Path, which: str, seconds: float, side_by_side: int, tasks: list[str]
) -> None:
    """Train all settings of *which* (of some sets, or of all where *tasks* is empty), as far as
    *seconds* go; a result a line in *out*."""
    import torch

    from phi3studio.worker.models.resolve import resolve_model

    model = str(resolve_model("starter", print))
    rows = json.loads(file.read_text("utf-8"))
    known = _results(out) if out.exists() else []
    done = {tuple(result[name] for name in Settings._fields) for result in known}
    plan = {"grid": grid, "presets": presets}[which](rows) if which != "around" else around(known)
    plan = [
        settings
        for settings in plan
        if tuple(settings) not in done and (not tasks or settings.task in tasks)
    ]
    print(len(plan), "trainings,", sum(s.steps for s in plan), "steps")
    end = time.monotonic() + seconds
    context = multiprocessing.get_context("spawn")
    os.environ |= {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    turn = context.Value("i", 0)
    count = side_by_side * torch.cuda.device_count()
    with (
        context.Pool(count, _start, (str(file), model, turn, torch.cuda.device_count())) as pool,
        out.open("a", encoding="utf-8") as kept,
    ):
        waiting = pool.imap_unordered(train, plan)
        for at in range(len(plan)):
            try:
                result = waiting.next(max(0.1, end - time.monotonic()))  # type: ignore[attr-defined]
            except multiprocessing.TimeoutError:
                print("time is up after", at)
                break
            kept.write(json.dumps(result) + "\n")
            kept.flush()
        pool.terminate()


def _results(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def table(out: Path) -> None:
    """Each set and number of rows: the best, and every rate's best beside it."""
    results = _results(out)
    groups: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for result in results:
        groups[result["task"], result["rows"]].append(result)
    names = (
        "set",
        "rows",
        "base right",
        "best right",
        "its NLL",
        "rate",
        "epochs",
        "batch",
        "rank",
    )
    print("|", " | ".join(names), "|\n|", " | ".join("---" for _ in names), "|")
    for (task, rows), found in sorted(groups.items()):
        best = min(found, key=lambda result: result["nll"])
        cells = [task, rows, f"{best['base_right']:.0%}", f"{best['right']:.0%}"]
        cells += [f"{best['nll']:.3f}", f"{best['rate']:.1e}", f"{best['epochs']:g}"]
        cells += [best["batch"], best["rank"]]
        print("|", " | ".join(map(str, cells)), "|")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--run", choices=("grid", "around", "presets"))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--seconds", type=float, default=1e6)
    parser.add_argument("--side-by-side", type=int, default=3)
    parser.add_argument("--tasks", nargs="*", default=[], help="names of sets; else all")
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    if options.table:
        table(options.table)
    elif options.run:
        run(
            options.rows,
            options.out,
            options.run,
            options.seconds,
            options.side_by_side,
            options.tasks,
        )
    else:
        tokenise(options.rows)


if __name__ == "__main__":
    main()
