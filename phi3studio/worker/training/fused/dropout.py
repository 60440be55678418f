"""Dropout masks from few random numbers: drawing one for each value takes a CPU longer than a
small model's matrix products."""

from __future__ import annotations

import math

import torch


def keep_mask(like: torch.Tensor, p: float) -> torch.Tensor:
    """What stays of *like*, each value by itself with the probability 1 − *p*: a mask of its shape
    for :func:`dropped`.

    Draws from PyTorch's generator, so that checkpoints hold its state: on a GPU four values from
    each 64-bit number, the probability a multiple of 2⁻¹⁶. On a CPU eight: the probability of a
    call is the multiple of 2⁻⁸ below or above, drawn so that *p* is what comes out. There the mask
    is 1 and 0 in the format of *like*, which is several times quicker than true and false.
    """
    if like.is_cuda:
        parts, steps, bound = _draw(like, torch.int16), 2**16, round(p * 2**16)
        kind = torch.bool
    else:
        parts, steps, kind = _draw(like, torch.int8), 2**8, like.dtype
        bound = min(math.floor(p * steps + float(torch.rand(()))), steps - 1)
    keep = torch.empty(like.shape, dtype=kind, device=like.device)
    return torch.ge(parts, bound - steps // 2, out=keep)


def _draw(like: torch.Tensor, kind: torch.dtype) -> torch.Tensor:
    """Whole numbers of a *kind*, each equally likely, in the shape of *like*."""
    each = 8 // kind.itemsize
    drawn = torch.empty((like.numel() + each - 1) // each, dtype=torch.int64, device=like.device)
    drawn.random_(-(2**63), None)
    return drawn.view(kind)[: like.numel()].view(like.shape)


def dropped(x: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
    """*x* with zeros where the mask *keep* has them."""
    return torch.where(keep, x, 0.0) if keep.dtype == torch.bool else x * keep


def add_dropped(total: torch.Tensor, x: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
    """*total* with :func:`dropped` added in place."""
    return total.add_(dropped(x, keep)) if keep.dtype == torch.bool else total.addcmul_(x, keep)
