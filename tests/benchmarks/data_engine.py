"""Speed, memory and response times of the data engine, printed beside their bars.

    python tests/benchmarks/data_engine.py --model FOLDER [--rows 1000000] [--quick]

Writes a JSONL file of so many rows of about 300 bytes (a million: 300 MB) into a temporary
folder, and compares the whole check with the bare batch encoding of the same rows by the same
tokenizer on the same cores. Every measurement of memory runs in a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

TEMPLATE = {"prompt": "### Text: {text}\n### The tone is:\n", "completion": "{label}"}
LABELS = ["joy", "sadness", "fear", "surprise", "anger"]
SAMPLES = Path(__file__).resolve().parents[2] / "resources" / "samples"


def write_rows(path: Path, count: int, seed: int = 0) -> None:
    """Rows of a text of some 48 real words (the bundled samples', as often as there), a label."""
    draw = random.Random(seed)
    words: list[str] = []
    for sample in ("emotions.jsonl", "recensioni_it.jsonl"):
        for line in (SAMPLES / sample).read_text("utf-8").splitlines():
            words += next(iter(json.loads(line).values())).split()
    with path.open("w", encoding="utf-8") as file:
        for start in range(0, count, 1000):
            size = min(1000, count - start)
            drawn = draw.choices(words, k=size * 48)
            for at in range(size):
                text = " ".join(drawn[at * 48 : at * 48 + 48])
                row = {"text": text, "label": draw.choice(LABELS)}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")


def encode_only(model: str, data: str) -> dict[str, Any]:
    """The bar's measure: `tokenizers` encodes the rendered rows, and nothing else."""
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(Path(model) / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    seconds, rows, tokens = 0.0, 0, 0
    batch: list[str] = []

    def flush() -> None:
        nonlocal seconds, rows, tokens
        began = time.perf_counter()
        encodings = tokenizer.encode_batch(batch, add_special_tokens=False)
        seconds += time.perf_counter() - began
        rows += len(batch)
        tokens += sum(len(encoding) for encoding in encodings)
        batch.clear()

    with Path(data).open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            batch.append(f"### Text: {row['text']}\n### The tone is:\n{row['label']}")
            if len(batch) == 2000:
                flush()
    if batch:
        flush()
    return {"seconds": seconds, "rows": rows, "tokens": tokens}


def whole_check(model: str, data: str) -> dict[str, Any]:
    """The check as the service runs it; peak memory of this process in MB."""
    from phi3studio.domain.recipe import Data
    from phi3studio.worker.data.checking.check_data import check
    from phi3studio.worker.data.preparing.tokenise import Encoder
    from phi3studio.worker.models.open_tokenizer import open_tokenizer

    encoder = Encoder(open_tokenizer(Path(model)))
    section = Data.model_validate({"source": data, "template": TEMPLATE})
    began, processor = time.perf_counter(), time.process_time()
    checking = check(section, encoder, 1024, 8)
    while True:
        try:
            next(checking)
        except StopIteration as end:
            report = end.value
            break
    seconds = time.perf_counter() - began
    return {
        "seconds": seconds,
        "processor": time.process_time() - processor,
        "rows": report.statistics.rows,
        "tokens": report.statistics.tokens,
        "findings": [finding.code for finding in report.findings],
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def whole_prepare(model: str, data: str) -> dict[str, Any]:
    """What a run does: two passes and the snapshot."""
    from phi3studio.domain.recipe import parse_recipe
    from phi3studio.worker.data.preparing.prepare_examples import prepare
    from phi3studio.worker.models.open_tokenizer import open_tokenizer

    tokenizer = open_tokenizer(Path(model))
    recipe = parse_recipe({"data": {"source": data, "template": TEMPLATE}})
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        prepared = prepare(recipe, tokenizer, Path(folder), lambda done, total: None)
        seconds = time.perf_counter() - began
    return {
        "seconds": seconds,
        "rows": prepared.train_rows + prepared.held_out_rows,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


async def responses(model: str, data: str) -> dict[str, Any]:
    """How long the service lets a user wait, in seconds."""
    from phi3studio.domain.datasets.source import Source
    from phi3studio.domain.recipe import Recipe, parse_recipe
    from phi3studio.services.connection import Service
    from phi3studio.services.inspector_client import Inspector

    def recipe(prompt: str) -> Recipe:
        template = {"prompt": prompt, "completion": "{label}"}
        section = {"source": data, "template": template}
        return parse_recipe({"data": section, "model": {"source": model}})

    began = time.perf_counter()
    async with Service.start("inspector") as service:
        await service.call("ping")
        start = time.perf_counter() - began
        inspector = Inspector(service)
        await inspector.warm(model)
        began = time.perf_counter()
        await inspector.look(Source(source=data))
        await inspector.preview(recipe("{text}"), 0)
        first = time.perf_counter() - began
        strokes = []
        text = "### Text: {text}\n### The tone is:\n" * 4
        for count in range(1, 201):
            prompt = "{text} " + text[:count].replace("{", "").replace("}", "")
            began = time.perf_counter()
            await inspector.preview(recipe(prompt), count % 50)
            strokes.append(time.perf_counter() - began)
    strokes.sort()
    return {"start": start, "first_preview": first, "keystroke_p95": strokes[189]}


def _child(what: str, model: str, data: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, "--child", what, "--model", model, "--data", str(data)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _verdict(name: str, value: float, bar: float, unit: str, *, least: bool = False) -> None:
    good = value >= bar if least else value <= bar
    sign = "≥" if least else "≤"
    print(f"{'ok  ' if good else 'MISS'} {name}: {value:.3g}{unit} (bar {sign} {bar}{unit})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--quick", action="store_true", help="Skip the preparation of a run.")
    parser.add_argument("--child")
    parser.add_argument("--data")
    options = parser.parse_args()
    if options.child:
        works = {"encode": encode_only, "check": whole_check, "prepare": whole_prepare}
        print(json.dumps(works[options.child](options.model, options.data)))
        return
    with tempfile.TemporaryDirectory() as folder:
        sizes = [size for size in (10_000, 100_000, 1_000_000) if size < options.rows]
        sizes.append(options.rows)
        # By processor time, which does not depend on what else the machine does.
        processor: dict[int, float] = {}
        for size in sizes:
            data = Path(folder) / f"rows-{size}.jsonl"
            write_rows(data, size)
            checked = _child("check", options.model, data)
            processor[size] = checked["processor"]
            print(
                f"     {size} rows, {data.stat().st_size / 1e6:.0f} MB: check "
                f"{checked['seconds']:.1f} s (processor {checked['processor']:.1f} s), "
                f"peak {checked['peak_mb']:.0f} MB, "
                f"findings {checked['findings']}"
            )
        encoded = _child("encode", options.model, data)
        print(f"     bare encoding {encoded['seconds']:.1f} s, {encoded['tokens']} tokens")
        share = encoded["seconds"] / checked["seconds"]
        _verdict("speed against tokenizers", 100 * share, 60, " %", least=True)
        _verdict("peak memory of the check", checked["peak_mb"], 1200, " MB")
        each = [processor[size] / size for size in sizes]
        shown = ", ".join(f"{value * 1e6:.0f}" for value in each)
        print(f"     processor time per row, in microseconds: {shown}")
        _verdict("time per row, largest against smallest", each[-1] / each[0], 1.3, "")
        if not options.quick:
            prepared = _child("prepare", options.model, data)
            print(f"     preparing a run {prepared['seconds']:.1f} s")
            _verdict("peak memory of preparing", prepared["peak_mb"], 1200, " MB")
        waits = asyncio.run(responses(options.model, str(data)))
        _verdict("service start", waits["start"], 1.5, " s")
        _verdict("first preview, warm", waits["first_preview"], 1.5, " s")
        _verdict("template keystroke, 95th percentile", 1000 * waits["keystroke_p95"], 100, " ms")


if __name__ == "__main__":
    main()
