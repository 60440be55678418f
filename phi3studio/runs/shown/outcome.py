"""What came of a run, in one word, and what to do next: the first thing that is said of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from phi3studio.domain.estimation.estimate import search_seconds
from phi3studio.domain.events.measured_events import Metrics
from phi3studio.domain.events.payload import ScoreName
from phi3studio.domain.messages import Phrase
from phi3studio.domain.preference_figures import preference_phrase
from phi3studio.domain.recipe import Recipe
from phi3studio.domain.run import RunView

OutcomeKind = Literal[
    "learned", "lossy", "partly", "not_learned", "no_better", "unmeasured", "exported"
]
NextStep = Literal["chat", "export", "elsewhere", "longer", "rate", "data", "quality", "own_data"]

# Of the score, a share from 0 to 1: what counts as a task learned, and as any gain at all.
_LEARNED: dict[ScoreName, float] = {"accuracy": 0.5, "token_f1": 0.3}
# The same of pairs whose better answer is preferred, of which half is chance.
_EVEN, _PREFERS = 0.5, 0.7
_CLEAR_GAIN, _ANY_GAIN = 0.15, 0.05
_KNEW = 0.8
# A quick look is continued by as many epochs as a balanced training has.
_EPOCHS_AFTER_QUICK = 3.0


@dataclass(frozen=True)
class Outcome:
    """``now``, ``before`` and ``exported`` are scores from 0 to 1 of the trained, the base and the
    exported model; ``proven``: whether the exported model was compared with the trained one.
    With ``preference`` they are shares of the held-out pairs whose better answer is preferred, and
    that sentence says them. ``ending``: the share of the tuned model's answers that end by
    themselves, where the training is why too few do."""

    kind: OutcomeKind
    score_name: ScoreName = "accuracy"
    now: float | None = None
    before: float | None = None
    exported: float | None = None
    proven: bool = False
    next_steps: tuple[NextStep, ...] = ()
    preference: Phrase | None = None
    ending: float | None = None


def outcome(view: RunView, recipe: Recipe | None) -> Outcome | None:
    """The outcome of a completed run; ``None`` while it is not completed."""
    if view.finished is None or view.finished.outcome != "completed":
        return None
    if recipe is not None and "train" not in recipe.steps:
        return Outcome("exported", proven=_proven(view), next_steps=("chat", "export", "elsewhere"))
    tuned = view.metrics.get("merged") or view.metrics.get("exported")
    if tuned is None:
        return Outcome("unmeasured", next_steps=("chat", "export", "elsewhere", "data"))
    name: ScoreName = tuned.score_name or "accuracy"
    base = view.metrics.get("start") or view.metrics.get("base")
    exported = view.metrics.get("exported")
    preference = preference_phrase(view.metrics, view.verdict)
    score = _score if preference is None else _prefers
    now = score(tuned, name)
    before = score(base, name) if base is not None else None
    if preference is None:
        kind = _kind(now, before or 0.0, _chance(tuned), _LEARNED[name])
    else:
        kind = _kind(now, before or 0.0, _EVEN, _PREFERS)
    reasons = view.verdict.reasons if view.verdict is not None else ()
    # Of the training, not of the export: a more exact one would not help.
    endless = [note for note in reasons if note.code == "fidelity.stops" and note.variant]
    if kind in {"learned", "partly"} and view.verdict is not None:
        if endless:
            kind = "partly" if len(endless) == len(reasons) else "lossy"
        elif view.verdict.word == "not faithful":
            kind = "lossy"
    steps = _next(kind, is_sample(recipe), suggested_rate(view) is not None)
    if preference is not None and endless:
        steps = tuple(step for step in steps if step not in ("longer", "rate"))
    return Outcome(
        kind,
        name,
        now,
        before,
        score(exported, name) if exported is not None else None,
        _proven(view),
        steps,
        preference,
        tuned.stops if endless else None,
    )


def is_sample(recipe: Recipe | None) -> bool:
    """Whether the run learned the demo's rows, not the user's own."""
    return recipe is not None and recipe.name in {"demo", "demo-quick", "demo continued"}


def longer_epochs(recipe: Recipe) -> float:
    """How many epochs more are worth a try where a run has not learned its task."""
    quick = recipe.training.max_steps is not None
    return _EPOCHS_AFTER_QUICK if quick else recipe.training.epochs


def longer_seconds(view: RunView, recipe: Recipe) -> float | None:
    """How long training so many epochs more will take, after what the run itself took."""
    spent = view.timings.get("train")
    if not spent:
        return None
    rest = sum(view.timings.values()) - spent
    steps = recipe.training.max_steps
    if steps is None:
        return spent + rest
    held = recipe.data.split.held_out if recipe.data is not None else 0.0
    measured = view.metrics.get("merged") or view.metrics.get("exported")
    if measured is None or not 0 < held < 1:
        return None
    rows = measured.rows * (1 - held) / held
    share = recipe.training.batch_size * recipe.training.accumulation
    return spent * math.ceil(rows / share) * longer_epochs(recipe) / steps + rest


def rebuild_seconds(view: RunView) -> float | None:
    """How long making the exported model once more will take."""
    return sum(view.timings.get(name, 0.0) for name in ("merge", "quantise", "verify")) or None


def search_time(view: RunView, recipe: Recipe) -> float | None:
    """How long a search for another export will take, after what building and measuring the one of
    the run took."""
    built = view.timings.get("quantise")
    if not built or recipe.limits is not None:
        return None
    rest = sum(view.timings.get(name, 0.0) for name in ("merge", "verify"))
    return search_seconds(recipe, built) + rest


def _kind(now: float, before: float, chance: float, learned: float) -> OutcomeKind:
    gain = now - max(before, chance)
    if gain >= _CLEAR_GAIN and now >= learned:
        return "learned"
    if before >= _KNEW:
        return "learned" if gain >= _ANY_GAIN else "no_better"
    if gain >= _ANY_GAIN:
        return "partly"
    return "not_learned" if before < learned else "no_better"


def suggested_rate(view: RunView) -> float | None:
    """The higher learning rate that the training itself asked for, if it did."""
    for notice in view.notices:
        if notice.code == "train.not_learning" and notice.variant == "rate":
            usual = notice.values.get("usual")
            return usual if isinstance(usual, float) else None
    return None


def _next(kind: OutcomeKind, sample: bool, slow: bool) -> tuple[NextStep, ...]:
    match kind:
        case "learned":
            return ("chat", *(("own_data",) if sample else ()), "export", "elsewhere")
        case "lossy":
            return ("quality", "chat", "data")
        case _:
            return ("rate", "longer", "data", "chat") if slow else ("longer", "data", "chat")


def _score(metrics: Metrics, name: ScoreName) -> float:
    if metrics.score is not None and metrics.score_name == name:
        return metrics.score
    return metrics.accuracy if name == "accuracy" else (metrics.token_f1 or 0.0)


def _prefers(metrics: Metrics, name: ScoreName) -> float:
    return metrics.preference.prefers if metrics.preference is not None else 0.0


def _chance(metrics: Metrics) -> float:
    """What always answering the most frequent label would reach."""
    if metrics.confusion is None:
        return 0.0
    rows = [sum(counts) for counts in metrics.confusion.counts]
    return max(rows) / sum(rows) if sum(rows) else 0.0


def _proven(view: RunView) -> bool:
    return view.verdict is not None and view.verdict.word != "not proven"
