"""The five stages of a run: prepare, train, merge, quantise, verify.

Each stage finds its input in the run folder, verifies what it made and renames it into place.
A stage whose result is already there is not done again, so a resumed run goes on where the
earlier attempt ended.
"""

from __future__ import annotations

import gc
import itertools
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from phi3studio.domain.estimate import ModelSize, total_steps
from phi3studio.domain.events import (
    STAGES,
    AnyPayload,
    Artifact,
    Notice,
    Progress,
    Stage,
    StageDone,
    StageName,
)
from phi3studio.domain.recipe import Recipe
from phi3studio.runs.files import folder_bytes
from phi3studio.runs.model_folder import weight_bytes
from phi3studio.runs.preflight import check_disk
from phi3studio.runs.store import RunFolder
from phi3studio.worker import olive_config as oc
from phi3studio.worker.calibration import write_calibration
from phi3studio.worker.control import Control, MemoryMeter, stopwatch
from phi3studio.worker.data.prepare import Prepared, load_prepared, prepare
from phi3studio.worker.data.tokenise import find_stop
from phi3studio.worker.models import ModelFacts, check_against_model, model_facts, resolve_model
from phi3studio.worker.privacy import refuse_network
from phi3studio.worker.threads import ThreadGovernor

_TELL_EVERY_S = 0.25


@dataclass
class Pipeline:
    """One attempt of a run. Made and run on the worker's main thread."""

    run: RunFolder
    recipe: Recipe
    emit: Callable[[AnyPayload], None]
    control: Control
    memory: MemoryMeter
    device: str
    precision: str
    governor: ThreadGovernor

    def execute(self) -> None:
        """Do every stage that is not done. Raises what stops it."""
        stages: dict[StageName, Callable[[], None]] = {
            "prepare": self._prepare,
            "train": self._train,
            "merge": self._merge,
            "quantise": self._quantise,
            "verify": self._verify,
        }
        for index, name in enumerate(STAGES, start=1):
            self.control.check()
            done = self._is_done(name)
            self.emit(Stage(name=name, index=index, count=len(STAGES), resumed=done))
            elapsed = stopwatch()
            if not done or name == "prepare":
                stages[name]()
                gc.collect()
                self.emit(StageDone(name=name, seconds=elapsed(), peak_memory=self.memory.peak))
        shutil.rmtree(self.run.work, ignore_errors=True)

    # --- where things are -------------------------------------------------------------------

    @property
    def _merged(self) -> Path:
        return self.run.work / "merged"

    def _scratch(self, name: str) -> Path:
        """An empty folder for one stage's intermediate files."""
        folder = self.run.work / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def _is_done(self, name: StageName) -> bool:
        adapter, model = self.run.adapter.is_dir(), self.run.model.is_dir()
        match name:
            case "prepare":
                return load_prepared(self.run.data) is not None
            case "train":
                return adapter
            case "merge":
                return model or self._merged.is_dir()
            case "quantise":
                return model
            case "verify":
                return False

    # --- stages ------------------------------------------------------------------------------

    def _prepare(self) -> None:
        self._say("opening the model")
        self._model = resolve_model(
            self.recipe.model.source, self._say, revision=self.recipe.model.revision
        )
        if self.recipe.data.format != "hub":
            # From here on everything is local.
            refuse_network()
        facts = model_facts(self._model, self.recipe.model.trust_remote_code)
        check_against_model(self.recipe, facts)
        self._facts = facts
        if self.recipe.model.trust_remote_code and facts.code_files:
            self.emit(
                Notice(
                    level="warning",
                    code="model.remote_code",
                    text="The recipe lets the model folder run its own code: "
                    + ", ".join(facts.code_files)
                    + ".",
                )
            )
        self._check_disk(facts)
        self._say("reading the data")
        from transformers import AutoTokenizer

        self._tokenizer = AutoTokenizer.from_pretrained(
            self._model, trust_remote_code=self.recipe.model.trust_remote_code
        )
        self._stop = find_stop(self._tokenizer)
        self._prepared = load_prepared(self.run.data) or self._prepare_data()
        refuse_network()

    def _prepare_data(self) -> Prepared:
        prepared = prepare(self.recipe, self._tokenizer, self.run.data, self._on_row("tokenising"))
        if prepared.cut_off_rows:
            self.emit(
                Notice(
                    level="warning",
                    code="data.cut_off",
                    text=f"{prepared.cut_off_rows} rows are longer than "
                    f"{self.recipe.training.sequence_length} tokens and were cut off.",
                )
            )
        if prepared.dropped:
            dropped = ", ".join(f"{count} by {why}" for why, count in prepared.dropped.items())
            self.emit(Notice(code="data.dropped", text=f"Rows left out by repairs: {dropped}."))
        if prepared.left_out_rows:
            self.emit(
                Notice(
                    level="warning",
                    code="data.left_out",
                    text=f"{prepared.left_out_rows} rows could not be used and were left out.",
                )
            )
        self._artifact("data", self.run.data)
        return prepared

    def _check_disk(self, facts: ModelFacts) -> None:
        size = ModelSize(
            parameters=facts.parameters,
            hidden=0,
            layers=0,
            vocabulary=0,
            file_bytes=weight_bytes(self._model),
        )
        check_disk(self.recipe, size, self.run.path)

    def _train(self) -> None:
        self._say("starting the training")
        from phi3studio.worker import passes, train
        from phi3studio.worker.export import place_adapter
        from phi3studio.worker.olive_run import run_workflow

        checkpoint, damaged = train.last_checkpoint(self.run.checkpoints)
        for name in damaged:
            self.emit(
                Notice(
                    level="warning",
                    code="train.damaged_checkpoint",
                    text=f"{name} was cut short and is not used; "
                    + (f"going on from {checkpoint.name}." if checkpoint else "starting again."),
                )
            )
        if checkpoint is not None:
            self.emit(Notice(code="train.resumed", text=f"Going on from {checkpoint.name}."))
        else:
            shutil.rmtree(self.run.checkpoints, ignore_errors=True)
        steps = total_steps(self.recipe, self._prepared.train_rows)
        evaluations = self.recipe.training.evaluations
        scratch = self._scratch("train")
        plan = oc.TrainPlan(
            model=self._model,
            train_file=self._prepared.train,
            eval_file=self._eval_file(scratch) if evaluations else None,
            checkpoints=self.run.checkpoints,
            output=scratch / "output",
            cache=scratch / "cache",
            total_steps=steps,
            device=self.device,
            precision=self.precision,
            target_modules=self._facts.target_modules(self.recipe.method.target_modules),
            eval_steps=max(1, steps // evaluations) if evaluations else None,
        )
        callback = train.RunCallback(
            self.emit,
            self.control,
            self.memory,
            self.governor,
            interval_s=60 * self.recipe.training.checkpoint_minutes,
        )
        hooks = passes.PassHooks(
            callbacks=[callback], on_tokens=callback.count_tokens, checkpoint=checkpoint
        )
        with passes.pass_hooks(hooks):
            made = run_workflow(oc.train_config(self.recipe, plan), scratch / "tmp")
        place_adapter(made.adapter, self.run.adapter)
        self._artifact("adapter", self.run.adapter)
        shutil.rmtree(scratch, ignore_errors=True)

    def _eval_file(self, folder: Path) -> Path:
        """The first held-out rows, as the data of the evaluations during the training."""
        import pyarrow.parquet as pq

        file = folder / "evaluation.parquet"
        pq.write_table(pq.read_table(self._prepared.held_out).slice(0, oc.EVALUATION_ROWS), file)
        return file

    def _merge(self) -> None:
        self._say("merging the adapter into the base model")
        from phi3studio.worker.export import place_merged
        from phi3studio.worker.olive_run import run_workflow

        scratch = self._scratch("merge")
        config = oc.merge_config(
            self.recipe,
            self._model,
            self.run.adapter,
            scratch / "output",
            scratch / "cache",
            # Small models are merged without rounding; large ones as their weights are stored.
            dtype="float32" if self._facts.parameters < oc.LARGE_MODEL else None,
        )
        place_merged(run_workflow(config, scratch / "tmp").model, self._merged)
        shutil.rmtree(scratch, ignore_errors=True)

    def _quantise(self) -> None:
        self._say("building the ONNX model")
        from phi3studio.worker import passes
        from phi3studio.worker.evaluate import load_held_out
        from phi3studio.worker.export import place_exported
        from phi3studio.worker.models.builder import mend_builder
        from phi3studio.worker.olive_run import run_workflow

        mend_builder()
        scratch = self._scratch("quantise")
        config = oc.build_config(
            self.recipe,
            self._merged,
            scratch / "output",
            scratch / "cache",
            calibration=self._calibration(scratch),
        )
        tell = self._on_row("calibrating the int4 weights")
        done = itertools.count(1)
        total = self._facts.linear_layers
        hooks = passes.PassHooks(on_module=lambda: tell(min(next(done), total), total))
        with passes.pass_hooks(hooks):
            made = run_workflow(config, scratch / "tmp").model
        self._say("checking that it loads and answers")
        probe = load_held_out(self._prepared.held_out).rows[0].prompt_ids
        place_exported(made, self.run.model, self.recipe, self._stop, probe, self.governor.threads)
        self._artifact("model", self.run.model)
        shutil.rmtree(scratch, ignore_errors=True)

    def _calibration(self, folder: Path) -> Path | None:
        """Rows for the calibrated quantisation; ``None`` for models where it takes hours."""
        if self._facts.parameters >= oc.LARGE_MODEL:
            return None
        file = folder / "calibration.parquet"
        write_calibration(self._prepared.train, self._tokenizer, file)
        return file

    def _verify(self) -> None:
        from phi3studio.worker.compare import Comparison
        from phi3studio.worker.evaluate import load_held_out

        comparison = Comparison(
            base=self._model,
            adapter=self.run.adapter,
            merged=self._merged if self._merged.is_dir() else None,
            exported=self.run.model,
            tokenizer=self._tokenizer,
            stop=self._stop,
            data=load_held_out(self._prepared.held_out),
            threads=self.governor.look(),
            trust_remote_code=self.recipe.model.trust_remote_code,
        )
        for role in comparison.roles:
            self._say(f"measuring the {role} model")
            self.emit(comparison.measure(role, self._on_row(f"measuring the {role} model")))
            gc.collect()
        for notice in comparison.findings():
            self.emit(notice)

    def _on_row(self, activity: str) -> Callable[[int, int], None]:
        told = 0.0

        def on_row(step: int, total: int) -> None:
            nonlocal told
            self.control.check()
            self.governor.look()
            now = time.monotonic()
            if step == total or now - told >= _TELL_EVERY_S:
                told = now
                self.emit(
                    Progress(step=step, total=total, activity=activity, memory=self.memory.now())
                )

        return on_row

    # --- telling -----------------------------------------------------------------------------

    def _say(self, activity: str) -> None:
        self.control.check()
        self.emit(Progress(step=0, total=0, activity=activity, memory=self.memory.now()))

    def _artifact(self, kind: str, path: Path) -> None:
        relative = path.relative_to(self.run.path).as_posix()
        self.emit(Artifact(kind=kind, path=relative, bytes=folder_bytes(path)))
