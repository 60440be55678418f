"""Dropout masks from few random numbers: drawing one for each value takes a CPU longer than a
small model's matrix products."""

from __future__ import annotations

import torch

_STEPS = 2**16


def keep_mask(like: torch.Tensor, p: float) -> torch.Tensor:
    """What stays of *like*, each value by itself with the probability 1 − *p*: a mask of its shape
    for :func:`dropped`.

    The probability is a multiple of 2⁻¹⁶. Draws from PyTorch's generator, so that checkpoints
    hold its state: four values from each 64-bit number. On a CPU the mask is 1 and 0 in the
    format of *like*, which is several times quicker there than true and false.
    """
    drawn = torch.empty((like.numel() + 3) // 4, dtype=torch.int64, device=like.device)
    drawn.random_(-(2**63), None)
    parts = drawn.view(torch.int16)[: like.numel()].view(like.shape)
    kind = torch.bool if like.is_cuda else like.dtype
    keep = torch.empty(like.shape, dtype=kind, device=like.device)
    return torch.ge(parts, round(p * _STEPS) - _STEPS // 2, out=keep)


def dropped(x: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
    """*x* with zeros where the mask *keep* has them."""
    return torch.where(keep, x, 0.0) if keep.dtype == torch.bool else x * keep
