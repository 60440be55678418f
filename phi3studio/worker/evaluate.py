"""Figures of a model on held-out rows: exact answers, perplexity, and whether it stops.

Base and merged models run in PyTorch, the exported one in onnxruntime-genai, on the same rows,
the same prompt ids and the same rules, so that the three can be compared.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from phi3studio.domain.events import Answer, Metrics, ModelRole
from phi3studio.runs.files import folder_bytes
from phi3studio.worker.data.tokenise import IGNORED

_SAMPLES = 3
_EXTRA_TOKENS = 8
_TIMED_ROWS = 8
_LONGEST_ANSWER = 256
# Tokens of one forward pass: bounds the memory of the logits.
_TOKENS_A_BATCH = 1024

OnRow = Callable[[int, int], None]


@dataclass(frozen=True)
class HeldOutRow:
    """One row that was not trained. ``prompt_tokens`` of ``input_ids`` are sent to the model."""

    prompt: str
    expected: str
    input_ids: tuple[int, ...]
    labels: tuple[int, ...]
    prompt_tokens: int

    @property
    def prompt_ids(self) -> list[int]:
        """What is sent to the model."""
        return list(self.input_ids[: self.prompt_tokens])

    @property
    def answer_ids(self) -> list[int]:
        """What the model should say, the stop token included."""
        return list(self.input_ids[self.prompt_tokens :])


@dataclass(frozen=True)
class HeldOut:
    """The held-out rows of a run, and how long an answer may become."""

    rows: tuple[HeldOutRow, ...]

    @property
    def answer_tokens(self) -> int:
        """The longest expected answer in tokens, and a little more to see whether it stops."""
        longest = max(len(row.input_ids) - row.prompt_tokens for row in self.rows)
        return min(longest + _EXTRA_TOKENS, _LONGEST_ANSWER)


def load_held_out(file: Path) -> HeldOut:
    """Read the Parquet file that ``prepare`` wrote."""
    import pyarrow.parquet as pq

    return HeldOut(
        tuple(
            HeldOutRow(
                prompt=row["prompt"],
                expected=row["completion"],
                input_ids=tuple(row["input_ids"]),
                labels=tuple(row["labels"]),
                prompt_tokens=row["prompt_tokens"],
            )
            for row in pq.read_table(file).to_pylist()
        )
    )


@dataclass
class _Score:
    """Running sums over the rows."""

    rows: int = 0
    right: int = 0
    stopped: int = 0
    loss: float = 0.0
    learned: int = 0
    samples: tuple[Answer, ...] = ()

    def add_answer(self, row: HeldOutRow, text: str, stopped: bool) -> None:
        self.rows += 1
        self.right += text.strip() == row.expected.strip()
        self.stopped += stopped
        if len(self.samples) < _SAMPLES:
            answer = Answer(prompt=row.prompt, expected=row.expected, text=text, stopped=stopped)
            self.samples = (*self.samples, answer)

    def metrics(self, role: ModelRole, **more: Any) -> Metrics:
        mean = self.loss / max(1, self.learned)
        return Metrics(
            model=role,
            rows=self.rows,
            accuracy=self.right / max(1, self.rows),
            stops=self.stopped / max(1, self.rows),
            perplexity=math.exp(min(mean, 50.0)),
            samples=self.samples,
            **more,
        )


def measure_torch(
    role: ModelRole, model: Any, tokenizer: Any, data: HeldOut, stops: Sequence[int], on_row: OnRow
) -> Metrics:
    """Measure a PyTorch model. *stops* are the ids that end an answer."""
    import torch

    from phi3studio.worker.examples import collate_packed
    from phi3studio.worker.train import packed_loss

    score = _Score()
    tokens, seconds = 0, 0.0
    model.eval()
    with torch.inference_mode():
        for batch in _batches(data.rows):
            inputs = collate_packed([{"input_ids": r.input_ids, "labels": r.labels} for r in batch])
            inputs = {name: value.to(model.device) for name, value in inputs.items()}
            loss, learned, outputs = packed_loss(model, inputs)
            score.loss += float(loss)
            score.learned += learned
            likeliest = _likeliest(outputs.logits[0].argmax(-1).tolist(), inputs["labels"][0])
            right = _rows_answered_rightly(batch, likeliest, stops)
            others = [row for row, is_right in zip(batch, right, strict=True) if not is_right]
            began = time.monotonic()
            answers = iter(_generate(model, others, data.answer_tokens, stops))
            seconds += time.monotonic() - began
            for row, is_right in zip(batch, right, strict=True):
                answer = row.answer_ids if is_right else next(answers)
                tokens += 0 if is_right else len(answer)
                text, stopped = _finished(answer, stops, tokenizer)
                score.add_answer(row, text, stopped)
            on_row(score.rows, len(data.rows))
    return score.metrics(role, tokens_per_s=tokens / seconds if tokens else None)


def _likeliest(choices: Sequence[int], labels: Any) -> dict[int, int]:
    """Position → the likeliest next token there, for the positions whose next one is learned."""
    at = [i for i, label in enumerate(labels[1:].tolist()) if label != IGNORED]
    return dict(zip(at, choices, strict=True))


def _rows_answered_rightly(
    rows: Sequence[HeldOutRow], likeliest: dict[int, int], stops: Sequence[int]
) -> list[bool]:
    """Which rows of a packed batch a greedy generation would answer exactly as expected.

    If the likeliest token is the expected one at every position of the answer and of its stop
    token, generating would choose just these, so it need not be done.
    """
    right: list[bool] = []
    offset = 0
    for row in rows:
        answer = range(row.prompt_tokens, len(row.input_ids))
        right.append(
            bool(answer)
            and row.prompt_tokens > 0
            and row.input_ids[-1] in stops
            and all(likeliest.get(offset + i - 1) == row.input_ids[i] for i in answer)
        )
        offset += len(row.input_ids)
    return right


def _generate(
    model: Any, rows: Sequence[HeldOutRow], longest: int, stops: Sequence[int]
) -> list[list[int]]:
    """Greedy answers' ids for a batch of prompts of any lengths (padded at the left)."""
    import torch
    from transformers import GenerationConfig

    if not rows:
        return []
    width = max(row.prompt_tokens for row in rows)
    ids = torch.full((len(rows), width), stops[0], dtype=torch.long)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for index, row in enumerate(rows):
        ids[index, width - row.prompt_tokens :] = torch.tensor(row.prompt_ids)
        mask[index, width - row.prompt_tokens :] = 1
    output = model.generate(
        input_ids=ids.to(model.device),
        attention_mask=mask.to(model.device),
        generation_config=GenerationConfig(
            max_new_tokens=longest,
            do_sample=False,
            eos_token_id=list(stops),
            pad_token_id=stops[0],
        ),
    )
    answers: list[list[int]] = output[:, width:].tolist()
    return answers


def _finished(ids: Sequence[int], stops: Sequence[int], tokenizer: Any) -> tuple[str, bool]:
    """The answer's text up to its stop token, and whether there was one."""
    end = next((at for at, token in enumerate(ids) if token in stops), None)
    text = tokenizer.decode(ids[:end], skip_special_tokens=True)
    return text, end is not None


def measure_exported(
    folder: Path, tokenizer: Any, data: HeldOut, stops: Sequence[int], threads: int, on_row: OnRow
) -> tuple[Metrics, float]:
    """Measure an exported model through onnxruntime-genai, row by row as it will be used.

    Returns the figures and :func:`template_parity`, for which the model need not load again.
    """
    from phi3studio.worker.genai import GenaiModel

    began = time.monotonic()
    model = GenaiModel(folder, threads=threads)
    load_s = time.monotonic() - began
    score = _Score()
    tokens, seconds = 0, 0.0
    for index, row in enumerate(data.rows):
        learned = [i for i in range(1, len(row.labels)) if row.labels[i] != IGNORED]
        logits = model.logits(row.input_ids)[np.array(learned, dtype=int) - 1]
        score.loss += _loss(logits, [row.input_ids[i] for i in learned])
        score.learned += len(learned)
        likeliest = dict(zip([i - 1 for i in learned], logits.argmax(-1).tolist(), strict=True))
        (right,) = _rows_answered_rightly([row], likeliest, stops)
        answer = row.answer_ids
        # The first rows are generated in any case, to measure the speed.
        if not right or index < _TIMED_ROWS:
            began = time.monotonic()
            answer = list(model.generate(row.prompt_ids, data.answer_tokens))
            seconds += time.monotonic() - began
            tokens += len(answer)
        text, stopped = _finished(answer, stops, tokenizer)
        score.add_answer(row, text, stopped)
        on_row(score.rows, len(data.rows))
    metrics = score.metrics(
        "exported",
        tokens_per_s=tokens / max(1e-9, seconds),
        load_s=load_s,
        bytes=folder_bytes(folder),
    )
    return metrics, template_parity(model, data)


def _loss(logits: npt.NDArray[np.float32], expected: Sequence[int]) -> float:
    """Sum of the negative log likelihoods (nats) of *expected*; logits (tokens, vocabulary)."""
    values = logits.astype(np.float64)
    values -= values.max(axis=-1, keepdims=True)
    log_sum = np.log(np.exp(values).sum(axis=-1))
    return float((log_sum - values[np.arange(len(expected)), list(expected)]).sum())


def template_parity(model: Any, data: HeldOut) -> float:
    """Share of the held-out prompts that genai's tokenizer reads as training did.

    Compared with the prompt's ids inside the whole row, the ids that training saw.
    """
    equal = sum(list(model.encode(row.prompt)) == row.prompt_ids for row in data.rows)
    return equal / len(data.rows)


def _batches(rows: Sequence[HeldOutRow]) -> Iterator[list[HeldOutRow]]:
    """Rows in their order, about :data:`_TOKENS_A_BATCH` tokens together."""
    batch: list[HeldOutRow] = []
    tokens = 0
    for row in rows:
        if batch and tokens + len(row.input_ids) > _TOKENS_A_BATCH:
            yield batch
            batch, tokens = [], 0
        batch.append(row)
        tokens += len(row.input_ids)
    if batch:
        yield batch
