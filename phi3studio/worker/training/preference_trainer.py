"""Preference tuning: pairs of answers as batches, their reference, and the trainer on them."""

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
from phi3studio.worker.training.examples import PairDataset, supervised_by_row
from phi3studio.worker.training.preference_loss import dpo, orpo, simpo
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


class PreferenceTrainer(PackedTrainer):
    """Preference tuning on packed pairs; its loss is a mean over pairs."""

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
        """Pairs of an optimiser step, of all processes."""
        count = torch.tensor(sum(len(inputs["supervised"]) // 2 for inputs in batch_samples))
        if world_size() > 1:
            count = self.accelerator.gather(count.to(device)).sum()
        return count.to(device)

    def look_up_reference(self) -> None:
        """Give all pairs their log-likelihoods under the model as it is now, where the objective
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

    def _computed(self, data: Mapping[str, PairDataset]) -> dict[str, torch.Tensor]:
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
                    parts.append(self._log_likelihoods(model, inputs).float().cpu().view(-1, 2))
                    done += len(batch)
                    self._preferences.on_row(done, count)
                found[name] = torch.cat(parts)
        model.train(training)
        return found


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
