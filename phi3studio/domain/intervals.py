"""95 % intervals of what is measured on a few rows, and how each one is computed."""

from __future__ import annotations

import math
from collections.abc import Sequence

_Z95 = 1.959964
"""Standard deviations to either side that hold 95 % of a normal distribution."""


def lost_interval(before: Sequence[float], after: Sequence[float]) -> tuple[float, float]:
    """95 % interval of the mean of *before* − *after*, scores from 0 to 1 of the same rows.

    The adjusted Wald interval for paired proportions (Bonett and Price, 2012), which adds one row
    that lost everything and one that won everything; written for any scores from 0 to 1. Unlike a
    bootstrap it is not of width zero where no held-out row happened to differ.
    """
    count = len(before) + 2
    lost = [a - b for a, b in zip(before, after, strict=True)]
    mean = sum(lost) / count
    variance = max(0.0, (sum(value * value for value in lost) + 2) / count - mean * mean)
    width = _Z95 * math.sqrt(variance / count)
    return max(-1.0, mean - width), min(1.0, mean + width)


def kl_interval(parts: Sequence[tuple[float, int]]) -> tuple[float, float] | None:
    """95 % interval of a mean KL, from each row's sum (nats) and number of positions: the ratio
    estimator with rows as clusters (Cochran, Sampling Techniques, 2.9); ``None`` below two rows."""
    held = [(total, count) for total, count in parts if count]
    if len(held) < 2:
        return None
    positions = sum(count for _, count in held)
    mean = sum(total for total, _ in held) / positions
    spread = sum((total - mean * count) ** 2 for total, count in held) / (len(held) - 1)
    width = _Z95 * math.sqrt(spread * len(held)) / positions
    return max(0.0, mean - width), mean + width


def share_interval(scores: Sequence[float]) -> tuple[float, float]:
    """95 % interval of the mean of scores from 0 to 1: the adjusted Wald interval (Agresti and
    Coull), which adds two of each, so that it is not of width zero where all are equal."""
    count = len(scores) + 4
    share = (sum(scores) + 2) / count
    width = _Z95 * math.sqrt(share * (1 - share) / count)
    return max(0.0, share - width), min(1.0, share + width)


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """95 % interval of the mean of any values, by the normal distribution."""
    mean = sum(values) / len(values)
    spread = sum((value - mean) ** 2 for value in values) / max(1, len(values) - 1)
    width = _Z95 * math.sqrt(spread / len(values))
    return mean - width, mean + width


def difference_interval(ones: Sequence[float], others: Sequence[float]) -> tuple[float, float]:
    """95 % interval of the difference of two means of separate values, by the normal
    distribution."""
    parts = [(mean_interval(values), sum(values) / len(values)) for values in (ones, others)]
    width = math.hypot(*(interval[1] - mean for interval, mean in parts))
    difference = parts[0][1] - parts[1][1]
    return difference - width, difference + width


def wilson_interval(hits: int, count: int) -> tuple[float, float]:
    """95 % interval of the share of *hits* (Wilson, 1927), which also holds for few; from 0 to 1
    before anything was counted."""
    if not count:
        return 0.0, 1.0
    share = hits / count
    spread = _Z95 * math.sqrt(share * (1 - share) / count + _Z95**2 / (4 * count * count))
    middle, scale = share + _Z95**2 / (2 * count), 1 + _Z95**2 / count
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)
