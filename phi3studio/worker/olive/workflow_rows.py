"""The rows of an exported Olive workflow: read, repaired and split by the code of a run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from phi3studio.domain.recipe import Data, Recipe
from phi3studio.domain.template import cell_text, is_blank
from phi3studio.worker.data.preparing.decide import held_out_part
from phi3studio.worker.data.preparing.prepare_examples import Prepared
from phi3studio.worker.data.preparing.row_pipeline import Passed, Process, columns_of
from phi3studio.worker.data.preparing.tokenise import Encoder
from phi3studio.worker.data.reading.source_rows import RowSource
from phi3studio.worker.olive import workflow_config as oc


def write_rows(
    recipe: Recipe, encoder: Encoder, prepared: Prepared, out: Path
) -> tuple[str, str | None]:
    """Write the rows that are trained, and those of the evaluations if there are any; returns
    the names of the files, from *out*."""
    data = recipe.rows
    main = list(_rows_of(recipe, data, encoder, prepared.train))
    train = _write_jsonl(out, "train", main)
    if not recipe.training.evaluations:
        return train, None
    other = held_out_part(data) or data
    held_out = _rows_of(recipe, other, encoder, prepared.held_out, oc.EVALUATION_ROWS)
    return train, _write_jsonl(out, "held-out", list(held_out))


def _rows_of(
    recipe: Recipe, data: Data, encoder: Encoder, file: Path, limit: int | None = None
) -> Iterator[dict[str, str]]:
    """The repaired rows behind the examples of a Parquet file of ``prepare``, in their order."""
    import pyarrow.parquet as pq

    places = pq.read_table(file, columns=["row"])["row"].to_pylist()[:limit]
    wanted = set(places)
    process: Process | None = None
    for batch in RowSource(data).batches():
        if process is None:
            known = columns_of(batch.rows)
            process = Process(data, encoder, recipe.training.sequence_length, known)
        here = [at for at in batch.places if at in wanted]
        rows = [batch.rows[at - batch.first] for at in here]
        for passed in process.encode(process.render(rows, here)):
            yield _texts(data, passed)


def _texts(data: Data, passed: Passed) -> dict[str, str]:
    """What the user script needs of a row, every value as the text that the model sees."""
    row = passed.row
    if data.template is None:
        assert passed.rendered is not None  # the row is one of the examples
        return {"pieces": json.dumps(passed.rendered.segments, ensure_ascii=False)}
    required = data.template.required
    return {
        column: cell_text(row, column)
        for column in data.template.columns
        if column in required or not is_blank(row, column)
    }


def _write_jsonl(out: Path, kind: str, rows: list[dict[str, str]]) -> str:
    """Write rows as JSON Lines, the file named by its content; returns its name from *out*."""
    lines = "".join(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows)
    # Lone surrogates become JSON's own escapes.
    content = lines.encode("utf-8", "backslashreplace")
    name = f"{kind}-{hashlib.sha256(content).hexdigest()[:16]}.jsonl"
    (out / "data").mkdir(exist_ok=True)
    (out / "data" / name).write_bytes(content)
    return f"data/{name}"
