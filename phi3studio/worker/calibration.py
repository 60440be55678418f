"""The rows that the calibrated int4 quantisation is fitted to."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from phi3studio.runs.paths import resources

# Rows of the run's own data, and of general text. Without the latter the quantisation fits the
# task alone and the model loses what else it knew (0.25 nats on general text, measured).
_OWN_ROWS = 96
_GENERAL_ROWS = 40
_LONGEST = 512


def write_calibration(train: Path | None, tokenizer: Any, file: Path) -> None:
    """Write token rows of *train* (as ``prepare`` left it) and of general text to *file*."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows: list[list[int]] = []
    if train is not None:
        own = pq.read_table(train, columns=["input_ids"]).slice(0, _OWN_ROWS)["input_ids"]
        rows = [row[:_LONGEST] for row in own.to_pylist()]
    rows += [list(tokenizer(text)["input_ids"])[:_LONGEST] for text in _general_texts()]
    pq.write_table(pa.table({"input_ids": pa.array(rows, pa.list_(pa.int32()))}), file)


def _general_texts() -> list[str]:
    with (resources() / "samples" / "faq.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    step = max(1, len(rows) // _GENERAL_ROWS)
    return [f"{row['Question']}\n{row['Best Answer']}" for row in rows[::step]][:_GENERAL_ROWS]
