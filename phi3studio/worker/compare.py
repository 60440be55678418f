"""Base, merged and exported model on the same rows, and what the comparison says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from phi3studio.domain.events import Metrics, ModelRole, Notice
from phi3studio.runs.model_folder import weight_bytes
from phi3studio.worker.data.tokenise import Stop
from phi3studio.worker.evaluate import (
    HeldOut,
    OnRow,
    measure_exported,
    measure_torch,
)

# Above this size a model is measured in its own number format instead of float32.
_FULL_PRECISION_PARAMETERS = 10**9
WORST_ACCURACY_LOSS = 0.03
LEAST_STOPS = 0.99
WORST_PERPLEXITY_RATIO = 1.3


@dataclass
class Comparison:
    """Measures the three models of a run on *data*.

    The merged model is read from *merged* where that folder still exists, else it is made again
    in memory from *base* and *adapter*, which is the same sum.
    """

    base: Path
    adapter: Path | None
    merged: Path | None
    exported: Path | None
    tokenizer: Any
    stop: Stop
    data: HeldOut
    threads: int
    trust_remote_code: bool = False
    results: dict[ModelRole, Metrics] = field(default_factory=dict)
    _parity: float = 1.0

    @property
    def roles(self) -> tuple[ModelRole, ...]:
        """The models that there are: base, merged where there is an adapter, exported."""
        found: list[ModelRole] = ["base"]
        if self.adapter is not None:
            found.append("merged")
        if self.exported is not None:
            found.append("exported")
        return tuple(found)

    def measure(self, role: ModelRole, on_row: OnRow) -> Metrics:
        """Measure one model; *on_row* hears the rows done and their number."""
        if role == "exported" and self.exported is not None:
            result, self._parity = measure_exported(
                self.exported, self.tokenizer, self.data, self._stops(), self.threads, on_row
            )
        else:
            model = self._load(role)
            result = measure_torch(
                role, model, self.tokenizer, self.data, self._stops(model), on_row
            )
        self.results[role] = result
        return result

    def findings(self) -> list[Notice]:
        """What a user has to know about the result; empty when all is well."""
        found: list[Notice] = []
        if "exported" not in self.results:
            return found
        merged = self.results.get("merged") or self.results["base"]
        exported = self.results["exported"]
        lost = merged.accuracy - exported.accuracy
        if lost > WORST_ACCURACY_LOSS:
            found.append(
                Notice(
                    level="warning",
                    code="export.less_accurate",
                    text=f"The exported model answers {lost * 100:.1f} points fewer rows rightly "
                    "than the merged one. Try target.int4: quality, or more held-out rows to see "
                    "whether the difference is real.",
                )
            )
        if exported.perplexity > WORST_PERPLEXITY_RATIO * merged.perplexity:
            found.append(
                Notice(
                    level="warning",
                    code="export.differs",
                    text=f"The exported model's perplexity on the held-out answers is "
                    f"{exported.perplexity:.3g}, the merged one's {merged.perplexity:.3g}. "
                    "Try target.int4: quality, or target.quantisation: fp32 to see whether the "
                    "quantisation is the cause.",
                )
            )
        if exported.stops < LEAST_STOPS:
            found.append(
                Notice(
                    level="warning",
                    code="export.does_not_stop",
                    text=f"Only {exported.stops * 100:.0f} % of the answers end by themselves. "
                    "Train longer, or raise the learning rate.",
                )
            )
        if self._parity < 1.0:
            found.append(
                Notice(
                    level="warning",
                    code="export.tokenizer_differs",
                    text=f"onnxruntime-genai reads {(1 - self._parity) * 100:.1f} % of the "
                    "held-out prompts into other tokens than the training saw.",
                )
            )
        return found

    def _load(self, role: ModelRole) -> Any:
        import torch
        from transformers import AutoModelForCausalLM

        folder = self.merged if role == "merged" and self.merged is not None else self.base
        small = weight_bytes(folder) < 2 * _FULL_PRECISION_PARAMETERS
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=torch.float32 if small else "auto",
            trust_remote_code=self.trust_remote_code,
        )
        if role == "merged" and self.merged is None and self.adapter is not None:
            from peft import PeftModel

            model = PeftModel.from_pretrained(model, self.adapter).merge_and_unload()
        return model

    def _stops(self, model: Any = None) -> Sequence[int]:
        """The stop token first, then the other ids that end an answer."""
        own = getattr(getattr(model, "generation_config", None), "eos_token_id", None) or []
        others = own if isinstance(own, list) else [own]
        return [self.stop.id, *(token for token in others if token != self.stop.id)]
