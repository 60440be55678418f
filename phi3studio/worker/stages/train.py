"""Train: Olive's LoRA pass, ours on top of it, from the last whole checkpoint on."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from phi3studio.domain.hyperparameters import usual_rate
from phi3studio.domain.tuning.study_record import WHOLE
from phi3studio.domain.tuning.trial_space import rungs
from phi3studio.runs.studies.trial_mark import read_mark
from phi3studio.worker.olive import workflow_config as oc
from phi3studio.worker.process.processes import shared_batch
from phi3studio.worker.stages.attempt import Attempt

if TYPE_CHECKING:
    from phi3studio.worker.training.best import BestAdapter
    from phi3studio.worker.training.int4_aware import Int4Phase
    from phi3studio.worker.training.preference_trainer import Preferences

_ROWS_TO_CHOOSE_BY = 256


def is_done(attempt: Attempt) -> bool:
    """Whether the adapter is there."""
    return attempt.run.adapter.is_dir()


def do(attempt: Attempt) -> None:
    """Train the adapter and place it in the run's folder."""
    attempt.say("starting the training")
    from phi3studio.worker.exporting.export_chain import place_adapter
    from phi3studio.worker.olive import project_passes
    from phi3studio.worker.olive.run_workflow import run_workflow
    from phi3studio.worker.training import trainer
    from phi3studio.worker.training.best import BestAdapter, best_callback, stopped_at
    from phi3studio.worker.training.standstill import standstill_callback

    recipe, run = attempt.recipe, attempt.run
    checkpoint = _last_checkpoint(attempt)
    steps = recipe.training.total_steps(attempt.prepared.train_rows)
    evaluations = recipe.training.evaluations
    scratch = attempt.scratch("train")
    plan = oc.TrainPlan(
        model=attempt.opened.model,
        train_file=attempt.prepared.train,
        eval_file=_eval_file(attempt, scratch) if evaluations else None,
        checkpoints=run.checkpoints,
        output=scratch / "output",
        cache=scratch / "cache",
        total_steps=steps,
        device=attempt.device,
        precision=attempt.precision,
        target_modules=attempt.opened.facts.target_modules(recipe.method.target_modules),
        eval_steps=-(-steps // evaluations) if evaluations else None,
        extra=shared_batch(recipe.training),
    )
    best = BestAdapter(run.checkpoints)
    callback = trainer.RunCallback(
        attempt.emit,
        attempt.control,
        attempt.memory,
        attempt.governor,
        interval_s=60 * recipe.training.checkpoint_minutes,
        pause_at=_pause_at(attempt, steps),
    )
    patience = recipe.training.early_stopping
    phase = _int4_phase(attempt, steps)
    since = phase.first_step if phase else 0
    keep = recipe.training.keep_best
    watch = best_callback(best, patience, attempt.notice, keep=keep, since=since)
    callbacks = [callback, watch] if evaluations else [callback]
    if recipe.model.adapter is None:
        # An adapter that is trained further may have little left to learn.
        rate = usual_rate(attempt.opened.facts.parameters)
        callbacks.append(standstill_callback(rate, attempt.notice))
    hooks = project_passes.PassHooks(
        callbacks=callbacks,
        on_tokens=callback.count_tokens,
        checkpoint=checkpoint,
        trained=checkpoint is not None and stopped_at(checkpoint, patience, since) is not None,
        start_from=Path(recipe.model.adapter) if recipe.model.adapter else None,
        max_tokens=recipe.training.sequence_length,
        choose=lambda: _best(attempt, best) if evaluations else None,
        preferences=_preferences(attempt),
        int4=phase,
    )
    with project_passes.pass_hooks(hooks):
        made = run_workflow(oc.train_config(recipe, plan), scratch / "tmp")
    attempt.control.saves_itself = False
    if patience:
        attempt.unusual.add("train")  # it may have stopped early
    place_adapter(made.adapter, run.adapter)
    attempt.artifact("adapter", run.adapter)
    shutil.rmtree(scratch, ignore_errors=True)


def _pause_at(attempt: Attempt, steps: int) -> int | None:
    """The step at which a search wants to look at its trial; ``None`` for the end."""
    mark = read_mark(attempt.run)
    rung = mark.until if mark is not None else WHOLE
    return rungs(steps)[rung - 1] if rung < WHOLE else None


def _int4_phase(attempt: Attempt, steps: int) -> Int4Phase | None:
    """The part of the training that is for the int4 export, where the recipe wants one."""
    from phi3studio.worker.quantising.export_grid import ExportGrid
    from phi3studio.worker.training.int4_aware import Int4Phase

    training = attempt.recipe.training
    if not training.int4_aware:
        return None
    return Int4Phase(
        grid=ExportGrid(attempt.recipe.target, attempt.opened.facts.is_large),
        first_step=training.int4_from(steps),
        on_begin=lambda step: attempt.notice("train.int4_aware", step=step, steps=steps),
    )


def _preferences(attempt: Attempt) -> Preferences | None:
    """How pairs of answers are trained, where the recipe wants it."""
    from phi3studio.worker.training.preference_trainer import Preferences

    method, prepared = attempt.recipe.method, attempt.prepared
    if method.objective == "sft":
        return None
    longest = attempt.recipe.training.sequence_length
    adapter = attempt.recipe.model.adapter
    of = [attempt.opened.model, *([Path(adapter)] if adapter else [])]
    weights = " ".join(map(_weights, of))
    return Preferences(
        method=method,
        reference=attempt.run.work / "reference.safetensors",
        key=f"{prepared.train.name} {prepared.held_out.name} {longest} {weights}",
        on_row=attempt.on_row("computing the reference"),
    )


def _weights(folder: Path) -> str:
    """What tells a model's or an adapter's weights from others, without reading them."""
    stats = [(file.name, file.stat()) for file in sorted(folder.glob("*.safetensors"))]
    told = [(name, found.st_size, found.st_mtime_ns) for name, found in stats]
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def _best(attempt: Attempt, best: BestAdapter) -> Path | None:
    """The adapter of the best evaluation, where that is not the last one."""
    found = best.read() if attempt.recipe.training.keep_best else None
    if found is None or found.last:
        return None
    attempt.notice(
        "train.best",
        step=found.step,
        loss=found.loss,
        last_loss=found.last_loss,
    )
    return best.folder


def _last_checkpoint(attempt: Attempt) -> Path | None:
    from phi3studio.worker.training.trainer import last_checkpoint

    checkpoint, damaged = last_checkpoint(attempt.run.checkpoints)
    for name in damaged:
        attempt.notice(
            "train.damaged_checkpoint",
            level="warning",
            variant="earlier" if checkpoint else "",
            damaged=name,
            checkpoint=checkpoint.name if checkpoint else "",
        )
    if checkpoint is not None:
        attempt.notice("train.resumed", checkpoint=checkpoint.name)
    else:
        shutil.rmtree(attempt.run.checkpoints, ignore_errors=True)
    return checkpoint


def _eval_file(attempt: Attempt, folder: Path) -> Path:
    """The first held-out rows, as the data of the evaluations during the training."""
    import pyarrow.parquet as pq

    file = folder / "evaluation.parquet"
    rows = pq.read_table(attempt.prepared.held_out)
    # What a search chooses by is worth more rows.
    most = _ROWS_TO_CHOOSE_BY if read_mark(attempt.run) else oc.EVALUATION_ROWS
    pq.write_table(rows.slice(0, most), file)
    return file
