"""A run as one JSON document, and as lines of text."""

from __future__ import annotations

import time
from typing import Any

from phi3studio.cli.verdict_lines import (
    forgetting_lines,
    format_lines,
    preference_lines,
    verdict_lines,
)
from phi3studio.domain.events.measured_events import Verified
from phi3studio.domain.events.run_events import Notice
from phi3studio.domain.messages.formatting import duration, percent, size
from phi3studio.domain.run import RunView
from phi3studio.runs.store import RunFolder


def run_document(run: RunFolder, view: RunView | None = None) -> dict[str, Any]:
    """Everything ``show --json`` prints of a run. Times in seconds, memory in bytes."""
    seen = view or run.view()
    finished = seen.finished
    return {
        "name": run.name,
        "path": str(run.path),
        "state": run.state(seen),
        "stage": seen.stage,
        "progress": seen.progress.model_dump(exclude_none=True) if seen.progress else None,
        "metrics": {
            role: metrics.model_dump(exclude={"type", "model"}, exclude_none=True)
            for role, metrics in seen.metrics.items()
        },
        "verdict": verdict_document(seen.verdict),
        "forgetting": seen.forgetting.model_dump(exclude={"type"}) if seen.forgetting else None,
        "checks": [verdict_document(check) for check in seen.checks],
        "timings": {name: round(value, 2) for name, value in seen.timings.items()},
        "peak_memory": seen.peak_memory,
        "estimate": estimate_document(seen),
        "recoveries": [step.model_dump(mode="json", exclude={"type"}) for step in seen.recoveries],
        "artifacts": {
            kind: {"path": str(run.path / item.path), "bytes": item.bytes}
            for kind, item in seen.artifacts.items()
        },
        "notices": [
            {"level": n.level, "code": n.code, "text": " ".join(n.said()).strip()}
            for n in seen.notices
            if n.level != "info"
        ],
        "attempt": seen.attempt,
        "device": seen.device,
        "started_at": seen.started_at,
        "ended_at": seen.ended_at,
        "error": (finished.error.to_json() if finished is not None and finished.error else None),
    }


def estimate_document(view: RunView) -> dict[str, Any] | None:
    """What the run was expected to take and what it took, by stage. Ratios: fact / estimate."""
    expected = view.estimated
    if expected is None:
        return None
    seconds, memory = view.timings, view.stage_memory

    def compared(fact: float, estimate: float) -> dict[str, float | None]:
        ratio = round(fact / estimate, 3) if estimate else None
        return {"estimate": round(estimate, 2), "fact": round(fact, 2), "ratio": ratio}

    done = [name for name in expected.seconds if name in seconds]
    return {
        "measured": expected.measured,
        "seconds": {name: compared(seconds[name], expected.seconds[name]) for name in done},
        "memory": {
            name: compared(memory[name], expected.memory[name]) for name in done if name in memory
        },
        "total_seconds": compared(
            sum(seconds[name] for name in done), sum(expected.seconds[name] for name in done)
        ),
        "peak_memory": compared(
            view.peak_memory, max((expected.memory[name] for name in done), default=0)
        ),
    }


def verdict_document(verdict: Verified | None) -> dict[str, Any] | None:
    """A verdict of the fidelity gate as JSON values, with its word; absent values are left out."""
    if verdict is None:
        return None
    values = verdict.model_dump(mode="json", exclude={"type"}, exclude_none=True)
    for part, all_found in (("reasons", verdict.reasons), ("remarks", verdict.remarks)):
        values[part] = [
            found.model_dump() | dict(zip(("text", "next"), found.said(), strict=True))
            for found in all_found
        ]
    return {"word": verdict.word, **values}


def run_lines(run: RunFolder, view: RunView) -> list[str]:
    """The same for people."""
    recipe = run.recipe()
    state = run.state(view)
    lines = [
        f"{run.name}   {state_word(state, view.verdict.word if view.verdict else None)}",
        f"  data    {recipe.data.source if recipe.data else 'none'}",
        f"  model   {recipe.model.source} · LoRA rank {recipe.method.rank}",
    ]
    if state in ("running", "queued") and view.stage:
        lines.append(f"  stage   {view.stage} ({view.stage_index} of {view.stage_count})")
        if view.progress and view.progress.total:
            lines.append(f"  step    {view.progress.step} of {view.progress.total}")
    if view.verdict is not None:
        lines += verdict_lines(view.verdict)
    else:
        for role, m in view.metrics.items():
            lines.append(
                f"  {role:<9} {percent(m.accuracy):>6} right · perplexity {m.perplexity:.4g} · "
                f"{percent(m.stops)} stop"
            )
        lines += preference_lines(view.metrics)
    lines += forgetting_lines(view.forgetting)
    for check in view.checks:
        lines += verdict_lines(check)
    if view.proofs:
        lines += format_lines(view)
    if view.timings:
        lines.append(
            "  time    " + ", ".join(f"{k} {duration(v)}" for k, v in view.timings.items())
        )
    if view.peak_memory:
        lines.append(f"  memory  {size(view.peak_memory)} at most")
    lines += [f"  ! {' '.join(n.said()).strip()}" for n in other_notices(view)]
    error = view.finished.error if view.finished is not None else None
    if error is not None:
        lines += [f"  Error: {error.message}", f"  {error.hint}"]
    lines.append(f"  folder  {run.path}")
    return lines


def state_word(state: str, verdict: str | None) -> str:
    """A run's state for lists: a completed one says when its export is not faithful."""
    bad = state == "completed" and verdict not in (None, "faithful")
    return f"{state}, {verdict}" if bad else state


def other_notices(view: RunView) -> list[Notice]:
    """The warnings that the verdict does not tell already, each once."""
    shown = (
        {found.code for found in (*view.verdict.reasons, *view.verdict.remarks)}
        if view.verdict is not None
        else set()
    )
    found = [n for n in view.notices if n.level != "info" and n.code not in shown]
    return [notice for at, notice in enumerate(found) if notice not in found[:at]]


def age(seconds: float | None) -> str:
    """How long ago a time was."""
    if seconds is None:
        return ""
    ago = time.time() - seconds
    return f"{duration(round(ago))} ago" if ago < 86400 else f"{ago / 86400:.0f} d ago"
