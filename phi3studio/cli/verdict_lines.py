"""The verdict of the fidelity gate as lines of text."""

from __future__ import annotations

from collections.abc import Mapping

from phi3studio.domain.events.measured_events import Forgetting, Metrics, ModelFigures, Verified
from phi3studio.domain.events.payload import ROLES, ModelRole
from phi3studio.domain.messages import say
from phi3studio.domain.messages.formatting import percent, size
from phi3studio.domain.preference_figures import preference_phrase
from phi3studio.domain.run import RunView

_MARKS = {"faithful": "✓", "not faithful": "✗", "not proven": "?"}
_SCORES = {"accuracy": "accuracy", "token_f1": "word F1"}


def verdict_lines(verdict: Verified) -> list[str]:
    """The verdict, the figures that it rests on, its reasons and what to try next."""
    lines = [f"  {_MARKS[verdict.word]} The exported model is {verdict.word}."]
    where = "rows of general text" if verdict.general else "held-out rows"
    if verdict.data is not None:
        where = f"rows of {verdict.data}"
    lines.append(f"    measured on {verdict.rows} {where}")
    for role in ROLES:
        figures = verdict.models.get(role)
        if figures is not None:
            lines.append(f"    {role:<9} {_model(verdict, figures)}")
    lines += preference_lines(verdict.models, verdict)
    lines += [f"    {line}" for line in _comparison(verdict)]
    exported = verdict.models.get("exported")
    if exported is not None and exported.bytes is not None:
        lines.append(f"    {_cost(exported)}")
    for item in verdict.candidates:
        kept = ", kept" if item.kept else ""
        lost = f"{item.points_lost:.1f} points lost, " if item.points_lost is not None else ""
        lines.append(f"    int4 {item.preset:<8} {size(item.bytes):>7}  {lost}{item.word}{kept}")
    for found in verdict.reasons:
        said = found.said()
        lines.append(f"    ✗ {said.message}")
        lines.append(f"      Try next: {said.hint}")
    for found in verdict.remarks:
        said = found.said()
        lines.append(f"    ! {said.message}")
        if said.hint:
            lines.append(f"      {said.hint}")
    return lines


def preference_lines(
    models: Mapping[ModelRole, Metrics] | Mapping[ModelRole, ModelFigures],
    verdict: Verified | None = None,
) -> list[str]:
    """How the models judge the held-out pairs, in a sentence and in figures; none without pairs."""
    judged = [(role, m, m.preference) for role in ROLES if (m := models.get(role)) and m.preference]
    if not judged:
        return []
    said = preference_phrase(models, verdict)
    lines = [f"    {say(said).message}"] if said is not None else []
    by = (
        "good answers above bad ones, by what their log-likelihood gained in the training"
        if judged[0][2].rated
        else "better answer preferred, by the mean log-likelihood of a token"
    )
    lines.append(f"    {by}")
    for role, figures, found in judged:
        parts = [f"{percent(found.prefers)} ({_interval(found.interval, 100)})"]
        if not found.rated and found.reward is not None and found.reward_interval is not None:
            parts.append(
                f"implicit reward {percent(found.reward)} ({_interval(found.reward_interval, 100)})"
            )
        if found.margin is not None and found.margin_interval is not None:
            parts.append(f"margin {found.margin:.3g} ({_interval(found.margin_interval)})")
        if figures.answer_tokens is not None:
            parts.append(f"{figures.answer_tokens:.0f} tokens an answer")
        lines.append(f"    {role:<9} {' · '.join(parts)}")
    if verdict is not None and verdict.preference_lost is not None:
        text = f"{verdict.preference_lost:+.1f} points of preference lost".replace("+", "", 1)
        if verdict.preference_interval is not None:
            text += f" (95 % interval {_interval(verdict.preference_interval)})"
        lines.append(f"    {text}")
    return lines


def forgetting_lines(found: Forgetting | None) -> list[str]:
    """What the training cost on general questions; none where it was not measured."""
    if found is None:
        return []
    mark = "!" if found.is_much else "·"
    return [
        f"    {mark} general questions: {percent(found.right_after)} of the tokens right, before "
        f"{percent(found.right_before)}; {found.lost:+.2f} nats a token (95 % interval "
        f"{_interval(found.interval)}, more than {found.limit:g} is a warning)"
    ]


def _interval(interval: tuple[float, float], scale: float = 1) -> str:
    low, high = (scale * value for value in interval)
    return f"{low:.3g} to {high:.3g}"


def format_lines(view: RunView) -> list[str]:
    """The run's model in each format that was measured, one line each."""
    lines = []
    for title, verdict in view.formats.items():
        exported = verdict.models.get("exported")
        parts: list[str] = [verdict.word]
        if exported is not None:
            parts.append(_model(verdict, exported))
        if verdict.points_lost is not None:
            parts.append(f"{verdict.points_lost:+.1f} points lost".replace("+", "", 1))
        if verdict.kl is not None:
            parts.append(f"KL {verdict.kl:.4f} nats")
        if verdict.parity is not None:
            parts.append(f"tokenizers agree on {percent(verdict.parity)}")
        if exported is not None and exported.tokens_per_s is not None:
            parts.append(f"{size(exported.bytes or 0)}, {exported.tokens_per_s:.0f} tokens/s")
        lines.append(f"  {_MARKS[verdict.word]} {title:<12} {' · '.join(parts)}")
        for reason in verdict.reasons:
            said = reason.said()
            lines.append(f"      {said.message} {said.hint}")
    return lines


def _model(verdict: Verified, figures: ModelFigures) -> str:
    parts = []
    if figures.score is not None and verdict.score_name is not None:
        parts.append(f"{_SCORES[verdict.score_name]} {percent(figures.score)}")
    parts.append(f"perplexity {figures.perplexity:.4g}")
    if figures.stops is not None:
        parts.append(f"{percent(figures.stops)} stop")
    return " · ".join(parts)


def _comparison(verdict: Verified) -> list[str]:
    parts = []
    if verdict.points_lost is not None:
        text = f"{verdict.points_lost:+.1f} points lost".replace("+", "", 1)
        if verdict.interval is not None:
            low, high = verdict.interval
            text += f" (95 % interval {low:.1f} to {high:.1f})"
        parts.append(text)
    if verdict.kl is not None and verdict.agreement is not None:
        parts.append(
            f"KL divergence {verdict.kl:.4f} nats and {percent(verdict.agreement)} top-1 agreement "
            f"at {verdict.positions} positions"
        )
    if verdict.parity is not None:
        parts.append(f"tokenizers agree on {percent(verdict.parity)} of the prompts")
    return parts


def _cost(figures: ModelFigures) -> str:
    parts = [size(figures.bytes or 0)]
    if figures.load_s is not None:
        parts.append(f"loads in {figures.load_s:.2g} s")
    if figures.first_token_s is not None:
        parts.append(f"first token after {1000 * figures.first_token_s:.0f} ms")
    if figures.tokens_per_s is not None:
        parts.append(f"{figures.tokens_per_s:.0f} tokens/s")
    if figures.peak_memory is not None:
        parts.append(f"{size(figures.peak_memory)} of memory")
    return " · ".join(parts)
