"""The verdict of the fidelity gate as lines of text."""

from __future__ import annotations

from phi3studio.domain.events.measured_events import ModelFigures, Verified
from phi3studio.domain.messages.formatting import percent, size
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
    for role in ("base", "merged", "exported"):
        figures = verdict.models.get(role)
        if figures is not None:
            lines.append(f"    {role:<9} {_model(verdict, figures)}")
    lines += [f"    {line}" for line in _comparison(verdict)]
    exported = verdict.models.get("exported")
    if exported is not None and exported.bytes is not None:
        lines.append(f"    {_cost(exported)}")
    for item in verdict.candidates:
        kept = ", kept" if item.kept else ""
        word = "faithful" if item.faithful else "not faithful"
        lost = f"{item.points_lost:.1f} points lost, " if item.points_lost is not None else ""
        lines.append(f"    int4 {item.preset:<8} {size(item.bytes):>7}  {lost}{word}{kept}")
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
