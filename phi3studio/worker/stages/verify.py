"""Verify: base, merged and exported model on the same held-out rows, and the verdict."""

from __future__ import annotations

import shutil
from pathlib import Path

from phi3studio.domain.events.measured_events import Verified
from phi3studio.domain.events.run_events import Notice
from phi3studio.domain.search.export_kinds import ExportKind
from phi3studio.runs.measuring.search_file import as_built
from phi3studio.worker.fidelity.compare import Comparison, contained_adapter
from phi3studio.worker.stages.attempt import Attempt

SCRATCH = "fidelity"


MEASURING = "measuring the "
"""How the activities begin that are reported for every held-out row."""


def is_done(attempt: Attempt) -> bool:
    """Never: a resumed run is measured again."""
    return False


def do(attempt: Attempt) -> None:
    """Measure the models that the run has, judge the exported one and write the model card."""
    from phi3studio.worker.exporting.auto import tried

    candidates = tried(attempt.run)
    if not candidates and attempt.recipe.limits is None:
        shutil.rmtree(attempt.run.work / SCRATCH, ignore_errors=True)
    compared = comparison(attempt)
    if compared.is_kept("base"):
        attempt.unusual.add("verify")
    for role in compared.roles:
        activity = f"{MEASURING}{role} model"
        attempt.say(activity)
        metrics = compared.measure(role, attempt.on_row(activity))
        if metrics is not None:
            attempt.emit(metrics)
    forgetting = compared.forgetting()
    verdict = compared.verdict(candidates)
    compared.forget()
    if forgetting is not None:
        attempt.emit(forgetting)
        if forgetting.is_much:
            attempt.notice(
                "train.forgot",
                level="warning",
                lost=forgetting.lost,
                before=forgetting.right_before,
                after=forgetting.right_after,
            )
    if verdict is not None:
        attempt.emit(verdict)
        for notice in notices(verdict):
            attempt.emit(notice)
    _write_card(attempt)


def comparison(
    attempt: Attempt, candidate: Path | None = None, kind: ExportKind | None = None
) -> Comparison:
    """The run's models and rows; general text where the recipe has no data.

    *candidate*, an export of a *kind* of its own, is judged instead of the run's exported model.
    """
    from phi3studio.worker.data.preparing.calibration_rows import general_rows
    from phi3studio.worker.data.preparing.held_out_rows import load_held_out

    opened, run = attempt.opened, attempt.run
    recipe = as_built(run, attempt.recipe)
    if kind is not None:
        recipe = recipe.model_copy(update={"target": kind.of(recipe.target)})
    prepared = opened.prepared
    exported = candidate or run.model
    return Comparison(
        recipe=recipe,
        base=opened.model,
        adapter=contained_adapter(recipe, attempt.adapter, exported)
        if "quantise" in recipe.steps
        else attempt.adapter,
        merged=attempt.merged if attempt.merged.is_dir() else None,
        exported=exported if exported.is_dir() else None,
        tokenizer=opened.tokenizer,
        stop=opened.stop,
        data=general_rows(opened.tokenizer)
        if prepared is None
        else load_held_out(
            prepared.held_out, prepared.labels, conversation=recipe.rows.messages is not None
        ),
        threads=attempt.governor.look(),
        scratch=run.work / SCRATCH,
        measured=run.measured,
    )


def notices(verdict: Verified) -> list[Notice]:
    """What a user has to know about a verdict, for lists of notices."""
    return [
        Notice(level="warning", code=found.code, variant=found.variant, values=found.values)
        for found in (*verdict.reasons, *verdict.remarks)
        if found.code != "fidelity.no_task"
    ]


def _write_card(attempt: Attempt) -> None:
    from phi3studio.runs.card import write_card
    from phi3studio.worker.fidelity.lengths import write_lengths

    if attempt.opened.prepared is not None:
        write_lengths(attempt.run, attempt.opened.prepared)
    attempt.say("writing the model card")
    attempt.artifact("card", write_card(attempt.run))
