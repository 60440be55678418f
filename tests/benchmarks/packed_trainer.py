"""The program's own trainer as the GPU benchmarks use it: no checkpoints, no evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from phi3studio.worker.training.fused import Fused
    from phi3studio.worker.training.trainer import PackedTrainer


def packed_trainer(
    model: Any,
    fused: Fused,
    rows: Any,
    folder: str,
    callbacks: Sequence[Any] = (),
    **arguments: Any,
) -> PackedTrainer:
    """A trainer of *model* on *rows*; *arguments* are Hugging Face's training arguments."""
    from transformers import TrainingArguments

    from phi3studio.worker.training.trainer import PackedTrainer

    given = TrainingArguments(
        output_dir=folder,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        **arguments,
    )
    return PackedTrainer(
        on_tokens=lambda tokens: None,
        fused=fused,
        model=model,
        args=given,
        train_dataset=rows,
        data_collator=fused.collate,
        callbacks=[*callbacks],
    )
