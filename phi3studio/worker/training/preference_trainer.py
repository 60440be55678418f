"""Preference tuning: pairs of answers and rated answers as batches, their reference, and the
trainers on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from phi3studio.app.files import keep_for_good
from phi3studio.domain.hyperparameters import REFERENCED, Method
from phi3studio.worker.process.heap import keeping_freed_memory
from phi3studio.worker.process.processes import world_size
from phi3studio.worker.training.examples import PairDataset, RatedDataset, supervised_by_row
from phi3studio.worker.training.preference_loss import dpo, kto, kto_divergence, orpo, simpo
from phi3studio.worker.training.trainer import PackedTrainer, packed_log_likelihoods

Collate = Callable[[Sequence[Mapping[str, Any]]], dict[str, Any]]


@dataclass(frozen=True)
class Preferences:
    """How pairs are trained: ``method`` with an objective that compares answers.

    ``reference``: the file of the answers' log-likelihoods before the training, which belongs to
    the rows and the length that ``key`` names. ``on_row`` hears (pairs done, pairs in all) while
    they are computed, and may raise to stop.
    """

    method: Method
    reference: Path
    key: str
    on_row: Callable[[int, int], None]


def collate_pairs(collate: Collate) -> Collate:
    """A collator of pairs from one of rows: chosen and rejected answers by turns, ``supervised``
    (rows,), how many tokens of each are, and ``reference`` (pairs, 2), their log-likelihoods
    before the training, where they are known."""

    def of_pairs(batch: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        rows = [row for pair in batch for row in (pair["chosen"], pair["rejected"])]
        inputs = collate(rows) | {"supervised": supervised_by_row(rows)}
        if "reference" in batch[0]:
            inputs["reference"] = torch.stack([pair["reference"] for pair in batch])
        return inputs

    return of_pairs


def collate_rated(collate: Collate) -> Collate:
    """A collator of rated answers from one of rows: the answers with ``supervised`` (rows,) and
    ``good`` (rows,), in ``others`` the same prompts with other answers, and ``reference`` (rows,
    2), the log-likelihoods of both before the training, where they are known."""

    def of_rated(batch: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        answers, others = ([row[name] for row in batch] for name in ("answer", "other"))
        inputs = collate(answers) | {
            "supervised": supervised_by_row(answers),
            "good": torch.tensor([row["good"] for row in batch]),
            "others": collate(others) | {"supervised": supervised_by_row(others)},
        }
        if "reference" in batch[0]:
            inputs["reference"] = torch.stack([row["reference"] for row in batch])
        return inputs

    return of_rated


class PreferenceTrainer(PackedTrainer):
    """Preference tuning on packed pairs; its loss is a mean over pairs."""

    ROWS = 2
    """Rows of a batch that make one of what the loss is a mean over."""

    def __init__(self, preferences: Preferences, **options: Any) -> None:
        super().__init__(**options)
        self._preferences = preferences

    def summed_loss(self, model: Any, inputs: dict[str, Any]) -> tuple[torch.Tensor, int, Any]:
        """The losses of the pairs added up, their number, and no outputs."""
        method = self._preferences.method
        beta, smoothing = method.strength, method.label_smoothing
        found = self._log_likelihoods(model, inputs)
        if method.objective == "dpo":
            before = inputs["reference"].to(found.device)
            losses = dpo(found[::2], found[1::2], before[:, 0], before[:, 1], beta, smoothing)
        else:
            means = found / inputs["supervised"].to(found.device).clamp(min=1)
            if method.objective == "orpo":
                losses = orpo(means[::2], means[1::2], beta)
            else:
                losses = simpo(means[::2], means[1::2], beta, method.margin, smoothing)
        return losses.sum(), len(losses), {}

    def _log_likelihoods(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        if self._fused is not None:
            return self._fused.log_likelihoods(inputs)
        return packed_log_likelihoods(model, inputs)

    def _get_num_items_in_batch(
        self, batch_samples: list[dict[str, Any]], device: torch.device
    ) -> torch.Tensor:
        """Pairs, or rated answers, of an optimiser step, of all processes."""
        rows = sum(len(inputs["supervised"]) for inputs in batch_samples)
        count = torch.tensor(rows // self.ROWS)
        if world_size() > 1:
            count = self.accelerator.gather(count.to(device)).sum()
        return count.to(device)

    def look_up_reference(self) -> None:
        """Give all answers their log-likelihoods under the model as it is now, where the objective
        needs them; what an earlier attempt computed is read from its file."""
        if self._preferences.method.objective not in REFERENCED:
            return
        wanted = {"train": self.train_dataset, "held_out": self.eval_dataset}
        data = {name: pairs for name, pairs in wanted.items() if pairs is not None}
        kept = _read(self._preferences)
        if {name: len(values) for name, values in kept.items()} != {
            name: len(pairs) for name, pairs in data.items()
        }:
            kept = self._computed(data)
            if self.args.process_index == 0:
                _write(self._preferences, kept)
        for name, pairs in data.items():
            pairs.reference = kept[name]

    def _both(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        """The log-likelihoods of which the reference is kept (pairs, 2)."""
        return self._log_likelihoods(model, inputs).view(-1, 2)

    def _computed(self, data: Mapping[str, PairDataset | RatedDataset]) -> dict[str, torch.Tensor]:
        model, size = self.model, self.args.per_device_eval_batch_size
        count, done = sum(map(len, data.values())), 0
        found: dict[str, torch.Tensor] = {}
        training = model.training
        model.eval()
        with torch.no_grad(), keeping_freed_memory():
            for name, pairs in data.items():
                parts = []
                for begin in range(0, len(pairs), size):
                    batch = [pairs[at] for at in range(begin, min(begin + size, len(pairs)))]
                    inputs = self._prepare_inputs(self.data_collator(batch))
                    parts.append(self._both(model, inputs).float().cpu())
                    done += len(batch)
                    self._preferences.on_row(done, count)
                found[name] = torch.cat(parts)
        model.train(training)
        return found


class RatedTrainer(PreferenceTrainer):
    """Preference tuning on packed answers that were rated good or bad; its loss is a mean over
    answers.

    How far the model has moved is estimated from each batch's prompts with the answers of other
    rows, in a pass without gradient.
    """

    ROWS = 1

    def summed_loss(self, model: Any, inputs: dict[str, Any]) -> tuple[torch.Tensor, int, Any]:
        """The losses of the answers added up, their number, and no outputs."""
        method = self._preferences.method
        with torch.no_grad():
            others = self._log_likelihoods(model, inputs["others"])
        found = self._log_likelihoods(model, inputs)
        before = inputs["reference"].to(found.device)
        moved = kto_divergence(others, before[:, 1])
        if world_size() > 1:
            moved = self.accelerator.gather(moved).mean()
        good = inputs["good"].to(found.device)
        weights = method.desirable_weight, method.undesirable_weight
        losses = kto(found, before[:, 0], good, moved, method.strength, weights)
        return losses.sum(), len(losses), {}

    def _both(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        others = self._log_likelihoods(model, inputs["others"])
        return torch.stack([self._log_likelihoods(model, inputs), others], dim=1)


def trainer_of(preferences: Preferences) -> tuple[type[PreferenceTrainer], Callable[..., Collate]]:
    """The trainer of an objective, and what makes its collator from one of rows."""
    if preferences.method.objective == "kto":
        return RatedTrainer, collate_rated
    return PreferenceTrainer, collate_pairs


def _read(preferences: Preferences) -> dict[str, torch.Tensor]:
    """What the file holds of these rows; nothing where it is absent, damaged, or of others."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(preferences.reference, framework="pt") as file:
            if (file.metadata() or {}).get("key") != preferences.key:
                return {}
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError):
        return {}


def _write(preferences: Preferences, values: dict[str, torch.Tensor]) -> None:
    from safetensors.torch import save_file

    file = preferences.reference
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f"{file.name}.partial")
    save_file(values, partial, metadata={"key": preferences.key})
    keep_for_good(partial)
    partial.replace(file)
