"""Our GPTQ compared with Olive's: ``python -m tests.benchmarks.calibration MODEL [--rounds N]``

Both quantise the model to four bits in groups of 32, calibrated on the same rows, in turns and with
the same threads. Besides processor and wall-clock seconds it prints the perplexity on questions and
answers that neither was calibrated on.
"""

from __future__ import annotations

import argparse
import csv
import math
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from olive.data.registry import Registry
from olive.hardware.accelerator import DEFAULT_CPU_ACCELERATOR
from olive.model import HfModelHandler
from olive.passes.olive_pass import create_pass_from_dict
from olive.passes.pytorch.gptq import Gptq
from olive.passes.pytorch.quant_utils import prepare_model, run_layerwise_quantization
from transformers import AutoModelForCausalLM, AutoTokenizer

from phi3studio.resources import resources
from phi3studio.worker.data.preparing.calibration_rows import write_calibration
from phi3studio.worker.olive import project_passes  # noqa: F401 - registers the data component
from phi3studio.worker.olive.gptq import quantise_layers
from phi3studio.worker.olive.workflow_config import CALIBRATION


@Registry.register_pre_process("rows_with_masks")
def rows_with_masks(dataset: Any, **_: Any) -> list[tuple[dict[str, torch.Tensor], int]]:
    """Rows as Olive's own pass wants them: one by one, each with a mask."""
    rows = [torch.tensor(row) for row in dataset["input_ids"][:]]
    return [({"input_ids": row, "attention_mask": torch.ones_like(row)}, 0) for row in rows]


def data_config(file: Path, pre_process: str) -> dict[str, Any]:
    """The rows of *file* as Olive's passes read them."""
    return {
        "name": "rows",
        "type": "HuggingfaceContainer",
        "load_dataset_config": {
            "params": {"data_name": "parquet", "data_files": str(file), "split": "train"}
        },
        "pre_process_data_config": {"type": pre_process},
    }


def quantised(name: str, model: Path, rows: Path) -> tuple[Any, float, float]:
    """The model with weights on the grid, and the wall-clock and processor seconds."""
    settings = {"bits": 4, "group_size": 32, "sym": False}
    each = create_pass_from_dict(Gptq, settings, True, DEFAULT_CPU_ACCELERATOR)
    wrapper, *_ = prepare_model(HfModelHandler(str(model)), each.config)
    started, cpu = time.perf_counter(), time.process_time()
    if name == "ours":
        quantise_layers(wrapper, data_config(rows, CALIBRATION), 0.01, lambda: None)
    else:
        run_layerwise_quantization(
            HfModelHandler(str(model)),
            wrapper,
            data_config(rows, "rows_with_masks"),
            input_hook=Gptq.accumulate_hessian,
            process_module=lambda module, _: Gptq.process_module(module),
            update_before_process=False,
            include_lm_head=False,
        )
    return wrapper.model, time.perf_counter() - started, time.process_time() - cpu


@torch.no_grad()
def perplexity(model: Any, tokenizer: Any) -> float:
    """Of questions and answers that are not among the calibration's."""
    with (resources() / "samples" / "faq.csv").open(encoding="utf-8", newline="") as file:
        texts = [f"{row['Question']}\n{row['Best Answer']}" for row in csv.DictReader(file)]
    loss, tokens = 0.0, 0
    for text in texts[1::20]:
        ids = tokenizer(text, return_tensors="pt").input_ids[:, :512]
        count = ids.shape[1] - 1
        loss += float(model(input_ids=ids, labels=ids).loss) * count
        tokens += count
    return math.exp(loss / tokens)


def main() -> None:

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--train", type=Path, help="rows that a run prepared (train.parquet)")
    options = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    plain = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32)
    before = perplexity(plain, tokenizer)
    print(f"{torch.get_num_threads()} threads; unquantised: perplexity {before:.4f}")
    with tempfile.TemporaryDirectory() as scratch:
        rows = Path(scratch) / "rows.parquet"
        write_calibration(options.train, tokenizer, rows)
        seconds: dict[str, list[float]] = {"ours": [], "Olive": []}
        for name in [*seconds] * options.rounds:
            model, wall, cpu = quantised(name, options.model, rows)
            seconds[name].append(wall)
            said = f"{wall:.1f} s, {cpu:.1f} s of processors"
            print(f"{name}: {said}, perplexity {perplexity(model, tokenizer):.4f}", flush=True)
    ours, olives = (statistics.median(each) for each in seconds.values())
    print(f"ratio {olives / ours:.2f}")


if __name__ == "__main__":
    main()
