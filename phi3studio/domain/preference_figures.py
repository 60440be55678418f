"""What measured likelihoods say of preferences and of forgetting. Pure: figures and intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from phi3studio.domain.events.measured_events import (
    Forgetting,
    Metrics,
    ModelFigures,
    Preference,
    Verified,
)
from phi3studio.domain.events.payload import ModelRole
from phi3studio.domain.hyperparameters import REFERENCED, Method
from phi3studio.domain.intervals import difference_interval, mean_interval, share_interval
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


class Rated(NamedTuple):
    """The log-likelihood (nats, summed over the supervised tokens) of an answer that was rated, and
    whether it is a good one."""

    likelihood: float
    good: bool


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


def rated_scores(answers: Sequence[Rated], start: Sequence[Rated]) -> tuple[float, ...]:
    """Of each answer of the kind that there are fewer of, good or bad: the share of the other
    kind's that it differs from as it should, the good answer's likelihood having gained more on
    *start*, the same answers under the model that the training began with. 0.5 for a tie."""
    gains = _gains(answers, start)
    few, many = gains if len(gains[0]) <= len(gains[1]) else (gains[1], gains[0])
    above = 1 if few is gains[0] else -1
    return tuple(
        sum(preference_scores([above * (one - other) for other in many])) / len(many) for one in few
    )


def rated_preference_of(
    answers: Sequence[Rated], method: Method, start: Sequence[Rated] | None
) -> Preference:
    """The figures of a model by rated answers; *start* as that of :func:`preference_of`."""
    good, bad = _gains(answers, start or answers)
    figures = Preference(pairs=len(good) * len(bad), prefers=0.5, interval=(0.5, 0.5), rated=True)
    if start is None:
        return figures
    scores = rated_scores(answers, start)
    share, interval = sum(scores) / len(scores), share_interval(scores)
    rewards = [[method.strength * gain for gain in gains] for gains in (good, bad)]
    return figures.model_copy(
        update={
            "prefers": share,
            "interval": interval,
            "reward": share,
            "reward_interval": interval,
            "margin": sum(rewards[0]) / len(good) - sum(rewards[1]) / len(bad),
            "margin_interval": difference_interval(*rewards),
        }
    )


def _gains(
    answers: Sequence[Rated], start: Sequence[Rated]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """What good and bad answers gained."""
    both = list(zip(answers, start, strict=True))
    good, bad = (
        tuple(now.likelihood - before.likelihood for now, before in both if now.good is kind)
        for kind in (True, False)
    )
    return good, bad


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
        said, more = "lossy" if lossy else "exported", {"exported": exported.prefers}
    shares = {"now": now.prefers, "before": before.prefers, **more}
    if now.rated:  # of all good answers with all bad ones
        hundreds = {name: 100 * share for name, share in shares.items()}
        return Phrase("preference.rated", variant=said, **hundreds)
    counts = {name: now.pairs * share for name, share in shares.items()}
    return Phrase("preference.said", variant=said, pairs=now.pairs, **counts)
