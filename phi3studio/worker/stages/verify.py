"""Verify: base, merged and exported model on the same held-out rows."""

from __future__ import annotations

import gc

from phi3studio.worker.stages.attempt import Attempt


def is_done(attempt: Attempt) -> bool:
    """Never: a resumed run is measured again."""
    return False


def do(attempt: Attempt) -> None:
    """Measure the models that the run has and tell what a user has to know."""
    from phi3studio.worker.compare import Comparison
    from phi3studio.worker.evaluate import load_held_out

    opened = attempt.opened
    comparison = Comparison(
        base=opened.model,
        adapter=attempt.adapter,
        merged=attempt.merged if attempt.merged.is_dir() else None,
        exported=attempt.run.model if attempt.run.model.is_dir() else None,
        tokenizer=opened.tokenizer,
        stop=opened.stop,
        data=load_held_out(attempt.prepared.held_out),
        threads=attempt.governor.look(),
        trust_remote_code=attempt.recipe.model.trust_remote_code,
    )
    for role in comparison.roles:
        activity = f"measuring the {role} model"
        attempt.say(activity)
        attempt.emit(comparison.measure(role, attempt.on_row(activity)))
        gc.collect()
    for notice in comparison.findings():
        attempt.emit(notice)
