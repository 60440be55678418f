"""What measured likelihoods say of preferences and of forgetting. Pure: figures and intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from phi3studio.domain.events.measured_events import (
    Forgetting,
    Metrics,
    ModelFigures,
    Preference,
    Verified,
)
from phi3studio.domain.events.payload import ModelRole
from phi3studio.domain.hyperparameters import REFERENCED, Method
from phi3studio.domain.intervals import mean_interval, share_interval
from phi3studio.domain.messages import Phrase

FORGOT = 1.5
"""More nats a token than this on general questions is a warning.

Measured with the starter (2026-11-30): after two epochs of the sample's better answers −0.27, after
a DPO run at three times its usual rate, whose loss was 0.01 long before its end, +0.70; after the
demo, whose answers are single words, +0.95, and that run is a good one.
"""
NO_GAIN = 0.05
"""A share of the pairs below which nothing was gained."""


class Pair(NamedTuple):
    """Log-likelihoods (nats, summed over the supervised tokens) of a pair's answers, and how many
    tokens these are."""

    chosen: float
    rejected: float
    chosen_tokens: int
    rejected_tokens: int


class Recall(NamedTuple):
    """One general question: the negative log-likelihood of its answer (nats a token), and the
    share of the answer's tokens that are the most likely ones."""

    loss: float
    right: float


def compared_by(method: Method) -> Literal["sum", "mean"]:
    """How a method's loss compares answers, and so what its implicit reward is."""
    return "sum" if method.objective in REFERENCED else "mean"


def preferred_by(pairs: Sequence[Pair], by: Literal["sum", "mean"] = "mean") -> tuple[float, ...]:
    """By how much the better answer is the likelier one, in nats."""
    if by == "sum":
        return tuple(pair.chosen - pair.rejected for pair in pairs)
    return tuple(
        pair.chosen / max(1, pair.chosen_tokens) - pair.rejected / max(1, pair.rejected_tokens)
        for pair in pairs
    )


def preference_scores(differences: Sequence[float]) -> tuple[float, ...]:
    """1 for a pair whose better answer is preferred, 0 for the other one, 0.5 for a tie."""
    return tuple(0.5 if value == 0 else float(value > 0) for value in differences)


def preference_of(
    pairs: Sequence[Pair], method: Method, start: Sequence[Pair] | None = None
) -> Preference:
    """The figures of a model; *start*: the same pairs under the model that the training began with,
    ``None`` for that model itself."""
    scores = preference_scores(preferred_by(pairs))
    figures = Preference(
        pairs=len(pairs),
        prefers=sum(scores) / len(scores),
        interval=share_interval(scores),
    )
    if start is None:
        return figures
    by = compared_by(method)
    both = zip(preferred_by(pairs, by), preferred_by(start, by), strict=True)
    gains = [method.strength * (after - before) for after, before in both]
    rewarded = preference_scores(gains)
    return figures.model_copy(
        update={
            "reward": sum(rewarded) / len(rewarded),
            "reward_interval": share_interval(rewarded),
            "margin": sum(gains) / len(gains),
            "margin_interval": mean_interval(gains),
        }
    )


def forgetting_of(before: Sequence[Recall], after: Sequence[Recall]) -> Forgetting:
    """Base and tuned model on the same general questions."""
    count = len(before)
    lost = [b.loss - a.loss for a, b in zip(before, after, strict=True)]
    return Forgetting(
        questions=count,
        before=sum(item.loss for item in before) / count,
        after=sum(item.loss for item in after) / count,
        interval=mean_interval(lost),
        limit=FORGOT,
        right_before=sum(item.right for item in before) / count,
        right_after=sum(item.right for item in after) / count,
    )


def preference_phrase(
    models: Mapping[ModelRole, Metrics] | Mapping[ModelRole, ModelFigures],
    verdict: Verified | None,
) -> Phrase | None:
    """What a run has learned of its pairs, in a sentence; ``None`` where there are none."""
    found = {role: item.preference for role, item in models.items() if item.preference is not None}
    before, now = found.get("start", found.get("base")), found.get("merged")
    if before is None or now is None:
        return None
    said, more = "", {}
    exported = found.get("exported")
    if now.prefers - before.prefers < NO_GAIN:
        said = "no_better"
    elif exported is not None and verdict is not None and verdict.preference_lost is not None:
        lossy = verdict.preference_lost > verdict.limits["preference_lost"] + 1e-9
        said, more = "lossy" if lossy else "exported", {"exported": 100 * exported.prefers}
    values: dict[str, Any] = {"now": 100 * now.prefers, "before": 100 * before.prefers, **more}
    return Phrase("preference.said", variant=said, **values)
