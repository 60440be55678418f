"""Gradients are clipped as PyTorch clips them."""

from __future__ import annotations

import pytest
import torch

from phi3studio.worker.training.trainer import clip_gradients


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
