"""How well a model still knows bundled general questions: what a fine-tune may forget."""

from __future__ import annotations

import json
from typing import Any

from phi3studio.domain.preference_figures import Recall
from phi3studio.resources import resources
from phi3studio.worker.data.preparing.calibration_rows import asked_rows
from phi3studio.worker.data.preparing.held_out_rows import HeldOutRow
from phi3studio.worker.fidelity.evaluate import batches, packed


def general_set(tokenizer: Any) -> tuple[HeldOutRow, ...]:
    """The questions as a user of the chat asks them, with their answers."""
    lines = (resources() / "general.jsonl").read_text("utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    return asked_rows(tokenizer, [(item["question"], item["answer"]) for item in found])


def recall(model: Any, rows: tuple[HeldOutRow, ...]) -> tuple[Recall, ...]:
    """How a PyTorch model answers *rows*, in their order: two forward passes of about 1,000
    tokens, and no answer is generated."""
    import torch

    from phi3studio.worker.training.trainer import log_likelihoods_and_outputs

    found: list[Recall] = []
    model.eval()
    with torch.inference_mode():
        for batch in batches(rows):
            likelihoods, outputs = log_likelihoods_and_outputs(model, packed(model, batch))
            likeliest = iter(outputs.logits[0].argmax(-1).tolist())
            for row, value in zip(batch, likelihoods.tolist(), strict=True):
                wanted = [row.input_ids[at] for at in row.learned]
                given = [next(likeliest) for _ in wanted]
                right = sum(a == b for a, b in zip(wanted, given, strict=True))
                count = max(1, len(wanted))
                found.append(Recall(-value / count, right / count))
    return tuple(found)
