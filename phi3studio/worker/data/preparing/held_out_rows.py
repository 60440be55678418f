"""The rows that models are measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from phi3studio.domain.fidelity import labels_of
from phi3studio.worker.data.preparing.tokenise import IGNORED, Example

_LEAST_EXTRA, _MOST_EXTRA = 8, 64
_LONGEST_ANSWER = 256


@dataclass(frozen=True)
class HeldOutRow:
    """One row that was not trained. ``prompt_tokens`` of ``input_ids`` are sent to the model.

    ``rejected`` is the same prompt with the worse answer, where the rows are pairs; ``good`` how
    the answer was rated, where the rows are rated.
    """

    prompt: str
    expected: str
    input_ids: tuple[int, ...]
    labels: tuple[int, ...]
    prompt_tokens: int
    rejected: HeldOutRow | None = None
    good: bool | None = None

    @property
    def prompt_ids(self) -> list[int]:
        """What is sent to the model."""
        return list(self.input_ids[: self.prompt_tokens])

    @property
    def answer_ids(self) -> list[int]:
        """What the model should say, the stop token included."""
        return list(self.input_ids[self.prompt_tokens :])

    @property
    def learned(self) -> list[int]:
        """The positions whose token is learned; the first has nothing to be predicted from."""
        return [i for i in range(1, len(self.labels)) if self.labels[i] != IGNORED]


@dataclass(frozen=True)
class HeldOut:
    """The held-out rows of a run.

    ``task_labels`` are the possible answers where these are labels; ``conversation``: whether the
    prompts were written by a chat template, which puts the beginning token itself; ``general``:
    bundled text that stands in for rows of a task, so that answers are not judged. ``bad``: rows
    whose answers were rated bad, of which only the likelihood is measured; ``rows`` are then the
    good ones.
    """

    rows: tuple[HeldOutRow, ...]
    task_labels: tuple[str, ...] = ()
    conversation: bool = False
    general: bool = False
    bad: tuple[HeldOutRow, ...] = ()

    @property
    def pairs(self) -> bool:
        """Whether each row has a better and a worse answer."""
        return bool(self.rows) and all(row.rejected is not None for row in self.rows)

    @cached_property
    def answer_tokens(self) -> int:
        """How long an answer may become: the longest expected one in tokens, and some more to
        see whether it stops. Where answers are long, only so long that it is seen of most."""
        lengths = sorted(map(_answer_length, self.rows))
        longest, median = lengths[-1], lengths[len(lengths) // 2]
        extra = min(max(longest // 2, _LEAST_EXTRA), _MOST_EXTRA)
        return min(longest + extra, max(median + _MOST_EXTRA, _LONGEST_ANSWER))

    def may_end(self, row: HeldOutRow) -> bool:
        """Whether an answer as long as the expected one would be seen to its end."""
        return _answer_length(row) + _LEAST_EXTRA <= self.answer_tokens


def _answer_length(row: HeldOutRow) -> int:
    return len(row.input_ids) - row.prompt_tokens


def row_of(example: Example) -> HeldOutRow:
    """A row to be measured on, of one that was prepared."""
    worse = example.rejected
    return HeldOutRow(
        prompt=example.prompt,
        expected=example.completion,
        input_ids=example.input_ids,
        labels=example.labels,
        prompt_tokens=example.prompt_tokens,
        rejected=row_of(worse) if worse is not None else None,
        good=example.good,
    )


def held_out_of(
    rows: Sequence[HeldOutRow], labels: tuple[str, ...] = (), *, conversation: bool = False
) -> HeldOut:
    """What is measured on *rows*; *labels* are those that ``prepare`` found."""
    good = tuple(row for row in rows if row.good is not False)
    bad = tuple(row for row in rows if row.good is False)
    task_labels = labels_of([row.expected for row in good], labels)
    return HeldOut(good, task_labels, conversation, bad=bad)


def load_held_out(
    file: Path, labels: tuple[str, ...] = (), *, conversation: bool = False
) -> HeldOut:
    """Read the Parquet file that ``prepare`` wrote; *labels* are those that it found."""
    import pyarrow.parquet as pq

    rows = tuple(
        HeldOutRow(
            prompt=row["prompt"],
            expected=row["completion"],
            input_ids=tuple(row["input_ids"]),
            labels=tuple(row["labels"]),
            prompt_tokens=row["prompt_tokens"],
            rejected=_worse(row),
            good=row.get("good"),
        )
        for row in pq.read_table(file).to_pylist()
    )
    return held_out_of(rows, labels, conversation=conversation)


def _worse(row: dict[str, Any]) -> HeldOutRow | None:
    if "rejected_ids" not in row:
        return None
    return HeldOutRow(
        prompt=row["prompt"],
        expected=row["rejected"],
        input_ids=tuple(row["rejected_ids"]),
        labels=tuple(row["rejected_labels"]),
        prompt_tokens=row["prompt_tokens"],
    )
