"""Dropout from few random numbers: drawing one for each value takes a CPU longer than a small
model's matrix products."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch


def draw_dropped(like: torch.Tensor, p: float) -> torch.Tensor:
    """Which values of *like* are dropped, each by itself with the probability *p*, for
    :func:`dropped`.

    Draws from PyTorch's generator, so that checkpoints hold its state. On a CPU the result is the
    places of the dropped values, numbered through, in no order and some more than once: as many
    draws as a Poisson number of the mean −n · log(1 − p) hit each of n places independently, and
    leave it out with the probability 1 − p. On a GPU it is a mask of what stays, (shape of
    *like*), with four values from each 64-bit number and the probability a multiple of 2⁻¹⁶.
    """
    if like.is_cuda:
        return torch.ge(_draw_16_bits(like), round(p * 2**16) - 2**15)
    return draw_many([like.numel()], p)[0]


def draw_many(sizes: Sequence[int], p: float) -> list[torch.Tensor]:
    """As :func:`draw_dropped` does on a CPU, for inputs of so many values each, in one go."""
    means = torch.tensor(sizes, dtype=torch.float64) * -math.log1p(-p)
    counts: list[int] = torch.poisson(means).to(torch.int64).tolist()
    found: list[torch.Tensor] = [torch.empty(0)] * len(sizes)
    for size in set(sizes):
        alike = [number for number, other in enumerate(sizes) if other == size]
        many = [counts[number] for number in alike]
        drawn = torch.randint(size, (sum(many),))
        for number, places in zip(alike, torch.split(drawn, many), strict=True):
            found[number] = places
    return found


def _draw_16_bits(like: torch.Tensor) -> torch.Tensor:
    """Whole numbers of 16 bits, each equally likely, in the shape of *like*."""
    drawn = torch.empty((like.numel() + 3) // 4, dtype=torch.int64, device=like.device)
    drawn.random_(-(2**63), None)
    return drawn.view(torch.int16)[: like.numel()].view(like.shape)


def dropped(x: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
    """*x* with zeros where :func:`draw_dropped` has drawn."""
    if drawn.dtype == torch.bool:
        return torch.where(drawn, x, 0.0)
    return x.reshape(-1).index_fill(0, drawn, 0.0).view(x.shape)


def drop_(x: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
    """As :func:`dropped`, in place where that is quicker: on a CPU."""
    if drawn.dtype == torch.bool:
        return dropped(x, drawn)
    x.view(-1).index_fill_(0, drawn, 0.0)
    return x
