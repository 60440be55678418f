"""What a search knows of each kind of export: built, looked at on a few rows, measured whole.

The record is ``search.json`` in the run's folder. Everything that a search decides is decided from
it, so a search that was stopped goes on where it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from pydantic import Field

from phi3studio.domain.events.measured_events import Metrics, Verified
from phi3studio.domain.events.payload import Payload
from phi3studio.domain.hyperparameters import Limits
from phi3studio.domain.search.export_kinds import ExportKind

SEARCH_VERSION = 1
MB = 1_000_000
_BYTES_A_BLOCK = 5
"""A float32 scale and a zero point of 8 bits."""


class Cost(Payload):
    """What answering takes: bytes, seconds, tokens a second; the worst of all measurements. Zero
    where the rows have no prompts to time an answer with."""

    bytes: int
    load_s: float = 0.0
    first_token_s: float = 0.0
    tokens_per_s: float = 0.0
    peak_memory: int = 0

    def worse(self, other: Cost) -> Cost:
        """The worse of each figure of the two."""
        return Cost(
            bytes=max(self.bytes, other.bytes),
            load_s=max(self.load_s, other.load_s),
            first_token_s=max(self.first_token_s, other.first_token_s),
            tokens_per_s=min(self.tokens_per_s, other.tokens_per_s),
            peak_memory=max(self.peak_memory, other.peak_memory),
        )


class Whole(Payload):
    """A kind measured on all held-out rows as a run's export is. ``nll``: nats a learned token."""

    verdict: Verified
    metrics: Metrics
    nll: float
    kl_interval: tuple[float, float] | None = None

    @property
    def score(self) -> float:
        """From 0 to 1."""
        return self.metrics.score or 0.0

    @property
    def points_lost(self) -> float:
        """Against the merged model, in points (percent)."""
        return self.verdict.points_lost or 0.0


class Point(Payload):
    """One kind that was tried. ``number`` is its place in the space, from 1.

    ``looks`` has the mean KL (nats) of each round of rows. ``failure`` is the error that kept it
    from being built or from answering.
    """

    number: int
    kind: ExportKind
    cost: Cost | None = None
    looks: tuple[float, ...] = ()
    whole: Whole | None = None
    failure: dict[str, Any] | None = None
    seconds: float = 0.0


class SearchRecord(Payload):
    """``search.json``. ``least``: bytes that each kind cannot be smaller than; ``weights``: the
    model's parameters; ``rows``: held-out rows. ``taken`` is the point whose model is the run's
    export; ``done``: nothing is left to try; ``begun``: the point of the step that goes on."""

    version: Literal[1] = 1
    space: tuple[ExportKind, ...]
    least: tuple[int, ...]
    weights: int
    rows: int
    points: tuple[Point, ...] = ()
    limits: Limits = Field(default_factory=Limits)
    taken: int | None = None
    done: bool = False
    begun: int | None = None


@dataclass(frozen=True)
class Search:
    """A search so far: what can be built, the least bytes of each, and what was measured."""

    space: tuple[ExportKind, ...]
    least: tuple[int, ...]
    weights: int
    limits: Limits
    rows: int
    points: Mapping[int, Point]

    @classmethod
    def of(cls, record: SearchRecord) -> Search:
        """The search that a record holds."""
        points = {point.number: point for point in record.points}
        return cls(record.space, record.least, record.weights, record.limits, record.rows, points)

    def kind(self, number: int) -> ExportKind:
        """The kind of that number."""
        return self.space[number - 1]

    def number_of(self, kind: ExportKind) -> int | None:
        """Its number, where the space has it."""
        return self._numbers.get(kind)

    @cached_property
    def _numbers(self) -> dict[ExportKind, int]:
        return {kind: number for number, kind in enumerate(self.space, start=1)}

    @cached_property
    def made(self) -> list[Point]:
        """The points that answer, in the order of their numbers."""
        return [self.points[at] for at in sorted(self.points) if self.points[at].cost is not None]

    @property
    def for_size(self) -> bool:
        """Whether the smallest export wins that is good enough: the quality is limited, or nothing
        is. Otherwise the most exact one wins that is cheap enough."""
        return self.limits.quality or not self.limits.model_dump(exclude_none=True)

    def like(self, kind: ExportKind) -> Point | None:
        """A point that answers and has the same weights."""
        return next((point for point in self.made if point.kind.weights == kind.weights), None)

    def known_bytes(self, number: int) -> int:
        """Bytes that the kind takes at least: those of a point of its series with the same or a
        larger block, as a smaller block has more scales; those of a smaller block without any
        scales; what no model of that kind is smaller than."""
        kind, found = self.kind(number), self.least[number - 1]
        for point in self.made:
            if point.kind.series == kind.series:
                found = max(found, cost_of(point).bytes - self._saved(point.kind, kind))
        return found

    def _saved(self, made: ExportKind, other: ExportKind) -> int:
        """Bytes that a larger block can save at most: scales and zero points of all weights."""
        if other.block_size <= made.block_size:
            return 0
        return round(_BYTES_A_BLOCK * self.weights / made.block_size)

    def is_too_large(self, number: int) -> bool:
        """Whether it is known to break the limit of size, built or not."""
        most = self.limits.size_mb
        return most is not None and self.known_bytes(number) > most * MB

    def broken(self, point: Point) -> dict[str, float]:
        """The limits that a point is known to break, and by which factor (above 1)."""
        cost, limits = cost_of(point), self.limits
        found = {
            "size_mb": _over(cost.bytes / MB, limits.size_mb),
            "memory_mb": _over(cost.peak_memory / MB, limits.memory_mb),
            "first_token_ms": _over(1000 * cost.first_token_s, limits.first_token_ms),
            "tokens_per_s": _under(cost.tokens_per_s, limits.tokens_per_s),
        }
        if point.whole is not None:
            lost, score = point.whole.points_lost, 100 * point.whole.score
            found["score"] = _under(score, limits.score)
            if limits.points_lost is not None:
                found["points_lost"] = 1 + (lost - limits.points_lost) / 100
            if not limits.model_dump(exclude_none=True):
                found["faithful"] = 1.0 if point.whole.verdict.faithful else 1.0 + max(0.01, lost)
        return {name: factor for name, factor in found.items() if factor > 1 + 1e-9}

    def meets(self, point: Point) -> bool:
        """Whether a point was measured whole and breaks nothing."""
        return point.whole is not None and not self.broken(point)


def cost_of(point: Point) -> Cost:
    """The cost of a point that answers."""
    assert point.cost is not None
    return point.cost


def _over(value: float, most: float | None) -> float:
    return value / most if most is not None else 0.0


def _under(value: float, least: float | None) -> float:
    return least / max(value, 1e-9) if least is not None else 0.0
