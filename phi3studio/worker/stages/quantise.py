"""Quantise: Olive's quantisation passes and ModelBuilder, to the model that is used."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Sequence
from pathlib import Path

from phi3studio.domain.events.measured_events import Verified
from phi3studio.domain.messages import Phrase
from phi3studio.domain.quantisation import AUTO, presets_tried
from phi3studio.domain.recipe import Recipe
from phi3studio.worker.olive import workflow_config as oc
from phi3studio.worker.stages.attempt import Attempt

CALIBRATING = "calibrating the int4 weights"
"""The activity that is reported for every linear layer."""


def is_done(attempt: Attempt) -> bool:
    """Whether the exported model is there."""
    return attempt.run.model.is_dir()


def do(attempt: Attempt) -> None:
    """Build the ONNX model of the recipe's target and see that it loads and answers.

    For ``target.int4: auto`` the smallest faithful one of several; with limits the best within.
    """
    from phi3studio.worker.exporting.export_chain import failed_folder

    target = attempt.recipe.target
    if attempt.recipe.limits is not None:
        from phi3studio.worker.stages.search_exports import search_exports

        search_exports(attempt, lambda recipe, model: _build(attempt, recipe, model))
    elif target.quantisation == "int4" and target.int4 == AUTO:
        _build_smallest(attempt)
    else:
        _build(attempt, attempt.recipe, attempt.run.model)
    # What an earlier attempt could not use.
    shutil.rmtree(failed_folder(attempt.run.model), ignore_errors=True)
    attempt.artifact("model", attempt.run.model)


def _build(attempt: Attempt, recipe: Recipe, model: Path) -> None:
    """Build what *recipe* says into the folder *model*."""
    attempt.say("building the ONNX model")
    from phi3studio.worker.exporting.export_chain import place_exported
    from phi3studio.worker.fidelity.exported_model import start_ahead

    if attempt.device == "cuda":
        start_ahead(2)  # for the check of what is built, and for the measuring

    scratch = attempt.scratch("quantise")
    build = _build_apart if attempt.keeps_adapter_apart else _build_whole
    made = build(attempt, recipe, scratch)
    attempt.say("checking that it loads and answers")
    place_exported(
        made, model, recipe, attempt.opened.stop, _probe(attempt), attempt.governor.threads
    )
    shutil.rmtree(scratch, ignore_errors=True)


def _build_whole(attempt: Attempt, recipe: Recipe, scratch: Path) -> Path:
    """Build the merged model, or the base where there is no adapter; returns what was made."""
    from phi3studio.worker.olive import project_passes
    from phi3studio.worker.olive.run_workflow import run_workflow

    opened = attempt.opened
    config = oc.build_config(
        recipe,
        source(attempt),
        scratch / "output",
        scratch / "cache",
        calibration=_calibration(attempt, scratch),
        large=opened.facts.is_large,
    )
    tell = attempt.on_row(CALIBRATING)
    done = itertools.count(1)
    total = opened.facts.linear_layers
    hooks = project_passes.PassHooks(on_module=lambda: tell(min(next(done), total), total))
    with project_passes.pass_hooks(hooks):
        return run_workflow(config, scratch / "tmp").model


def _build_apart(attempt: Attempt, recipe: Recipe, scratch: Path) -> Path:
    """Build the base model with the adapter next to it; returns the folder of both."""
    from phi3studio.worker.genai.separate_adapters import (
        attach_adapter,
        check_can_be_apart,
        float_nodes,
    )
    from phi3studio.worker.olive.run_workflow import run_workflow

    adapter = attempt.adapter
    assert adapter is not None
    check_can_be_apart(adapter, recipe.target.provider)
    nodes = float_nodes(attempt.opened.model)
    config = oc.apart_config(
        recipe, attempt.opened.model, adapter, nodes, scratch / "output", scratch / "cache"
    )
    made = run_workflow(config, scratch / "tmp").model
    folder = made if made.is_dir() else made.parent
    # Olive's own file would be the same, but other adapters are converted here too.
    for file in folder.glob("*.onnx_adapter"):
        file.unlink()
    attach_adapter(adapter, folder, recipe.slug)
    return folder


def _build_smallest(attempt: Attempt) -> None:
    from phi3studio.worker.exporting import auto
    from phi3studio.worker.stages import verify

    def build(preset: str, model: Path) -> None:
        target = attempt.recipe.target.model_copy(update={"int4": preset})
        _build(attempt, attempt.recipe.model_copy(update={"target": target}), model)

    def judge(model: Path) -> Verified:
        compared = verify.comparison(attempt, model)
        for role in (compared.reference, "exported"):
            activity = f"{verify.MEASURING}{role} model"
            if not compared.is_kept(role):
                attempt.say(activity)
            compared.measure(role, attempt.on_row(activity))
        verdict = compared.verdict()
        assert verdict is not None  # There is an exported model.
        return verdict

    presets = presets_tried(AUTO, attempt.recipe.target.provider)
    chosen = auto.choose(attempt.run, presets, build, judge, attempt.say)
    tried = [
        Phrase(
            "export.auto_tried",
            variant="faithful" if item.faithful else "" if item.comparable else "not_proven",
            preset=item.preset,
            bytes=item.bytes,
        )
        for item in auto.tried(attempt.run)
    ]
    if chosen.word == "faithful":
        attempt.notice("export.auto", preset=chosen.preset, tried=tried)
    else:
        attempt.notice(
            "export.auto_none",
            level="warning",
            variant="" if chosen.comparable else "not_proven",
            preset=chosen.preset,
            tried=tried,
        )


def source(attempt: Attempt) -> Path:
    """The PyTorch model that is exported: merged, or the base where there is no adapter."""
    return attempt.merged if "merge" in attempt.recipe.steps else attempt.opened.model


def _calibration(attempt: Attempt, folder: Path) -> Path | None:
    """Rows for the calibrated quantisation; ``None`` for models where it takes hours."""
    from phi3studio.worker.data.preparing.calibration_rows import write_calibration

    opened = attempt.opened
    if opened.facts.is_large:
        return None
    file = folder / "calibration.parquet"
    rows = opened.prepared.train if opened.prepared else None
    write_calibration(rows, opened.tokenizer, file)
    return file


def _probe(attempt: Attempt) -> Sequence[int]:
    """Ids of one prompt: of a held-out row, or of a few words where there is no data."""
    from phi3studio.worker.data.preparing.held_out_rows import load_held_out

    if attempt.opened.prepared is not None:
        return load_held_out(attempt.prepared.held_out).rows[0].prompt_ids
    ids: list[int] = attempt.opened.tokenizer("The capital of France is")["input_ids"]
    return ids
