"""Gradients are clipped as PyTorch clips them."""

from __future__ import annotations

import pytest
import torch
from transformers import TrainerControl, TrainerState, TrainingArguments

from phi3studio.domain.errors import RunError
from phi3studio.runs.store import RunFolder
from phi3studio.worker.process.control import Control, MemoryMeter
from phi3studio.worker.process.threads import ThreadGovernor
from phi3studio.worker.training.trainer import RunCallback, clip_gradients


@pytest.mark.parametrize("size", [0.001, 0.1, 30.0, float("nan")])
def test_gradients_are_clipped_as_pytorch_does_it(size: float) -> None:
    torch.manual_seed(1)
    ours = [torch.nn.Parameter(torch.randn(4, n)) for n in (3, 50, 7)]
    theirs = [torch.nn.Parameter(p.detach().clone()) for p in ours]
    for mine, other in zip(ours[:2], theirs, strict=False):  # the third has no gradient
        mine.grad = size * torch.randn(mine.shape)
        other.grad = mine.grad.clone()
    norm = clip_gradients(ours, 1.0)
    expected = torch.nn.utils.clip_grad_norm_(theirs, 1.0)
    torch.testing.assert_close(norm, expected, equal_nan=True)
    if size == size:
        for mine, other in zip(ours[:2], theirs, strict=False):
            torch.testing.assert_close(mine.grad, other.grad)


@pytest.mark.parametrize(
    ("logs", "said"),
    [
        ({"loss": 0.5, "grad_norm": float("nan")}, "The gradient became nan at step 7"),
        ({"loss": 0.5, "grad_norm": float("inf")}, "The gradient became inf at step 7"),
        ({"loss": float("nan"), "grad_norm": float("nan")}, "The loss became nan at step 7"),
        ({"eval_loss": float("inf")}, "The loss became inf at step 7"),
    ],
)
def test_what_became_no_number_is_named(tmp_path, logs: dict[str, float], said: str) -> None:
    control = Control(RunFolder(tmp_path), lambda: None)
    callback = RunCallback(
        lambda _: None, control, MemoryMeter(), ThreadGovernor(lambda *_: None), 60.0
    )
    arguments = TrainingArguments(output_dir=str(tmp_path), report_to=[])
    with pytest.raises(RunError, match=said) as caught:
        callback.on_log(arguments, TrainerState(global_step=7), TrainerControl(), logs=logs)
    assert caught.value.code == "train.diverged"
