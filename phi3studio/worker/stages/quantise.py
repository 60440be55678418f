"""Quantise: Olive's quantisation passes and ModelBuilder, to the model that is used."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Sequence
from pathlib import Path

from phi3studio.worker import olive_config as oc
from phi3studio.worker.stages.attempt import Attempt


def is_done(attempt: Attempt) -> bool:
    """Whether the exported model is there."""
    return attempt.run.model.is_dir()


def do(attempt: Attempt) -> None:
    """Build the ONNX model of the recipe's target and see that it loads and answers."""
    attempt.say("building the ONNX model")
    from phi3studio.worker import passes
    from phi3studio.worker.export import place_exported
    from phi3studio.worker.olive_run import run_workflow

    opened = attempt.opened
    scratch = attempt.scratch("quantise")
    config = oc.build_config(
        attempt.recipe,
        source(attempt),
        scratch / "output",
        scratch / "cache",
        calibration=_calibration(attempt, scratch),
    )
    tell = attempt.on_row("calibrating the int4 weights")
    done = itertools.count(1)
    total = opened.facts.linear_layers
    hooks = passes.PassHooks(on_module=lambda: tell(min(next(done), total), total))
    with passes.pass_hooks(hooks):
        made = run_workflow(config, scratch / "tmp").model
    attempt.say("checking that it loads and answers")
    place_exported(
        made,
        attempt.run.model,
        attempt.recipe,
        opened.stop,
        _probe(attempt),
        attempt.governor.threads,
    )
    attempt.artifact("model", attempt.run.model)
    shutil.rmtree(scratch, ignore_errors=True)


def source(attempt: Attempt) -> Path:
    """The PyTorch model that is exported: merged, or the base where there is no adapter."""
    return attempt.merged if "merge" in attempt.recipe.steps else attempt.opened.model


def _calibration(attempt: Attempt, folder: Path) -> Path | None:
    """Rows for the calibrated quantisation; ``None`` for models where it takes hours."""
    from phi3studio.worker.calibration import write_calibration

    opened = attempt.opened
    if opened.facts.parameters >= oc.LARGE_MODEL:
        return None
    file = folder / "calibration.parquet"
    rows = opened.prepared.train if opened.prepared else None
    write_calibration(rows, opened.tokenizer, file)
    return file


def _probe(attempt: Attempt) -> Sequence[int]:
    """Ids of one prompt: of a held-out row, or of a few words where there is no data."""
    from phi3studio.worker.evaluate import load_held_out

    if attempt.opened.prepared is not None:
        return load_held_out(attempt.prepared.held_out).rows[0].prompt_ids
    ids: list[int] = attempt.opened.tokenizer("The capital of France is")["input_ids"]
    return ids
