"""Which steps a draft may leave out, and what follows from leaving one out."""

from __future__ import annotations

from typing import Literal

from phi3studio.domain.recipe import ALL_STEPS, Step
from phi3studio.wizard.flow import Draft, edit

StepReason = Literal["", "needs_data", "needs_adapter", "only_step", "nothing_to_verify"]
"""Why a step cannot be switched; empty: it can."""


def step_reason(draft: Draft, step: Step) -> StepReason:
    """Why *step* cannot be switched on (or off, where it is on)."""
    on = step in draft.steps
    if on:
        rest = with_step(draft, step, on=False).steps
        if not rest:
            return "only_step"
        return "nothing_to_verify" if rest == ("verify",) else ""
    if step == "train" and draft.source is None:
        return "needs_data"
    if step == "merge" and not draft.trains and draft.adapter is None:
        return "needs_adapter"
    return ""


def with_step(draft: Draft, step: Step, *, on: bool) -> Draft:
    """Switch a step; a merge goes with the adapter that it would have merged."""
    wanted = (set(draft.steps) | {step}) if on else (set(draft.steps) - {step})
    if "train" not in wanted and draft.adapter is None:
        wanted.discard("merge")
    return edit(draft, "target", steps=tuple(name for name in ALL_STEPS if name in wanted))


def without_data(draft: Draft) -> Draft:
    """Train nothing: export the base model, or merge and export a given adapter."""
    steps: tuple[Step, ...] = ("quantise", "verify")
    if draft.adapter is not None:
        steps = ("merge", *steps)
    return edit(draft, "data", steps=steps)


def with_training(draft: Draft) -> Draft:
    """All steps again."""
    return edit(draft, "data", steps=ALL_STEPS)


def with_adapter(draft: Draft, adapter: str | None, model: str | None = None) -> Draft:
    """Start from the adapter in a folder (over *model*, where that is known), or from none."""
    changes: dict[str, object] = {"adapter": adapter}
    if model is not None:
        changes |= {"model": model, "revision": None, "trust_remote_code": False}
    changed = edit(draft, "model", **changes)
    if not changed.trains:
        return edit(changed, "model", steps=without_data(changed).steps)
    return changed
