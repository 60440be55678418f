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
# What keys and values of the answers that are written at once may take: a step reads all weights
# for however many answers.
_CACHE_BYTES = 400_000_000

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
    writing = _Writing(model, data, stops)
    done, rows = 0, len(data.rows) + len(data.bad)
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
                writing.add(batch, _rows_answered_correctly(batch, predicted, stops))
            done += len(batch)
            on_row(done - writing.waiting, rows)
        if not data.general:
            writing.write()
            on_row(done, rows)
            for row, answer in zip(data.rows, writing.answers, strict=True):
                sums.add_answer(row, answer)
        for batch in batches(data.bad):
            sums.add_rated(batch, log_likelihoods(model, batch))
            done += len(batch)
            on_row(done, rows)
    return sums.measured(role, tokens_per_s=writing.tokens_per_s)


class _Writing:
    """The answers of a PyTorch model, as many at once as :data:`_CACHE_BYTES` allow."""

    def __init__(self, model: Any, data: HeldOut, stops: Stops) -> None:
        self.answers: list[list[int]] = []
        self._model, self._stops, self._longest = model, stops.all, data.answer_tokens
        self._most_tokens = _CACHE_BYTES / _cache_bytes_a_token(model)
        self._open: list[tuple[int, HeldOutRow]] = []
        self._tokens, self._seconds = 0, 0.0

    @property
    def waiting(self) -> int:
        """Rows whose answer is not written yet."""
        return len(self._open)

    @property
    def tokens_per_s(self) -> float | None:
        """Of all answers that were written together."""
        return self._tokens / self._seconds if self._tokens else None

    def add(self, rows: Sequence[HeldOutRow], right: Sequence[bool]) -> None:
        """Rows in their order, and whether the answer of each is known to be the expected one."""
        for row, known in zip(rows, right, strict=True):
            if not known:
                width = max(other.prompt_tokens for _, other in [*self._open, (0, row)])
                if (1 + self.waiting) * (width + self._longest) > self._most_tokens:
                    self.write()
                self._open.append((len(self.answers), row))
            self.answers.append(row.answer_ids if known else [])

    def write(self) -> None:
        """Have the model write what is waiting."""
        began = time.monotonic()
        rows = [row for _, row in self._open]
        for (at, _), answer in zip(
            self._open, _generate(self._model, rows, self._longest, self._stops), strict=True
        ):
            self.answers[at] = answer
            self._tokens += len(answer)
        self._seconds += time.monotonic() - began
        self._open = []


def _cache_bytes_a_token(model: Any) -> int:
    """What keys and values of one token take in all layers."""
    config = model.config.get_text_config()
    heads = config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // heads
    shared = getattr(config, "num_key_value_heads", None) or heads
    size: int = 2 * config.num_hidden_layers * shared * width * model.dtype.itemsize
    return size


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
