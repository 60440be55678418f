"""Which point a search takes, what comes second, and why; what comes nearest where none will do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from phi3studio.domain.messages import Phrase
from phi3studio.domain.search.search_points import MB, Point, Search, cost_of
from phi3studio.domain.search.search_steps import beats, front, is_better_level

_SAME_SCORE = 0.005
_SAME_SIZE = 1.02
"""Scores within half a point, and sizes within 2 %, count as equal: the faster one wins then."""


@dataclass(frozen=True)
class Choice:
    """``chosen`` meets every limit, or comes nearest where ``met`` is false."""

    chosen: Point
    runner_up: Point | None
    met: bool
    why: Phrase


def choose(search: Search) -> Choice | None:
    """The choice from what was measured; ``None`` where nothing answers."""
    good = [point for point in search.made if search.meets(point)]
    if not good:
        return _nearest(search)
    chosen = _best(search, good)
    others = [point for point in good if point is not chosen]
    return Choice(
        chosen,
        _best(search, others) if others else None,
        True,
        Phrase(
            "search.why",
            variant="size" if search.for_size else "",
            point=chosen.number,
            kind=chosen.kind.phrase,
            good=len(good),
            tried=len(search.points),
            space=len(search.space),
        ),
    )


def pareto(search: Search) -> list[Point]:
    """The points measured whole of which none is smaller and scores as well, or scores better and
    is as small; the smallest first."""
    whole = [(cost_of(point).bytes, -_score(point), point.number, point) for point in search.made
             if point.whole is not None]  # fmt: skip
    found: list[Point] = []
    for *_, point in sorted(whole, key=lambda item: item[:3]):
        if not found or _score(point) > _score(found[-1]):
            found.append(point)
    return found


def standing(search: Search, point: Point) -> Phrase:
    """In a few words why a point is where it is."""
    if point.cost is None:
        return Phrase("search.standing", variant="failed", reason=point.failure)
    if broken := search.broken(point):
        return Phrase("search.standing", variant="broken", limits=_limits(search, point, broken))
    if point.whole is not None:
        return Phrase("search.standing", variant="meets")
    others = [other for other in front(search) if other is not point]
    for other in others:
        if is_better_level(other, point):
            return Phrase("search.standing", variant="level", number=other.number)
    for other in others:
        if beats(other, point):
            return Phrase("search.standing", variant="beaten", number=other.number)
    return Phrase("search.standing")


def _best(search: Search, points: Sequence[Point]) -> Point:
    faithful = [point for point in points if point.whole and point.whole.verdict.faithful]
    pool = points if search.for_size or not faithful else faithful
    keeps = (_smallest, _most_exact) if search.for_size else (_most_exact, _smallest)
    for keep in keeps:
        pool = keep(pool)
    return min(pool, key=lambda point: (-cost_of(point).tokens_per_s, point.number))


def _smallest(points: Sequence[Point]) -> list[Point]:
    least = min(cost_of(point).bytes for point in points)
    return [point for point in points if cost_of(point).bytes <= _SAME_SIZE * least]


def _most_exact(points: Sequence[Point]) -> list[Point]:
    most = max(map(_score, points))
    return [point for point in points if _score(point) >= most - _SAME_SCORE]


def _nearest(search: Search) -> Choice | None:
    if not search.made:
        return None

    def distance(point: Point) -> tuple[float, float, int]:
        return max(search.broken(point).values(), default=1.0), point.looks[0], point.number

    # Of those that were not measured whole the quality is not known.
    whole = [point for point in search.made if point.whole is not None]
    order = sorted(whole or search.made, key=distance)
    point = order[0]
    limits = _limits(search, point, search.broken(point))
    why = Phrase("search.none", point=point.number, kind=point.kind.phrase, limits=limits)
    return Choice(point, order[1] if len(order) > 1 else None, False, why)


def _limits(search: Search, point: Point, broken: dict[str, float]) -> list[Phrase]:
    """What a point has, and what its limits ask, for each limit that it breaks."""
    cost = cost_of(point)
    has = {
        "size_mb": cost.bytes / MB,
        "memory_mb": cost.peak_memory / MB,
        "first_token_ms": 1000 * cost.first_token_s,
        "tokens_per_s": cost.tokens_per_s,
        "score": 100 * _score(point),
        "points_lost": point.whole.points_lost if point.whole else 0.0,
    }
    wants = search.limits.model_dump()
    return [
        Phrase(
            "search.limit",
            variant=name,
            has=round(has.get(name, 0.0), 1),
            limit=wants.get(name),
        )
        for name in broken
    ]


def _score(point: Point) -> float:
    return point.whole.score if point.whole is not None else 0.0
