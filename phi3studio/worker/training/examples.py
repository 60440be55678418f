"""Prepared examples as tensors: the data set, and packing of a batch into one row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.utils.data import Dataset

from phi3studio.worker.data.preparing.tokenise import IGNORED


class ExampleDataset(Dataset[dict[str, list[int]]]):
    """Rows of ``input_ids`` and ``labels`` (lists of equal length), held as Arrow.

    *source* is a ``datasets.Dataset`` of the Parquet file that ``prepare`` wrote. Of longer
    rows only the last ``max_tokens`` are taken, where the memory did not suffice for more: what is
    learned stands at the end.
    """

    def __init__(self, source: Any) -> None:
        self._source = source.select_columns(["input_ids", "labels"])
        self.max_tokens: int | None = None

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int) -> dict[str, list[int]]:
        row = self._source[int(index)]
        start = max(0, len(row["input_ids"]) - (self.max_tokens or len(row["input_ids"])))
        return {"input_ids": row["input_ids"][start:], "labels": row["labels"][start:]}


class PairDataset(Dataset[dict[str, Any]]):
    """Pairs of answers to one prompt: ``chosen`` and ``rejected``, rows as those of
    :class:`ExampleDataset`, and ``reference`` (2,) once that was set.

    Where the memory does not suffice for more than ``max_tokens``, both lose the same beginning.
    """

    def __init__(self, source: Any) -> None:
        columns = ["input_ids", "labels", "rejected_ids", "rejected_labels"]
        self._source = source.select_columns(columns)
        self.max_tokens: int | None = None
        self.reference: torch.Tensor | None = None
        """Log-likelihoods of both answers (pairs, 2) before the training."""

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int) -> dict[str, Any]:
        row = self._source[int(index)]
        longest = max(len(row["input_ids"]), len(row["rejected_ids"]))
        start = max(0, longest - (self.max_tokens or longest))
        pair: dict[str, Any] = {
            "chosen": {"input_ids": row["input_ids"][start:], "labels": row["labels"][start:]},
            "rejected": {
                "input_ids": row["rejected_ids"][start:],
                "labels": row["rejected_labels"][start:],
            },
        }
        return pair if self.reference is None else pair | {"reference": self.reference[int(index)]}


class RatedDataset(Dataset[dict[str, Any]]):
    """Answers that were rated: ``answer``, a row as those of :class:`ExampleDataset`, and ``good``;
    ``other``, the same prompt with the answer of another row; ``reference`` (2,) once that was set.

    Which row the other answer is of never changes, so that its reference can be kept.
    """

    def __init__(self, source: Any) -> None:
        columns = ["input_ids", "labels", "prompt_tokens", "good"]
        self._source = source.select_columns(columns)
        self.max_tokens: int | None = None
        self.reference: torch.Tensor | None = None
        """Log-likelihoods before the training (rows, 2): of the answer, of the other row's."""
        self._others = _rows_of_other_prompts(self._source)

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int) -> dict[str, Any]:
        row, other = self._source[int(index)], self._source[self._others[int(index)]]
        prompt, begin = row["prompt_tokens"], other["prompt_tokens"]
        mixed = {
            "input_ids": row["input_ids"][:prompt] + other["input_ids"][begin:],
            "labels": row["labels"][:prompt] + other["labels"][begin:],
        }
        item: dict[str, Any] = {
            "answer": _end(row, self.max_tokens),
            "other": _end(mixed, self.max_tokens),
            "good": row["good"],
        }
        return item if self.reference is None else item | {"reference": self.reference[int(index)]}


def _end(row: Mapping[str, list[int]], max_tokens: int | None) -> dict[str, list[int]]:
    """The ids and labels of the last *max_tokens* of a row."""
    start = max(0, len(row["input_ids"]) - (max_tokens or len(row["input_ids"])))
    return {name: row[name][start:] for name in ("input_ids", "labels")}


def _rows_of_other_prompts(source: Any) -> list[int]:
    """For each row an earlier one with another prompt, in a circle: rows with one prompt that stand
    together have different ones, where there are so many."""
    prompts = [
        hash(tuple(ids[:length]))
        for ids, length in zip(source["input_ids"], source["prompt_tokens"], strict=True)
    ]
    count = len(prompts)
    first = next((at for at in range(count) if prompts[at] != prompts[at - 1]), None)
    if first is None:
        return [(at - 1) % count for at in range(count)]
    found, begin = [0] * count, first
    for at in range(first, first + count):
        if prompts[at % count] != prompts[(at - 1) % count]:
            begin = at
        before = 2 * begin - 1 - at
        same = prompts[before % count] == prompts[at % count]
        found[at % count] = (begin - 1 if same else before) % count
    return found


class CalibrationDataset(Dataset[tuple[dict[str, torch.Tensor], int]]):
    """Rows of ``input_ids`` for the calibration of a quantisation, as (inputs, no label).

    Rows are packed as in :func:`collate_packed`, up to *tokens* in one item: a layer reads its
    weights once for all of them.
    """

    def __init__(self, source: Any, tokens: int = 1024) -> None:
        self._packs: list[list[list[int]]] = []
        room = 0
        for row in source["input_ids"][:]:
            if not self._packs or len(row) > room:
                self._packs.append([])
                room = tokens
            self._packs[-1].append(row)
            room -= len(row)

    def __len__(self) -> int:
        return len(self._packs)

    def __getitem__(self, index: int) -> tuple[dict[str, torch.Tensor], int]:
        rows = self._packs[index]
        positions = [position for row in rows for position in range(len(row))]
        ids = torch.tensor([token for row in rows for token in row])
        return {"input_ids": ids, "position_ids": torch.tensor(positions)}, 0


def collate_packed(batch: Sequence[Mapping[str, Sequence[int]]]) -> dict[str, torch.Tensor]:
    """Lay the rows of a batch one behind the other: shapes (1, sum of lengths), no padding.

    ``position_ids`` restart at every row and there is no attention mask: from that transformers
    builds exact block-diagonal attention, so no row sees another (an all-ones mask would leak).
    The first token of a row has nothing before it to be predicted from and is never learned.
    """
    ids: list[int] = []
    labels: list[int] = []
    positions: list[int] = []
    for row in batch:
        ids.extend(row["input_ids"])
        labels.append(IGNORED)
        labels.extend(row["labels"][1:])
        positions.extend(range(len(row["input_ids"])))
    return {
        "input_ids": torch.tensor([ids]),
        "labels": torch.tensor([labels]),
        "position_ids": torch.tensor([positions]),
    }


def supervised_by_row(batch: Sequence[Mapping[str, Sequence[int]]]) -> torch.Tensor:
    """How many tokens of each row are supervised (rows,); a row's first never is."""
    return torch.tensor([sum(label != IGNORED for label in row["labels"][1:]) for row in batch])


def sums_by_row(values: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    """The sums (rows,) of *values* (tokens,), of which each row has as many as *counts* (rows,)
    says, one row's behind the other's. A row without any has 0."""
    rows = torch.repeat_interleave(torch.arange(len(counts), device=counts.device), counts)
    return values.new_zeros(len(counts)).index_add(0, rows, values)
