"""What a search does next. Pure: from what was measured so far, so it can go on after a stop.

1. Of every series (preset, calibrated or not) the block of 32 is built, or the smallest larger one
   that fits; every accuracy level of it is looked at on a few rows.
2. Next to whatever is not beaten, the next smaller block is built, and the next larger one where
   size is what is left to gain.
3. Halving: where the most exact export is wanted, the better half is looked at on more rows.
4. The finalists are measured whole: the most exact three; or, where the smallest one is wanted, by
   bisection between what is good enough and what is not.

Never built are kinds that are known to be too large (:meth:`Search.known_bytes`) and further blocks
of a series that is beaten in the same block: a point is beaten by one that is neither larger nor
further from the merged model (KL) and breaks no limit either.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from phi3studio.domain.search.export_kinds import BLOCKS, FIRST_BLOCK
from phi3studio.domain.search.search_points import Point, Search, cost_of

ROUNDS = (16, 64)
"""Held-out rows of the looks, spread evenly over all."""
FINALISTS = 3
_SAME_KL = 0.1
"""Levels of the same weights whose KL is so near (a share) differ in their speed alone."""


@dataclass(frozen=True)
class Make:
    """Build a kind, or take over the weights of point ``like``, and look at it."""

    number: int
    like: int | None = None


@dataclass(frozen=True)
class Look:
    """Look at a point on the rows of a later round."""

    number: int
    round: int


@dataclass(frozen=True)
class Measure:
    """Measure a point whole."""

    number: int


Step = Make | Look | Measure


def next_step(search: Search) -> Step | None:
    """The next step; ``None`` when nothing is left that could win."""
    for series in dict.fromkeys(kind.series for kind in search.space):
        if step := _first_of(search, series):
            return step
    for point in _worth_more_blocks(search):
        if step := _neighbour(search, point):
            return step
    return _smallest_first(search) if search.for_size else _most_exact_first(search)


def front(search: Search) -> list[Point]:
    """The points that are not beaten, the smallest first."""
    sound = _in_best_level(search)
    return _sorted_by_size([a for a in sound if not any(beats(b, a) for b in sound)])


def beats(one: Point, other: Point) -> bool:
    """Whether *one* is neither larger nor further from the merged model than *other*; of two that
    are equal in both the first."""
    if cost_of(one).bytes > cost_of(other).bytes or one.looks[0] > other.looks[0]:
        return False
    equal = (cost_of(one).bytes, one.looks[0]) == (cost_of(other).bytes, other.looks[0])
    return one.number < other.number if equal else True


def is_better_level(one: Point, other: Point) -> bool:
    """Whether *one* is the better accuracy level of the same weights: nearer to the merged model,
    or as near and faster."""
    if one.number == other.number or one.kind.weights != other.kind.weights:
        return False
    near, far = sorted((one.looks[0], other.looks[0]))
    if far - near > _SAME_KL * far:
        return one.looks[0] < other.looks[0]
    fast, slow = cost_of(one).tokens_per_s, cost_of(other).tokens_per_s
    return fast > slow or (fast == slow and one.number < other.number)


def _in_best_level(search: Search) -> list[Point]:
    sound = [point for point in search.made if not _costs_too_much(search, point)]
    return [a for a in sound if not any(is_better_level(b, a) for b in sound)]


def _sorted_by_size(points: list[Point]) -> list[Point]:
    return sorted(points, key=lambda point: (cost_of(point).bytes, point.number))


def _worth_more_blocks(search: Search) -> list[Point]:
    """The points whose series no other beats in the same block, the smallest first. One that is
    beaten by a smaller block of another series can still win with a smaller block of its own."""
    sound = _in_best_level(search)
    return _sorted_by_size(
        [
            a
            for a in sound
            if not any(beats(b, a) for b in sound if b.kind.block_size == a.kind.block_size)
        ]
    )


def expected_steps(search: Search) -> int:
    """About how many steps are left."""
    tried = {point.kind.series for point in search.points.values()}
    series = {kind.series for kind in search.space}
    levels = len({kind.accuracy_level for kind in search.space if kind.int4}) or 1
    left = levels * len(series - tried)
    whole = sum(point.whole is not None for point in search.made)
    running = {point.kind.series for point in front(search)} or series
    return left + (len(running) if not whole else 0) + max(1, FINALISTS - whole)


def seconds_left(search: Search) -> float | None:
    """About how long the steps that are left take, at the pace so far; ``None`` before the first
    one is done."""
    done = sum(1 + (point.whole is not None) for point in search.points.values())
    spent = sum(point.seconds for point in search.points.values())
    return expected_steps(search) * spent / done if done else None


def _costs_too_much(search: Search, point: Point) -> bool:
    return any(name not in _QUALITY for name in search.broken(point))


_QUALITY = frozenset({"score", "points_lost", "faithful"})


def _first_of(search: Search, series: tuple[str, str, bool]) -> Step | None:
    """The next step until a series has a point that fits, in all its levels."""
    kinds = [(at, kind) for at, kind in enumerate(search.space, 1) if kind.series == series]
    blocks = sorted({kind.block_size for _, kind in kinds})
    for block in [size for size in blocks if size >= FIRST_BLOCK] or blocks[-1:]:
        fits = False
        for number, kind in kinds:
            if kind.block_size != block or search.is_too_large(number):
                continue
            point = search.points.get(number)
            if point is None:
                return _make(search, number)
            fits = fits or (point.cost is not None and "memory_mb" not in search.broken(point))
            if point.cost is None:
                break  # the other levels have the same weights
        if fits:
            return None
    return None


def _neighbour(search: Search, point: Point) -> Step | None:
    """The next block of a point's series that is worth building."""
    if not point.kind.int4:
        return None
    at = BLOCKS.index(point.kind.block_size)
    sizes = [*BLOCKS[at - 1 : at], *(BLOCKS[at + 1 : at + 2] if search.for_size else ())]
    for size in sizes:
        number = search.number_of(point.kind.model_copy(update={"block_size": size}))
        if number is None or number in search.points or search.is_too_large(number):
            continue
        return _make(search, number)
    return None


def _make(search: Search, number: int) -> Make:
    same = search.like(search.kind(number))
    return Make(number, same.number if same is not None else None)


def _most_exact_first(search: Search) -> Step | None:
    running = sorted(front(search), key=lambda point: (point.looks[0], point.number))
    if len(running) > FINALISTS and search.rows > ROUNDS[0]:
        running = running[: max(FINALISTS, math.ceil(len(running) / 2))]
        for point in running:
            if len(point.looks) < len(ROUNDS):
                return Look(point.number, len(point.looks))
        running.sort(key=lambda point: (point.looks[-1], point.number))
    measured = sum(point.whole is not None for point in search.made)
    for point in running[:FINALISTS]:
        if point.whole is None and measured < FINALISTS:
            return Measure(point.number)
    good = any(search.meets(point) for point in search.made)
    rest = next((point for point in running if point.whole is None), None)
    return Measure(rest.number) if rest is not None and not good else None


def _smallest_first(search: Search) -> Step | None:
    running = front(search)
    good = [at for at, point in enumerate(running) if search.meets(point)]
    high = min(good, default=len(running))
    bad = [at for at, point in enumerate(running[:high]) if point.whole is not None]
    low = max(bad, default=-1)
    if high - low <= 1:
        return None
    return Measure(running[(low + high) // 2].number)
