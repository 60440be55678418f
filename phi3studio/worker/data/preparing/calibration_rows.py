"""The rows that the calibrated int4 quantisation is fitted to, and bundled general text."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from phi3studio.resources import resources
from phi3studio.worker.data.preparing.held_out_rows import HeldOut, HeldOutRow
from phi3studio.worker.data.preparing.tokenise import IGNORED

# Rows of the run's own data, and of general text. Without the latter the quantisation fits the
# task alone and the model loses what else it knew (0.25 nats on general text, measured).
_OWN_ROWS = 96
_GENERAL_ROWS = 40
_LONGEST = 512


def write_calibration(train: Path | None, tokenizer: Any, file: Path) -> None:
    """Write token rows of *train* (as ``prepare`` left it) and of general text to *file*."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = calibration_rows(train, tokenizer)
    pq.write_table(pa.table({"input_ids": pa.array(rows, pa.list_(pa.int32()))}), file)


def calibration_rows(train: Path | None, tokenizer: Any) -> list[list[int]]:
    """Token rows of *train* (as ``prepare`` left it) and of general text."""
    rows = [row[:_LONGEST] for row in _own_rows(train)] if train is not None else []
    return rows + [list(tokenizer(text)["input_ids"])[:_LONGEST] for text in _general_texts()]


def _own_rows(train: Path) -> list[list[int]]:
    """Token rows as the model should write them: better answers of pairs, those that were rated
    good, and where these are too few, what was asked for the bad ones."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    if "good" not in pq.read_schema(train).names:
        table = pq.read_table(train, columns=["input_ids"]).slice(0, _OWN_ROWS)
        return list(table["input_ids"].to_pylist())
    table = pq.read_table(train, columns=["input_ids", "prompt_tokens", "good"])
    good = table.filter(table["good"]).slice(0, _OWN_ROWS)
    bad = table.filter(pc.invert(table["good"])).slice(0, _OWN_ROWS - good.num_rows)
    asked = [row["input_ids"][: row["prompt_tokens"]] for row in bad.to_pylist()]
    return [*good["input_ids"].to_pylist(), *filter(None, asked)]


def general_rows(tokenizer: Any) -> HeldOut:
    """Bundled questions and answers as rows to be measured on, where a recipe has no data."""
    rows = asked_rows(tokenizer, _questions())
    return HeldOut(rows, conversation=bool(tokenizer.chat_template), general=True)


def asked_rows(tokenizer: Any, questions: Sequence[tuple[str, str]]) -> tuple[HeldOutRow, ...]:
    """Questions, written by the model's chat template if it has one; the tokens of the answers
    are what is predicted."""
    chat = bool(tokenizer.chat_template)
    rows: list[HeldOutRow] = []
    for question, answer in questions:
        prompt = f"{question}\n"
        if chat:
            message = [{"role": "user", "content": question}]
            prompt = tokenizer.apply_chat_template(
                message, tokenize=False, add_generation_prompt=True
            )
        asked = list(tokenizer(prompt, add_special_tokens=not chat)["input_ids"])
        said = list(tokenizer(answer, add_special_tokens=False)["input_ids"])
        ids = (asked + said)[:_LONGEST]
        labels = ([IGNORED] * len(asked) + said)[:_LONGEST]
        rows.append(HeldOutRow(prompt, answer, tuple(ids), tuple(labels), len(asked)))
    return tuple(rows)


def _general_texts() -> list[str]:
    return [f"{question}\n{answer}" for question, answer in _questions()]


def _questions() -> list[tuple[str, str]]:
    with (resources() / "samples" / "faq.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    step = max(1, len(rows) // _GENERAL_ROWS)
    return [(row["Question"], row["Best Answer"]) for row in rows[::step]][:_GENERAL_ROWS]
