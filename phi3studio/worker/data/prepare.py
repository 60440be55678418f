"""Everything between a recipe's data section and the examples that a run trains on."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phi3studio.domain.errors import InputError
from phi3studio.domain.recipe import Data, Recipe
from phi3studio.domain.template import missing_column, parse_template
from phi3studio.runs.files import write_json
from phi3studio.worker.data.readers import Row, Rows, read_rows
from phi3studio.worker.data.split import held_out_rows
from phi3studio.worker.data.tokenise import (
    Example,
    Tokenizer,
    find_stop,
    tokenise_chat,
    tokenise_pair,
)

MANIFEST = "manifest.json"
ProgressFn = Callable[[int, int], None]


@dataclass(frozen=True)
class Prepared:
    """The final examples of a run: two Parquet files and the facts about them."""

    train: Path
    held_out: Path
    train_rows: int
    held_out_rows: int
    tokens: int
    learned_tokens: int
    longest: int
    cut_off_rows: int
    left_out_rows: int
    labels: tuple[str, ...]


def prepare(recipe: Recipe, tokenizer: Tokenizer, folder: Path, on_progress: ProgressFn) -> Prepared:
    """Read, render, tokenise and split the recipe's data, and keep the result in *folder*.

    The files are named by the SHA-256 of their content, so a changed source can never reuse an
    old training. Raises :class:`InputError` for data that cannot be trained.
    """
    source = Path(recipe.data.source)
    rows = read_rows(recipe.data, source)
    stop = find_stop(tokenizer)
    check_columns(recipe.data, rows)
    examples: list[tuple[int, Example]] = []
    skipped = len(rows.broken)
    for index, row in enumerate(rows.rows):
        example = example_of(recipe, tokenizer, stop, row, index, source)
        if example.learned:
            examples.append((index, example))
        else:
            skipped += 1
        if index % 200 == 199 or index + 1 == len(rows.rows):
            on_progress(index + 1, len(rows.rows))
    train, held_out = _split(recipe, tokenizer, stop, examples, rows.rows)
    _enough(recipe, train, held_out)
    folder.mkdir(parents=True, exist_ok=True)
    train_file = _store(folder, "train", train)
    held_out_file = _store(folder, "held-out", held_out)
    kept = [example for _, example in (*train, *held_out)]
    labels = _labels(recipe.data, rows.rows) or []
    prepared = Prepared(
        train=train_file,
        held_out=held_out_file,
        train_rows=len(train),
        held_out_rows=len(held_out),
        tokens=sum(len(example.input_ids) for example in kept),
        learned_tokens=sum(example.learned for example in kept),
        longest=max(len(example.input_ids) + example.cut_off for example in kept),
        cut_off_rows=sum(example.cut_off > 0 for example in kept),
        left_out_rows=skipped,
        labels=tuple(sorted(set(labels))) if len(set(labels)) <= len(labels) // 2 else (),
    )
    manifest = {
        "version": 1,
        "source": {"path": str(source), "sha256": _sha256(source), "rows": len(rows.rows)},
        "stop": {"text": stop.text, "id": stop.id},
        **{
            key: (value.name if isinstance(value, Path) else value)
            for key, value in vars(prepared).items()
        },
        "train_sha256": _sha256(train_file),
        "held_out_sha256": _sha256(held_out_file),
    }
    write_json(folder / MANIFEST, manifest)
    return prepared


def load_prepared(folder: Path) -> Prepared | None:
    """What :func:`prepare` left in *folder*; ``None`` if it is absent or does not match."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        train, held_out = folder / manifest["train"], folder / manifest["held_out"]
        if (
            _sha256(train) != manifest["train_sha256"]
            or _sha256(held_out) != manifest["held_out_sha256"]
        ):
            return None
        facts = {key: manifest[key] for key in Prepared.__dataclass_fields__}
        return Prepared(
            **facts
            | {"train": train, "held_out": held_out, "labels": tuple(manifest["labels"])}
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def example_of(
    recipe: Recipe, tokenizer: Tokenizer, stop: Any, row: Row, index: int, source: Path
) -> Example:
    """One row as the model will see it; errors name the row."""
    data, longest = recipe.data, recipe.training.sequence_length
    try:
        if data.template is not None:
            prompt = parse_template(data.template.prompt, "prompt").render(row)
            completion = parse_template(data.template.completion, "completion").render(row)
            return tokenise_pair(tokenizer, stop, prompt, completion, longest)
        messages = row.get(data.messages or "messages")
        if not _is_conversation(messages):
            raise InputError(
                "data.messages_shape",
                f"“{data.messages}” is not a list of messages with role and content.",
                'Write [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}].',
            )
        return tokenise_chat(tokenizer, stop, messages, longest, row.get("tools"))
    except InputError as exc:
        raise InputError(exc.code, f"{source.name}, row {index + 1}: {exc.message}", exc.hint) from exc


def check_columns(data: Data, rows: Rows) -> None:
    """Every column that the recipe names must exist in the data."""
    columns = rows.columns
    named = data.template.columns if data.template else (data.messages or "messages",)
    for name in named:
        if name not in columns and name.split(".")[0] not in columns:
            raise missing_column(name, columns)


def _is_conversation(value: object) -> bool:
    return isinstance(value, Sequence) and bool(value) and all(
        isinstance(item, Mapping) and "role" in item for item in value
    )


def _labels(data: Data, rows: Sequence[Row]) -> list[str] | None:
    column = data.template.label_column if data.template else None
    if column is None:
        return None
    return [str(row.get(column)) for row in rows]


def _split(
    recipe: Recipe,
    tokenizer: Tokenizer,
    stop: Any,
    examples: list[tuple[int, Example]],
    rows: Sequence[Row],
) -> tuple[list[tuple[int, Example]], list[tuple[int, Example]]]:
    split = recipe.data.split
    if split.file is not None:
        path = Path(split.file)
        other = read_rows(recipe.data, path)
        check_columns(recipe.data, other)
        held = [
            (index, example_of(recipe, tokenizer, stop, row, index, path))
            for index, row in enumerate(other.rows)
        ]
        held = [pair for pair in held if pair[1].learned]
        train = examples
    else:
        labels = _labels(recipe.data, rows) if split.stratify else None
        if labels is not None and max(Counter(labels).values()) < 2:
            labels = None
        chosen = held_out_rows(
            [example.prompt for _, example in examples],
            [labels[index] for index, _ in examples] if labels is not None else None,
            split.held_out,
            split.seed,
        )
        train = [pair for at, pair in enumerate(examples) if at not in chosen]
        held = [pair for at, pair in enumerate(examples) if at in chosen]
    return train, held[: split.limit] if split.limit else held


def _enough(recipe: Recipe, train: Sequence[object], held_out: Sequence[object]) -> None:
    needed = recipe.training.batch_size
    if len(train) < needed:
        raise InputError(
            "data.too_few_rows",
            f"{len(train)} rows are left for training, fewer than one batch of {needed}.",
            "Add rows, lower training.batch_size, or lower data.split.held_out.",
        )
    if not held_out:
        raise InputError(
            "data.nothing_held_out",
            "No row is held out, so the result could not be measured.",
            "Add rows, raise data.split.held_out, or name a second file in data.split.file.",
        )


def _store(folder: Path, kind: str, examples: Sequence[tuple[int, Example]]) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(
        {
            "row": pa.array([index for index, _ in examples], pa.int64()),
            "prompt": pa.array([example.prompt for _, example in examples], pa.string()),
            "completion": pa.array([example.completion for _, example in examples], pa.string()),
            "input_ids": pa.array(
                [example.input_ids for _, example in examples], pa.list_(pa.int32())
            ),
            "labels": pa.array([example.labels for _, example in examples], pa.list_(pa.int32())),
            "prompt_tokens": pa.array(
                [example.prompt_tokens for _, example in examples], pa.int32()
            ),
        }
    )
    partial = folder / f"{kind}.partial"
    pq.write_table(table, partial, compression="zstd")
    final = folder / f"{kind}-{_sha256(partial)[:16]}.parquet"
    partial.replace(final)
    return final


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
