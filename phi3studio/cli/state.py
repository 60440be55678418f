"""A run as one JSON document, and as lines of text."""

from __future__ import annotations

import time
from typing import Any

from phi3studio.cli.output import duration, percent, size
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
        "timings": {name: round(value, 2) for name, value in seen.timings.items()},
        "peak_memory": seen.peak_memory,
        "artifacts": {
            kind: {"path": str(run.path / item.path), "bytes": item.bytes}
            for kind, item in seen.artifacts.items()
        },
        "notices": [
            {"level": n.level, "code": n.code, "text": n.text}
            for n in seen.notices
            if n.level != "info"
        ],
        "attempt": seen.attempt,
        "device": seen.device,
        "started_at": seen.started_at,
        "ended_at": seen.ended_at,
        "error": (
            {"code": finished.code, "message": finished.message, "hint": finished.hint}
            if finished is not None and finished.code is not None
            else None
        ),
    }


def run_lines(run: RunFolder, view: RunView) -> list[str]:
    """The same for people."""
    recipe = run.recipe()
    state = run.state(view)
    lines = [
        f"{run.name}   {state}",
        f"  data    {recipe.data.source if recipe.data else 'none'}",
        f"  model   {recipe.model.source} · LoRA rank {recipe.method.rank}",
    ]
    if state in ("running", "queued") and view.stage:
        lines.append(f"  stage   {view.stage} ({view.stage_index} of {view.stage_count})")
        if view.progress and view.progress.total:
            lines.append(f"  step    {view.progress.step} of {view.progress.total}")
    for role, m in view.metrics.items():
        lines.append(
            f"  {role:<9} {percent(m.accuracy):>6} right · perplexity {m.perplexity:.4g} · "
            f"{percent(m.stops)} stop"
        )
    if view.timings:
        lines.append(
            "  time    " + ", ".join(f"{k} {duration(v)}" for k, v in view.timings.items())
        )
    if view.peak_memory:
        lines.append(f"  memory  {size(view.peak_memory)} at most")
    lines += [f"  ! {n.text}" for n in view.notices if n.level != "info"]
    if view.finished is not None and view.finished.message:
        lines += [f"  Error: {view.finished.message}", f"  {view.finished.hint}"]
    lines.append(f"  folder  {run.path}")
    return lines


def age(seconds: float | None) -> str:
    """How long ago a time was."""
    if seconds is None:
        return ""
    ago = time.time() - seconds
    return f"{duration(ago)} ago" if ago < 86400 else f"{ago / 86400:.0f} d ago"
