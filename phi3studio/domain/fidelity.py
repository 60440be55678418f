"""The fidelity gate: is the exported model the model that was trained?

Pure decisions over what the worker measured. A verdict fails for a reason with a stable code, and
each reason names the next thing to try.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from phi3studio.domain.events.measured_events import (
    Candidate,
    Confusion,
    ModelFigures,
    ParityExample,
    VerdictNote,
    Verified,
    verdict_note,
)
from phi3studio.domain.events.payload import ModelRole, ScoreName
from phi3studio.domain.intervals import lost_interval
from phi3studio.domain.messages import Phrase
from phi3studio.domain.places.gguf import GgufKind, more_exact_gguf
from phi3studio.domain.quantisation import ALLOWED, more_exact
from phi3studio.domain.recipe import Fidelity, Target

WORST_PERPLEXITY_RATIO = 1.3
"""Plain int4 of the starter is at 1.26 on general text, and answers as it should."""

_LABELS = 1000
_SHOWN_LABELS = 20
_LABEL_CHARACTERS = 120


def labels_of(expected: Sequence[str], trained: Sequence[str] = ()) -> tuple[str, ...]:
    """The labels, where the completions are such; empty where they are free text.

    Labels repeat, are short and few: on average each occurs at least twice. *trained* are the
    labels that the preparation of the whole data found, if any: with few held-out rows the
    repetition shows only there.
    """
    found = sorted({text.strip() for text in expected})
    if trained:
        return tuple(sorted({*found, *(text.strip() for text in trained)}))
    short = all(len(text) <= _LABEL_CHARACTERS and "\n" not in text for text in found)
    repeated = 2 * len(found) <= len(expected) and len(found) <= _LABELS
    return tuple(found) if short and repeated else ()


def confusion_of(expected: Sequence[str], answered: Sequence[str]) -> Confusion:
    """The confusion matrix of the most frequent expected labels, in alphabetical order."""
    frequent = Counter(expected).most_common()
    labels = sorted(label for label, _ in frequent[:_SHOWN_LABELS])
    place = {label: index for index, label in enumerate(labels)}
    counts = [[0] * (len(labels) + 1) for _ in labels]
    for right, given in zip(expected, answered, strict=True):
        if right in place:
            counts[place[right]][place.get(given, len(labels))] += 1
    return Confusion(
        labels=tuple(labels),
        counts=tuple(map(tuple, counts)),
        left_out=max(0, len(frequent) - _SHOWN_LABELS),
    )


def macro_f1(expected: Sequence[str], answered: Sequence[str]) -> float:
    """The mean over the expected labels of each one's F1."""
    hits = Counter(right for right, given in zip(expected, answered, strict=True) if right == given)
    wanted, given = Counter(expected), Counter(answered)
    scores = [2 * hits[label] / (wanted[label] + given[label]) for label in wanted]
    return sum(scores) / len(scores) if scores else 0.0


def rows_to_tell(lost: float, interval: tuple[float, float], rows: int, limit: float) -> int | None:
    """About so many rows would tell that a loss is below *limit*, if the further ones are like the
    *rows* that gave *lost* and its *interval* (all in points); ``None`` if no number would."""
    gap = limit - max(0.0, lost)
    if gap <= 0.1:
        return None
    needed = max(rows + 1, rows * ((interval[1] - lost) / gap) ** 2)
    digits: int = 10 ** max(0, len(str(math.ceil(needed))) - 2)
    return int(math.ceil(needed / digits) * digits)


@dataclass(frozen=True)
class Evidence:
    """What was measured of one run.

    ``scores`` are the reference's and the exported model's scores row by row, empty where there
    is no task score; ``preferred`` the same of pairs of answers (1: prefers the better one).
    ``parity`` is the share of rows that all tokenizers read alike.
    ``stops_trained``: whether the run trained the stop token. ``unmeasured`` says why this machine
    cannot run the model at all, ``on_cpu`` why it was measured on the CPU instead of its provider.
    ``gguf`` is the kind of the file, where the exported model is one for llama.cpp; ``searched``:
    whether the exported model is one of several that a search has made.
    ``int4_aware``: whether the adapter was trained over rounded weights, so that the reference, in
    which nothing is rounded, may be worse than the run could have been.
    """

    models: Mapping[ModelRole, ModelFigures]
    rows: int
    stop: str
    stop_listed: bool | None = None
    reference: ModelRole = "merged"
    score_name: ScoreName | None = None
    scores: tuple[Sequence[float], Sequence[float]] = ((), ())
    preferred: tuple[Sequence[float], Sequence[float]] = ((), ())
    kl: float | None = None
    agreement: float | None = None
    positions: int = 0
    parity: float | None = None
    parity_example: ParityExample | None = None
    data: str | None = None
    general: bool = False
    unmeasured: VerdictNote | None = None
    on_cpu: VerdictNote | None = None
    gguf: GgufKind | None = None
    int4_aware: bool = False
    searched: bool = False


def judge(
    evidence: Evidence,
    limits: Fidelity,
    target: Target,
    candidates: tuple[Candidate, ...] = (),
) -> Verified:
    """The verdict on an exported model."""
    reasons: list[VerdictNote] = []
    remarks: list[VerdictNote] = []
    lost, interval = _points(evidence.scores)
    preference = _preference_lost(evidence, limits)
    following = _following(evidence, target)
    if evidence.unmeasured is not None:
        reasons.append(evidence.unmeasured)
    else:
        reasons += _score_reasons(evidence, limits, following, lost, interval)
        reasons += preference.reasons(evidence, following)
        reasons += _stop_reasons(evidence, limits, following)
        reasons += _parity_reasons(evidence)
        (reasons if evidence.general else remarks).extend(_perplexity(evidence, following))
        remarks += _remarks(evidence, limits, lost, interval)
        remarks += preference.remarks(evidence)
    if evidence.on_cpu is not None:
        remarks.append(evidence.on_cpu)
    # A loss against such a reference is one; no loss proves nothing.
    comparable = bool(reasons) or _is_comparable(evidence, limits)
    if not comparable:
        reasons.append(_incomparable(evidence))
    return Verified(
        faithful=not reasons,
        measured=evidence.unmeasured is None,
        comparable=comparable,
        data=evidence.data,
        general=evidence.general,
        rows=evidence.rows,
        reference=evidence.reference,
        models=dict(evidence.models),
        score_name=evidence.score_name,
        points_lost=lost,
        interval=interval,
        preference_lost=preference.lost,
        preference_interval=preference.interval,
        kl=evidence.kl,
        agreement=evidence.agreement,
        positions=evidence.positions,
        stop=evidence.stop,
        stop_listed=evidence.stop_listed,
        parity=evidence.parity,
        parity_example=evidence.parity_example,
        limits={
            "points_lost": limits.points_lost,
            "stops": limits.stops,
            **({"preference_lost": preference.limit} if preference.lost is not None else {}),
        },
        reasons=tuple(reasons),
        remarks=tuple(remarks),
        candidates=candidates,
    )


def _following(evidence: Evidence, target: Target) -> Phrase:
    """What to try after an export that is not faithful."""
    if evidence.gguf is not None:
        return next_gguf(evidence.gguf)
    if evidence.searched:
        return Phrase("fidelity.next", variant="searched")
    return next_export(target)


def next_export(target: Target) -> Phrase:
    """The next more exact export of the same model, as settings of the recipe."""
    exact = "fp16" if "fp16" in ALLOWED[target.provider] else "fp32"
    if target.quantisation == "int4":
        match more_exact(target.int4, target.provider):
            case str(preset):
                return Phrase("fidelity.next", variant="preset", preset=preset)
            case _ if target.block_size > 16:
                return Phrase("fidelity.next", variant="block_size", exact=exact)
            case _ if target.accuracy_level == 4:
                return Phrase("fidelity.next", variant="accuracy_level", exact=exact)
            case _:
                return Phrase("fidelity.next", variant="exact", exact=exact)
    if target.quantisation in ("fp16", "bf16"):
        return Phrase("fidelity.next", variant="cpu")
    return Phrase("fidelity.next", variant="defect")


def next_gguf(kind: GgufKind) -> Phrase:
    """The next more exact GGUF of the same model."""
    exact = more_exact_gguf(kind)
    if exact is None:
        return Phrase("fidelity.next", variant="defect")
    return Phrase("fidelity.next", variant="gguf", kind=exact)


def _points(
    scores: tuple[Sequence[float], Sequence[float]],
) -> tuple[float | None, tuple[float, float] | None]:
    before, after = scores
    if not before:
        return None, None
    low, high = lost_interval(before, after)
    return 100 * (sum(before) - sum(after)) / len(before), (100 * low, 100 * high)


@dataclass(frozen=True)
class _PreferenceLost:
    """In points of the pairs; ``lost`` is ``None`` where there are none."""

    lost: float | None
    interval: tuple[float, float] | None
    limit: float

    def reasons(self, evidence: Evidence, following: Phrase) -> list[VerdictNote]:
        if self.lost is None or self.interval is None or self.lost <= self.limit + 1e-9:
            return []
        return [
            verdict_note(
                "fidelity.preference",
                variant="chance" if self.interval[0] <= self.limit else "",
                lost=_above(self.lost, self.limit),
                limit=self.limit,
                reference=_model(evidence.reference),
                pairs=len(evidence.preferred[0]),
                low=self.interval[0],
                high=self.interval[1],
                next=following,
            )
        ]

    def remarks(self, evidence: Evidence) -> list[VerdictNote]:
        if self.lost is None or self.interval is None:
            return []
        if self.lost > self.limit + 1e-9 or self.interval[1] <= self.limit:
            return []
        return [
            verdict_note(
                "fidelity.few_pairs",
                pairs=len(evidence.preferred[0]),
                limit=self.limit,
                high=self.interval[1],
            )
        ]


def _preference_lost(evidence: Evidence, limits: Fidelity) -> _PreferenceLost:
    lost, interval = _points(evidence.preferred)
    # Of fewer than 50 pairs a single one is more than the limit: nothing finer can be seen.
    one = 100 / max(1, len(evidence.preferred[0]))
    return _PreferenceLost(lost, interval, max(limits.preference_lost, one))


def _score_reasons(
    evidence: Evidence,
    limits: Fidelity,
    following: Phrase,
    lost: float | None,
    interval: tuple[float, float] | None,
) -> list[VerdictNote]:
    if lost is None or interval is None or lost <= limits.points_lost + 1e-9:
        return []
    return [
        verdict_note(
            "fidelity.score",
            variant="chance" if interval[0] <= limits.points_lost else "",
            lost=_above(lost, limits.points_lost),
            limit=limits.points_lost,
            score=Phrase("fidelity.score_name", variant=evidence.score_name or "accuracy"),
            reference=_model(evidence.reference),
            rows=evidence.rows,
            low=interval[0],
            high=interval[1],
            next=following,
        )
    ]


def _is_comparable(evidence: Evidence, limits: Fidelity) -> bool:
    """Whether the exported model can be called faithful: where the reference is unfit, only if so
    few answers are wrong that no model could be better by more than the limit."""
    if not evidence.int4_aware:
        return True
    after = evidence.scores[1]
    return bool(after) and 100 * (1 - sum(after) / len(after)) <= limits.points_lost + 1e-9


def _incomparable(evidence: Evidence) -> VerdictNote:
    after = evidence.scores[1]
    if not after:
        return verdict_note("fidelity.int4_aware")
    return verdict_note(
        "fidelity.int4_aware",
        variant="score",
        score=100 * sum(after) / len(after),
        rows=evidence.rows,
    )


def _stop_reasons(evidence: Evidence, limits: Fidelity, following: Phrase) -> list[VerdictNote]:
    found: list[VerdictNote] = []
    if evidence.stop_listed is False:
        variant = "" if evidence.gguf is None else "gguf"
        found.append(verdict_note("fidelity.stop_not_listed", variant=variant, stop=evidence.stop))
    exported = evidence.models.get("exported")
    if exported is None or exported.stops is None or exported.stops >= limits.stops - 1e-9:
        return found
    found.append(
        verdict_note(
            "fidelity.stops",
            variant=_why_no_stop(evidence, limits),
            stops=_below(exported.stops, limits.stops),
            limit=100 * limits.stops,
            reference=_model(evidence.reference),
            next=following,
        )
    )
    return found


def _why_no_stop(evidence: Evidence, limits: Fidelity) -> str:
    """The export, unless the tuned model is no better: then the training, or preferences that were
    trained over one that was."""

    def stops(role: ModelRole) -> bool:
        model = evidence.models.get(role)
        return model is None or model.stops is None or model.stops >= limits.stops - 1e-9

    if stops(evidence.reference):
        return ""
    return "preferences" if "start" in evidence.models and stops("start") else "training"


def _parity_reasons(evidence: Evidence) -> list[VerdictNote]:
    if evidence.parity is None or evidence.parity >= 1.0:
        return []
    example = evidence.parity_example
    share = 1 - evidence.parity
    if example is None:
        return [verdict_note("fidelity.template", share=share)]
    return [
        verdict_note(
            "fidelity.template",
            variant="example",
            share=share,
            row=example.row,
            text=example.text,
        )
    ]


def _perplexity(evidence: Evidence, following: Phrase) -> list[VerdictNote]:
    before, exported = evidence.models.get(evidence.reference), evidence.models.get("exported")
    if before is None or exported is None:
        return []
    if exported.perplexity <= WORST_PERPLEXITY_RATIO * before.perplexity:
        return []
    return [
        verdict_note(
            "fidelity.perplexity",
            variant="general" if evidence.general else "",
            perplexity=exported.perplexity,
            reference=_model(evidence.reference),
            reference_perplexity=before.perplexity,
            next=following,
        )
    ]


def _remarks(
    evidence: Evidence,
    limits: Fidelity,
    lost: float | None,
    interval: tuple[float, float] | None,
) -> list[VerdictNote]:
    found: list[VerdictNote] = []
    if evidence.general:
        found.append(verdict_note("fidelity.no_task"))
    if (
        lost is not None
        and interval is not None
        and lost <= limits.points_lost + 1e-9
        and interval[1] > limits.points_lost
    ):
        enough = rows_to_tell(lost, interval, evidence.rows, limits.points_lost)
        found.append(
            verdict_note(
                "fidelity.few_rows",
                variant="enough" if enough is not None else "",
                rows=evidence.rows,
                limit=limits.points_lost,
                high=interval[1],
                enough=enough,
            )
        )
    exported = evidence.models.get("exported")
    if exported is not None and exported.stops is not None and exported.other_stops:
        trained = exported.stops - exported.other_stops
        if trained < limits.stops - 1e-9 <= exported.stops:
            found.append(
                verdict_note("fidelity.other_stop", share=exported.other_stops, stop=evidence.stop)
            )
    return found


def _model(role: ModelRole) -> Phrase:
    return Phrase("fidelity.model", variant="base" if role == "base" else "")


def _above(lost: float, limit: float) -> float:
    """*lost* with as many digits as show that it is more: never “3.0 points; 3 are allowed”."""
    digits = next(n for n in range(1, 12) if round(lost, n) > limit)
    return round(lost, digits)


def _below(share: float, limit: float) -> float:
    """A share below *limit* in percent, with as many digits as show that it is below."""
    digits = next(n for n in range(12) if round(100 * share, n) < 100 * limit)
    return round(100 * share, digits)
