"""Merge: our pass on Olive's MergeAdapterWeights, base weights plus adapter."""

from __future__ import annotations

import shutil

from phi3studio.models.model_folder import is_whole
from phi3studio.worker.olive import workflow_config as oc
from phi3studio.worker.stages.attempt import Attempt


def is_done(attempt: Attempt) -> bool:
    """Whether the merged model is there, or what was to be made of it."""
    built = "quantise" in attempt.recipe.steps and attempt.run.model.is_dir()
    return built or is_whole(attempt.merged)


def do(attempt: Attempt) -> None:
    """Merge the trained or the given adapter into the base model."""
    attempt.say("merging the adapter into the base model")
    from phi3studio.worker.exporting.export_chain import place_merged
    from phi3studio.worker.olive.run_workflow import run_workflow

    adapter = attempt.adapter
    assert adapter is not None  # The recipe refuses a merge without an adapter.
    scratch = attempt.scratch("merge")
    config = oc.merge_config(
        attempt.recipe,
        attempt.opened.model,
        adapter,
        scratch / "output",
        scratch / "cache",
        # Small models are merged without rounding; large ones as their weights are stored.
        dtype=None if attempt.opened.facts.is_large else "float32",
    )
    place_merged(run_workflow(config, scratch / "tmp").model, attempt.merged)
    if attempt.merged == attempt.run.merged:
        attempt.artifact("merged", attempt.merged)
    shutil.rmtree(scratch, ignore_errors=True)
