"""``evaluators``: the goals of their metrics become limits of the search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from phi3studio.olive_configs.decisions import Entry, ImportDraft, Section
from phi3studio.olive_configs.rules import is_a

_OURS = "The result is measured on the held-out rows, before and after the training."
_MEASURED = "Measured in any case, on the held-out rows."
_SCORES = ("score", "points_lost")


@dataclass(frozen=True)
class _Limit:
    """A limit: the value of the goal times ``factor``; ``text`` says what it means here."""

    name: str
    factor: float
    text: str


_SIZE = _Limit("size_mb", 1e-6, "The largest size on disk, in MB.")
_LATENCY = _Limit("first_token_ms", 1.0, "The first token of an answer within so many ms.")
_SPEED = _Limit("tokens_per_s", 1.0, "At least so many tokens a second while answering.")
_SCORE = _Limit("score", 100.0, "The least score on the held-out rows, in percent.")
_LOST = "At most so many points (percent) less than the merged model, not than the input model."
_ACCURACY = {
    "threshold": _SCORE,
    "max-degradation": _Limit("points_lost", 100.0, _LOST),
    "percent-max-degradation": _Limit("points_lost", 1.0, _LOST),
}
_LIMITS: dict[tuple[str, str], dict[str, _Limit]] = {
    ("size_on_disk", "bytes"): {"threshold": _SIZE},
    ("latency", "avg"): {"threshold": _LATENCY},
    ("throughput", "avg"): {"threshold": _SPEED},
    ("accuracy", "accuracy_score"): _ACCURACY,
    ("accuracy", "accuracy"): _ACCURACY,
    ("accuracy", "exact_match"): _ACCURACY,
}
_INSTEAD = (
    "Write a limit: limits.size_mb, memory_mb, first_token_ms, tokens_per_s, score or points_lost."
)


def read_named(draft: ImportDraft, entry: Entry) -> None:
    """``evaluator`` of the engine: a name, or the evaluator itself."""
    if not entry.value:
        draft.translate(entry, "Not set.")
    elif not draft.searches:
        draft.refuse(entry, _OURS, "Leave it out.")
    elif isinstance(entry.value, Mapping):
        _read_evaluator(draft, entry)
    else:
        draft.translate(entry, "The goals of its metrics are the limits of the search.")


def read_evaluators(draft: ImportDraft, entry: Entry) -> None:
    """``evaluators``: the one that the engine names."""
    if not entry.value:
        draft.translate(entry, "Not set.")
    elif not draft.searches or not isinstance(entry.value, Mapping):
        draft.refuse(entry, _OURS, "Leave it out.")
    else:
        for name, value in entry.value.items():
            place = Entry(f"{entry.path}.{name}", value)
            if name == draft.evaluator:
                _read_evaluator(draft, place)
            else:
                draft.refuse(
                    place, "The engine does not name it as its evaluator.", "Leave it out."
                )


def _read_evaluator(draft: ImportDraft, entry: Entry) -> None:
    section = Section(entry, draft)
    kind = section.given("type")
    if kind is not None and str(kind.value).casefold() != "oliveevaluator":
        for part in (kind, *section.take_all()):
            draft.refuse(part, f"The evaluator {kind.value} is not run. {_OURS}", _INSTEAD)
        return
    if kind is not None:
        draft.translate(kind, _OURS)
    section.read(lambda d, e: d.translate(e, "Only a name."), "name")
    metrics = section.given("metrics")
    if metrics is not None and isinstance(metrics.value, list):
        for at, value in enumerate(metrics.value):
            _read_metric(draft, Entry(f"{metrics.path}[{at}]", value))
    elif metrics is not None:
        draft.refuse(metrics, "A list of metrics belongs here.", "Write one.")
    section.refuse_rest(("metrics", "type", "name"), "An evaluator")


def _read_metric(draft: ImportDraft, entry: Entry) -> None:
    section = Section(entry, draft, nested=())
    kind = section.take("type")
    name = str(kind.value).casefold() if kind is not None else ""
    subs = section.given("sub_types")
    rest = section.take_all()
    if name not in {known for known, _ in _LIMITS}:
        shown = kind.value if kind is not None else "without a type"
        for part in [p for p in (kind, subs, *rest) if p is not None]:
            draft.refuse(part, f"The metric {shown} is not measured. {_OURS}", _INSTEAD)
        return
    assert kind is not None
    for part in (kind, *rest):
        draft.translate(part, _MEASURED)
    if subs is not None and isinstance(subs.value, list):
        for at, value in enumerate(subs.value):
            _read_sub(draft, name, Entry(f"{subs.path}[{at}]", value))
    elif subs is not None:
        draft.refuse(subs, "A list of sub types belongs here.", "Write one.")


def _read_sub(draft: ImportDraft, kind: str, entry: Entry) -> None:
    if not isinstance(entry.value, Mapping):
        draft.refuse(entry, "A mapping with a name belongs here.", "Write one.")
        return
    section = Section(entry, draft, nested=())
    named = section.take("name")
    name = str(named.value).casefold() if named is not None else ""
    goal = section.given("goal")
    for part in [*([named] if named is not None else []), *section.take_all()]:
        draft.translate(part, _MEASURED)
    if goal is not None:
        _read_goal(draft, kind, name, goal)


def _read_goal(draft: ImportDraft, kind: str, name: str, goal: Entry) -> None:
    given: Mapping[str, Any] = goal.value if isinstance(goal.value, Mapping) else {}
    value = given.get("value")
    limit = _LIMITS.get((kind, name), {}).get(str(given.get("type")))
    if limit is None:
        text = f"The goal “{given.get('type')}” of {kind} ({name}) is not known as a limit."
        draft.refuse(goal, text, _INSTEAD)
        return
    to, text = f"limits.{limit.name}", limit.text
    others = [f"limits.{other}" for other in _SCORES if other != limit.name]
    if not is_a(value, (int, float)):
        draft.refuse(goal, "The value of a goal is a number.", "Correct the value.", blocks=True)
    elif to in draft.values or (limit.name in _SCORES and others[0] in draft.values):
        draft.refuse(goal, "The search has a limit of that kind already.", "Keep one of them.")
    else:
        assert isinstance(value, int | float)
        draft.translate(goal, text, to, round(value * limit.factor, 6))
