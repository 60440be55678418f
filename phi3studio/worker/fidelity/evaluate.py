"""Figures of a model on held-out rows: exact answers, scores, perplexity, and whether it stops.

Base and merged models run in PyTorch, the exported one in onnxruntime-genai, on the same rows,
the same prompt ids and the same rules, so that the three can be compared.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from phi3studio.app.files import folder_bytes
from phi3studio.domain.errors import RunError
from phi3studio.domain.events.measured_events import Answer, Metrics, ModelFigures
from phi3studio.domain.events.payload import ModelRole
from phi3studio.domain.intervals import kl_interval
from phi3studio.domain.preference_figures import Pair, Rated
from phi3studio.worker.data.preparing.held_out_rows import HeldOut, HeldOutRow
from phi3studio.worker.data.preparing.held_out_rows import load_held_out as load_held_out
from phi3studio.worker.data.preparing.tokenise import IGNORED
from phi3studio.worker.fidelity.exported_model import ExportedModel
from phi3studio.worker.fidelity.kept_results import Measured
from phi3studio.worker.fidelity.reference import Reference
from phi3studio.worker.fidelity.scores import score_answers

_SAMPLES = 3
_TIMED_ROWS = 3
# Tokens of one forward pass: bounds the memory of the logits.
_TOKENS_A_BATCH = 1024

OnRow = Callable[[int, int], None]


@dataclass(frozen=True)
class Stops:
    """The ids that end an answer: the trained one, and others that the model knows."""

    trained: int
    others: tuple[int, ...] = ()

    @property
    def all(self) -> list[int]:
        """The trained one first."""
        return [self.trained, *(token for token in self.others if token != self.trained)]


@dataclass
class _Sums:
    """Running sums over the rows."""

    data: HeldOut
    stops: Stops
    tokenizer: Any
    loss: float = 0.0
    learned: int = 0
    trained_stops: int = 0
    other_stops: int = 0
    judged: int = 0
    texts: list[str] = field(default_factory=list)
    samples: list[Answer] = field(default_factory=list)
    answer_tokens: int = 0
    pairs: list[Pair] = field(default_factory=list)
    rated: list[Rated] = field(default_factory=list)

    def add_rated(self, rows: Sequence[HeldOutRow], likelihoods: Sequence[float]) -> None:
        """The log-likelihoods of answers, where these are rated."""
        for row, likelihood in zip(rows, likelihoods, strict=True):
            if row.good is not None:
                self.rated.append(Rated(likelihood, row.good))

    def add_pair(self, row: HeldOutRow, chosen: float, rejected: float) -> None:
        """The log-likelihoods of both answers of a pair."""
        assert row.rejected is not None
        tokens = len(row.learned), len(row.rejected.learned)
        self.pairs.append(Pair(chosen, rejected, *tokens))

    def add_answer(self, row: HeldOutRow, ids: Sequence[int]) -> None:
        ends = self.stops.all
        at = next((place for place, token in enumerate(ids) if token in ends), None)
        text = self.tokenizer.decode(ids[:at], skip_special_tokens=True)
        if at is not None:
            self.trained_stops += ids[at] == self.stops.trained
            self.other_stops += ids[at] != self.stops.trained
        # A long answer that was cut off here says nothing about whether it would have stopped.
        self.judged += at is not None or self.data.may_end(row)
        self.texts.append(text)
        self.answer_tokens += len(ids[:at])
        if len(self.samples) < _SAMPLES:
            self.samples.append(
                Answer(prompt=row.prompt, expected=row.expected, text=text, stopped=at is not None)
            )

    def measured(self, role: ModelRole, **more: Any) -> Measured:
        perplexity = math.exp(min(self.loss / max(1, self.learned), 50.0))
        divergence = {key: more.pop(key, None) for key in ("kl", "agreement", "kl_interval")}
        if self.data.general:
            figures = ModelFigures(perplexity=perplexity, **more)
            return Measured(role, figures, **divergence)
        rows = self.data.rows
        expected = [row.expected for row in rows]
        task = score_answers(expected, self.texts, self.data.task_labels)
        right = sum(a.strip() == b.strip() for a, b in zip(expected, self.texts, strict=True))
        shares = {
            "perplexity": perplexity,
            "score": task.mean,
            "stops": (self.trained_stops + self.other_stops) / max(1, self.judged),
            "other_stops": self.other_stops / max(1, self.judged),
            "answer_tokens": self.answer_tokens / len(rows) if self.pairs or self.rated else None,
            **more,
        }
        metrics = Metrics(
            model=role,
            rows=len(rows),
            accuracy=right / len(rows),
            score_name=task.name,
            samples=tuple(self.samples),
            **task.figures,
            **shares,
        )
        return Measured(
            role,
            ModelFigures(**shares),
            metrics,
            task.rows,
            pairs=tuple(self.pairs),
            rated=tuple(self.rated),
            **divergence,
        )


def measure_torch(
    role: ModelRole,
    model: Any,
    tokenizer: Any,
    data: HeldOut,
    stops: Stops,
    on_row: OnRow,
    reference: Reference | None = None,
) -> Measured:
    """Measure a PyTorch model; its distributions are kept in *reference*, if given."""
    import torch

    from phi3studio.worker.training.trainer import log_likelihoods_and_outputs

    sums = _Sums(data, stops, tokenizer)
    tokens, seconds, done, rows = 0, 0.0, 0, len(data.rows) + len(data.bad)
    model.eval()
    with torch.inference_mode():
        for batch in batches(data.rows):
            inputs = packed(model, batch)
            likelihoods, outputs = log_likelihoods_and_outputs(model, inputs)
            sums.loss -= float(likelihoods.sum())
            sums.learned += sum(len(row.learned) for row in batch)
            sums.add_rated(batch, likelihoods.tolist())
            if reference is not None:
                _keep(reference, done, batch, outputs.logits[0])
            if data.pairs:
                worse = [row.rejected for row in batch if row.rejected is not None]
                both = zip(likelihoods.tolist(), log_likelihoods(model, worse), strict=True)
                for row, (chosen, rejected) in zip(batch, both, strict=True):
                    sums.add_pair(row, chosen, rejected)
            if not data.general:
                predicted = _predicted(outputs.logits[0].argmax(-1).tolist(), inputs["labels"][0])
                right = _rows_answered_correctly(batch, predicted, stops)
                others = [row for row, is_right in zip(batch, right, strict=True) if not is_right]
                began = time.monotonic()
                answers = iter(_generate(model, others, data.answer_tokens, stops.all))
                seconds += time.monotonic() - began
                for row, is_right in zip(batch, right, strict=True):
                    answer = row.answer_ids if is_right else next(answers)
                    tokens += 0 if is_right else len(answer)
                    sums.add_answer(row, answer)
            done += len(batch)
            on_row(done, rows)
        for batch in batches(data.bad):
            sums.add_rated(batch, log_likelihoods(model, batch))
            done += len(batch)
            on_row(done, rows)
    return sums.measured(role, tokens_per_s=tokens / seconds if tokens else None)


def packed(model: Any, rows: Sequence[HeldOutRow]) -> dict[str, Any]:
    """Rows as one packed batch on the model's device."""
    from phi3studio.worker.training.examples import collate_packed

    found = collate_packed([{"input_ids": r.input_ids, "labels": r.labels} for r in rows])
    return {name: value.to(model.device) for name, value in found.items()}


def log_likelihoods(model: Any, rows: Sequence[HeldOutRow]) -> list[float]:
    """Of each row's supervised tokens, summed, in nats."""
    from phi3studio.worker.training.trainer import packed_log_likelihoods

    found: list[float] = packed_log_likelihoods(model, packed(model, rows)).tolist()
    return found


def _keep(reference: Reference, first_row: int, batch: Sequence[HeldOutRow], logits: Any) -> None:
    """Put the distributions of a batch's learned positions, one row behind the other, away."""
    if not reference.positions:
        reference.begin(int(logits.shape[-1]))
    at = 0
    for row, number in zip(batch, range(first_row, first_row + len(batch)), strict=True):
        learned = len(row.learned)
        held = reference.held(number)
        if held:
            values = logits[at : at + learned][held].float().log_softmax(-1)
            reference.put(number, values.cpu().numpy())
        at += learned


def _predicted(choices: Sequence[int], labels: Any) -> dict[int, int]:
    """Position → the most likely next token there, for the positions whose next one is learned."""
    at = [i for i, label in enumerate(labels[1:].tolist()) if label != IGNORED]
    return dict(zip(at, choices, strict=True))


def _rows_answered_correctly(
    rows: Sequence[HeldOutRow], predicted: dict[int, int], stops: Stops
) -> list[bool]:
    """Which rows of a packed batch a greedy generation would answer exactly as expected.

    If the most likely token is the expected one at every position of the answer and of its stop
    token, generating would choose just these, so it need not be done.
    """
    ends = stops.all
    right: list[bool] = []
    offset = 0
    for row in rows:
        answer = range(row.prompt_tokens, len(row.input_ids))
        right.append(
            bool(answer)
            and row.prompt_tokens > 0
            and row.input_ids[-1] in ends
            and all(predicted.get(offset + i - 1) == row.input_ids[i] for i in answer)
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


def measure_exported(
    model: ExportedModel,
    tokenizer: Any,
    data: HeldOut,
    stop: int,
    on_row: OnRow,
    reference: Reference | None = None,
) -> Measured:
    """Measure an exported model through onnxruntime-genai, row by row as it will be used, and
    compare it with *reference* at the positions that this holds."""
    stops = Stops(stop, tuple(model.stop_ids))
    cost = answering(model, data)
    sums = _Sums(data, stops, tokenizer)
    agree = 0
    parts: list[tuple[float, int]] = []
    for index, row in enumerate(data.rows):
        learned = row.learned
        part = reference.part(index) if reference is not None else None
        scored = model.score(row.input_ids, learned, part)
        if not scored.finite:
            raise RunError("run.bad_result", variant="score")
        sums.loss += scored.loss
        sums.add_rated([row], [-scored.loss])
        sums.learned += len(learned)
        parts.append((scored.kl, len(reference.held(index)) if part and reference else 0))
        agree += scored.agree
        if row.rejected is not None and data.pairs:
            worse = model.score(row.rejected.input_ids, row.rejected.learned)
            if not worse.finite:
                raise RunError("run.bad_result", variant="score")
            sums.add_pair(row, -scored.loss, -worse.loss)
        if not data.general:
            predicted = dict(zip([i - 1 for i in learned], scored.predicted, strict=True))
            (right,) = _rows_answered_correctly([row], predicted, stops)
            answer = row.answer_ids if right else model.generate(row.prompt_ids, data.answer_tokens)
            sums.add_answer(row, answer)
        on_row(index + 1, len(data.rows) + len(data.bad))
    for index, row in enumerate(data.bad, start=1 + len(data.rows)):
        bad = model.score(row.input_ids, row.learned)
        if not bad.finite:
            raise RunError("run.bad_result", variant="score")
        sums.add_rated([row], [-bad.loss])
        on_row(index, len(data.rows) + len(data.bad))
    positions = reference.positions if reference is not None else 0
    return sums.measured(
        "exported",
        **cost,
        kl=sum(kl for kl, _ in parts) / positions if positions else None,
        kl_interval=kl_interval(parts),
        agreement=agree / positions if positions else None,
    )


def answering(model: ExportedModel, data: HeldOut) -> dict[str, Any]:
    """What answering takes, as fields of ``Metrics``. Asked first of all: the process's memory is
    still that of answering alone."""
    timed = [row.prompt_ids for row in data.rows[:_TIMED_ROWS] if row.prompt_tokens]
    speed = model.speed(timed) if timed else None
    return {
        "tokens_per_s": speed.tokens_per_s if speed else None,
        "first_token_s": speed.first_token_s if speed else None,
        "peak_memory": speed.peak_memory if speed else None,
        "load_s": model.load_s,
        "bytes": folder_bytes(model.folder),
    }


def batches(rows: Sequence[HeldOutRow]) -> Iterator[list[HeldOutRow]]:
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
