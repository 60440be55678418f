"""Our training step beside a plain PEFT loop, and beside Olive's own LoRA pass with its padding.

    python -m tests.benchmarks.training               about 10 minutes on two cores
    python -m tests.benchmarks.training --steps 5     a first impression

All three train the starter model (``--model`` names another folder) on the same 800 rows, in the
same process with the same threads and number format. The plain loop gets exactly the batches
that ours took, in the same order; both are measured in turns, so that what else the machine does
meets both. Olive's pass pads every row to 1,024 tokens; a whole batch of them takes minutes and
gigabytes, so it gets a part of the batch (``--olive-batch``) and its time is multiplied. Times are
medians of whole steps, from the end of one to the end of the next; the first of each turn warms
up and is left out. Another program on the same cores makes every figure useless: compare the
column “from–to”, and the ratio of the fastest steps in the last one.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).resolve().parents[2] / "resources" / "samples"
ROWS = 800
PLAIN_BAR = 1.10
OLIVE_BAR = 0.5


@dataclass
class Times:
    """Seconds a step, and the batches in the order in which they were taken."""

    seconds: list[float] = field(default_factory=list)
    batches: list[list[dict[str, list[int]]]] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def spread(self) -> str:
        low, high = min(self.seconds), max(self.seconds)
        return f"{low:.2f}–{high:.2f}"


def rows() -> list[dict[str, str]]:
    """800 phrases with their tone: the sample data, and its beginning again in other words."""
    with (SAMPLES / "emotions.jsonl").open(encoding="utf-8") as lines:
        found = [json.loads(line) for line in lines]
    more = [row | {"phrase": f"Listen: {row['phrase']}"} for row in found]
    return list(itertools.islice(itertools.chain(found, more), ROWS))


def write(file: Path, values: Sequence[dict[str, str]]) -> Path:
    file.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")
    return file


def step_timer(times: Times) -> Any:
    """A trainer callback that notes each step's time, the first one left out."""
    from transformers import TrainerCallback

    class Timer(TrainerCallback):
        last = 0.0

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            now = time.perf_counter()
            if self.last:
                times.seconds.append(now - self.last)
            self.last = now

    return Timer


def our_steps(setting: Setting, times: Times, turn: int) -> Path | None:
    """The train stage's own workflow: Olive, our pass, our callback, with one evaluation less.

    Returns the adapter.
    """
    from phi3studio.app.files import write_json
    from phi3studio.runs.store import RunFolder
    from phi3studio.worker.olive import project_passes
    from phi3studio.worker.olive import workflow_config as oc
    from phi3studio.worker.olive.run_workflow import run_workflow
    from phi3studio.worker.process.control import Control, MemoryMeter
    from phi3studio.worker.process.emit import Emitter
    from phi3studio.worker.process.threads import ThreadGovernor
    from phi3studio.worker.training import trainer
    from phi3studio.worker.training.fused import attach
    from phi3studio.worker.training.fused.packed_rows import collate_rows

    folder = setting.scratch / f"ours-{turn}"
    folder.mkdir()
    run = RunFolder(folder)
    # A worker whose folder has no recipe takes it for deleted, and pauses.
    write_json(run.recipe_file, setting.recipe.to_json())
    plan = oc.TrainPlan(
        model=setting.model,
        train_file=setting.train_file,
        eval_file=None,
        checkpoints=folder / "checkpoints",
        output=folder / "output",
        cache=folder / "cache",
        total_steps=setting.steps + 1,
        precision=setting.recipe.training.precision,
        target_modules=setting.modules,
    )

    class Fixed(ThreadGovernor):
        """The same threads for all that is compared."""

        def look(self) -> int:
            return self.threads

    callback = trainer.RunCallback(
        Emitter(run), Control(run, lambda: None), MemoryMeter(), Fixed(), interval_s=1e9
    )
    collate = collate_rows

    def recording(batch: Any) -> Any:
        times.batches.append([dict(row) for row in batch])
        return collate(batch)

    vars(attach)["collate_rows"] = recording
    try:
        hooks = project_passes.PassHooks(
            callbacks=[callback, step_timer(times)()], on_tokens=callback.count_tokens
        )
        with project_passes.pass_hooks(hooks):
            made = run_workflow(oc.train_config(setting.recipe, plan), folder / "tmp")
        return made.adapter
    finally:
        vars(attach)["collate_rows"] = collate


def plain_steps(
    setting: Setting, times: Times, batches: Sequence[Sequence[dict[str, list[int]]]]
) -> None:
    """A loop as the PEFT documentation writes it: a padded batch, the model's own loss, AdamW."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, set_seed

    method, training = setting.recipe.method, setting.recipe.training
    set_seed(training.seed)
    dtype = getattr(torch, training.precision)
    base = AutoModelForCausalLM.from_pretrained(setting.model, dtype=dtype)
    model = get_peft_model(
        base,
        LoraConfig(
            r=method.rank,
            lora_alpha=method.alpha,
            lora_dropout=method.dropout,
            target_modules=list(setting.modules),
            task_type="CAUSAL_LM",
        ),
    )
    model.train()
    optimizer = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad], lr=training.learning_rate
    )
    last = 0.0
    for rows_ in batches:
        batch = padded(rows_)
        loss = model(**batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        loss.item()  # what every loop logs
        now = time.perf_counter()
        if last:
            times.seconds.append(now - last)
        last = now


def padded(batch: Sequence[dict[str, list[int]]]) -> dict[str, Any]:
    """The batch padded to its longest row."""
    import torch

    width = max(len(row["input_ids"]) for row in batch)

    def fill(key: str, value: int) -> Any:
        return torch.tensor([row[key] + [value] * (width - len(row[key])) for row in batch])

    mask = [[1] * len(row["input_ids"]) + [0] * (width - len(row["input_ids"])) for row in batch]
    return {
        "input_ids": fill("input_ids", 0),
        "attention_mask": torch.tensor(mask),
        "labels": fill("labels", -100),
    }


def olive_steps(
    setting: Setting, times: Times, steps: int, batch: int, pad: bool = True
) -> Path | None:
    """Olive's own LoRA pass on the same rows, with everything that it does by default.

    Without *pad* rows are padded to the longest of their batch only. Returns the adapter.
    """
    from olive.workflows import run
    from transformers import trainer

    from phi3studio.worker.process.privacy import silence_olive

    silence_olive()
    training, method = setting.recipe.training, setting.recipe.method
    folder = setting.scratch / f"olive-{pad}"
    config = {
        "input_model": {
            "type": "HfModel",
            "model_path": str(setting.model),
            "task": "text-generation",
        },
        "data_configs": [
            {
                "name": "rows",
                "type": "HuggingfaceContainer",
                "load_dataset_config": {
                    "data_name": "json",
                    "data_files": str(setting.rows_file),
                    "split": "train",
                },
                "pre_process_data_config": {
                    "text_template": "### Text: {phrase}\n### The tone is:\n{tone}",
                    "strategy": "line-by-line",
                    "pad_to_max_len": pad,
                },
            }
        ],
        "systems": {
            "local": {
                "type": "LocalSystem",
                "accelerators": [
                    {"device": "cpu", "execution_providers": ["CPUExecutionProvider"]}
                ],
            }
        },
        "passes": {
            "lora": {
                "type": "LoRA",
                "r": method.rank,
                "alpha": method.alpha,
                "lora_dropout": method.dropout,
                "target_modules": list(setting.modules),
                "torch_dtype": training.precision,
                "device_map": None,
                "train_data_config": "rows",
                "training_args": {
                    "seed": training.seed,
                    "per_device_train_batch_size": batch,
                    "gradient_checkpointing": False,
                    "learning_rate": training.learning_rate,
                    "max_steps": steps + 1,
                    "logging_steps": 1,
                    "save_strategy": "no",
                    "report_to": "none",
                    "disable_tqdm": True,
                    "use_cpu": True,
                },
            }
        },
        "host": "local",
        "target": "local",
        "search_strategy": False,
        "evaluate_input_model": False,
        "cache_dir": str(folder / "cache"),
        "output_dir": str(folder / "output"),
        "log_severity_level": 3,
    }
    timer = step_timer(times)
    trainer.DEFAULT_CALLBACKS.append(timer)
    try:
        run(config, tempdir=setting.scratch)
    finally:
        trainer.DEFAULT_CALLBACKS.remove(timer)
    times.seconds = [seconds * training.batch_size / batch for seconds in times.seconds]
    found = sorted((folder / "output").rglob("adapter_model.safetensors"))
    return found[0].parent if found else None


@dataclass(frozen=True)
class Setting:
    """What all three have in common."""

    model: Path
    recipe: Any
    modules: tuple[str, ...]
    rows_file: Path
    train_file: Path
    scratch: Path
    steps: int


def prepare_setting(arguments: argparse.Namespace, scratch: Path) -> Setting:
    from transformers import AutoTokenizer

    from phi3studio.domain.recipe import Data, Method, Model, Recipe, Split, Template, Training
    from phi3studio.worker.data.preparing.prepare_examples import prepare
    from phi3studio.worker.models import model_facts, resolve_model

    model = resolve_model(arguments.model, print)
    values = rows()
    rows_file = write(scratch / "rows.jsonl", values)
    held_out = write(
        scratch / "held-out.jsonl",
        [{"phrase": f"{n} more, and nothing else.", "tone": "Joy"} for n in range(4)],
    )
    recipe = Recipe(
        name="benchmark",
        data=Data(
            source=str(rows_file),
            template=Template(prompt="### Text: {phrase}\n### The tone is:\n", completion="{tone}"),
            split=Split(file=str(held_out)),
        ),
        model=Model(source=str(model)),
        method=Method(rank=16, alpha=32),
        training=Training(
            batch_size=arguments.batch, learning_rate=5e-4, precision=arguments.precision
        ),
    )
    tokenizer = AutoTokenizer.from_pretrained(model)
    prepared = prepare(recipe, tokenizer, scratch / "data", lambda step, total: None)
    assert prepared.train_rows == ROWS, prepared
    return Setting(
        model=model,
        recipe=recipe,
        modules=model_facts(model).target_modules("auto"),
        rows_file=rows_file,
        train_file=prepared.train,
        scratch=scratch,
        steps=arguments.steps,
    )


def compute_like_a_worker() -> None:
    """Start this program over with a worker's settings: C library and OpenMP read them once."""
    from phi3studio.runs.launch import computing

    wanted = computing(os.environ)
    if wanted != os.environ:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], wanted)


def quietly(work: Callable[[], Any]) -> Any:
    """Libraries print a lot; what they print is of no interest here."""
    sys.stdout.flush()
    kept = os.dup(1)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        try:
            return work()
        finally:
            sys.stdout.flush()
            os.dup2(kept, 1)
            os.close(kept)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=8, help="measured steps of each turn")
    parser.add_argument("--turns", type=int, default=4, help="turns of ours and of the plain loop")
    parser.add_argument("--batch", type=int, default=8, help="rows of one step")
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--model", default="starter", help="catalogue name or model folder")
    parser.add_argument("--olive-steps", type=int, default=2, help="0 leaves Olive's pass out")
    parser.add_argument("--olive-batch", type=int, default=2, help="rows of its forward pass")
    arguments = parser.parse_args()
    if arguments.olive_steps and arguments.batch % arguments.olive_batch:
        parser.error("--olive-batch has to divide --batch")
    compute_like_a_worker()

    from phi3studio.worker.process import privacy

    privacy.disable_telemetry()
    import torch

    from phi3studio.worker.process.threads import usable_cores

    torch.set_num_threads(usable_cores())
    ours, plain, olive = Times(), Times(), Times()
    with tempfile.TemporaryDirectory() as folder:
        setting = prepare_setting(arguments, Path(folder))
        for turn in range(arguments.turns):
            before = len(ours.batches)
            quietly(lambda turn=turn: our_steps(setting, ours, turn))
            batches = ours.batches[before : before + arguments.steps + 1]
            quietly(lambda batches=batches: plain_steps(setting, plain, batches))
        if arguments.olive_steps:
            quietly(
                lambda: olive_steps(setting, olive, arguments.olive_steps, arguments.olive_batch)
            )
    report(ours, plain, olive, arguments.batch, torch.get_num_threads())
    return 0


def report(ours: Times, plain: Times, olive: Times, batch: int, threads: int) -> None:
    lengths = [len(row["input_ids"]) for rows_ in ours.batches for row in rows_]
    print(
        f"{ROWS} rows, {batch} a step, {statistics.mean(lengths):.0f} tokens a row "
        f"(longest {max(lengths)}), {threads} threads\n"
    )
    print(
        f"{'':<28}{'median':>9}{'from–to':>15}{'steps':>7}{'ours / this':>13}{'bar':>8}"
        f"{'fastest':>10}"
    )
    for name, times, bar in (
        ("ours", ours, None),
        ("plain PEFT loop", plain, PLAIN_BAR),
        ("Olive's LoRA, its padding", olive, OLIVE_BAR),
    ):
        if not times.seconds:
            continue
        ratio = ours.median / times.median
        judged = "" if bar is None else f"{'≤' if ratio <= bar else 'over'} {bar:.2f}"
        fastest = min(ours.seconds) / min(times.seconds)
        print(
            f"{name:<28}{times.median:>7.2f} s{times.spread():>15}{len(times.seconds):>7}"
            f"{ratio:>13.2f}{judged:>8}{fastest:>10.2f}"
        )


if __name__ == "__main__":
    sys.exit(main())
