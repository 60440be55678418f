"""Dropout masks from few random numbers: drawing one for each value takes a CPU longer than a
small model's matrix products."""

from __future__ import annotations

import torch

_STEPS = 2**16


def keep_mask(like: torch.Tensor, p: float) -> torch.Tensor:
    """True for the values of *like* that stay, each by itself with the probability 1 − *p*.

    The probability is a multiple of 2⁻¹⁶. Draws from PyTorch's generator, so that checkpoints
    hold its state: four values from each 64-bit number.
    """
    drawn = torch.empty((like.numel() + 3) // 4, dtype=torch.int64, device=like.device)
    drawn.random_(-(2**63), None)
    parts = drawn.view(torch.int16)[: like.numel()].view(like.shape)
    return parts >= round(p * _STEPS) - _STEPS // 2
