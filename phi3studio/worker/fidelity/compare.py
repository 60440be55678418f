"""Base, merged and exported model on the same rows, and the verdict on the export."""

from __future__ import annotations

import gc
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from phi3studio.domain.errors import RunError
from phi3studio.domain.estimation.estimate import is_large
from phi3studio.domain.events.measured_events import (
    Candidate,
    Forgetting,
    Metrics,
    ParityExample,
    VerdictNote,
    Verified,
)
from phi3studio.domain.events.payload import ModelRole
from phi3studio.domain.fidelity import Evidence, judge
from phi3studio.domain.places.gguf import GgufKind
from phi3studio.domain.preference_figures import (
    forgetting_of,
    preference_of,
    preference_scores,
    preferred_by,
    rated_preference_of,
    rated_scores,
)
from phi3studio.domain.recipe import Recipe
from phi3studio.models.model_folder import check_model_folder, weight_bytes
from phi3studio.worker.data.preparing.held_out_rows import HeldOut
from phi3studio.worker.data.preparing.tokenise import Stop
from phi3studio.worker.fidelity import kept_results
from phi3studio.worker.fidelity.evaluate import (
    OnRow,
    Stops,
    answering,
    measure_exported,
    measure_torch,
)
from phi3studio.worker.fidelity.exported_model import ExportedModel
from phi3studio.worker.fidelity.general_set import general_set, recall
from phi3studio.worker.fidelity.kept_results import Measured
from phi3studio.worker.fidelity.parity import template_parity
from phi3studio.worker.fidelity.reference import Reference
from phi3studio.worker.genai.genai import ADAPTERS
from phi3studio.worker.genai.providers import not_measured, runnable
from phi3studio.worker.models.adapter_merge import merged
from phi3studio.worker.models.model_facts import stands_for

_REFERENCE = "reference.f32"
_ROOM = 1.2
_ROOM_FOR_ANSWERS = 2 * 1024**3


@dataclass
class Comparison:
    """Measures the models of a run on *data* and judges the exported one.

    The merged model is read from *merged* where that folder still exists, else it is made again
    in memory from *base* and *adapter*, which is the same sum. What was measured is kept in
    *scratch* and not measured again there, so that a run that was interrupted, or that tries
    several exports, does not repeat it; a base model's result is kept in *measured*, a folder of
    the run, and found there by other runs as well.
    """

    recipe: Recipe
    base: Path
    adapter: Path | None
    merged: Path | None
    exported: Path | None
    tokenizer: Any
    stop: Stop
    data: HeldOut
    threads: int
    scratch: Path
    measured: Path
    file: str | None = None
    """The name of another file that *data* was read from, if it is not the run's own."""
    gguf: GgufKind | None = None
    """The kind of the exported model, where that is a GGUF file."""
    lora: Path | None = None
    """The adapter over it, where it is the base model's."""
    results: dict[ModelRole, Measured] = field(default_factory=dict)
    _parity: float | None = None
    _example: ParityExample | None = None
    _stop_listed: bool | None = None
    _unmeasured: VerdictNote | None = None
    _on_cpu: VerdictNote | None = None

    def __post_init__(self) -> None:
        self.scratch.mkdir(parents=True, exist_ok=True)
        learned = [len(row.learned) for row in self.data.rows]
        self._reference = Reference(self.scratch / _REFERENCE, learned)

    @property
    def roles(self) -> tuple[ModelRole, ...]:
        """The models that there are: base, start where pairs go on from an adapter, merged where
        there is an adapter, exported."""
        found: list[ModelRole] = ["base"]
        if self._start is not None:
            found.append("start")
        if self.adapter is not None:
            found.append("merged")
        if self.exported is not None:
            found.append("exported")
        return tuple(found)

    @property
    def reference(self) -> ModelRole:
        """What the exported model has to be like: merged, or base where there is no adapter."""
        return "merged" if self.adapter is not None else "base"

    def is_kept(self, role: ModelRole) -> bool:
        """Whether *role* was measured before, so that it need not be again."""
        return kept_results.found_file(self._file(role)) is not None

    def measure(self, role: ModelRole, on_row: OnRow) -> Metrics | None:
        """Measure one model; *on_row* hears the rows done and their number.

        ``None`` for rows that are no task, and where this machine cannot run the exported model.
        """
        if role == "exported":
            result = self._measure_exported(on_row)
        else:
            result = self._load_result(role) or self._measure_torch(role, on_row)
        free_memory()
        if result is None:
            return None
        self.results[role] = self._with_preference(result)
        return self.results[role].metrics

    def verdict(self, candidates: tuple[Candidate, ...] = ()) -> Verified | None:
        """The verdict on the exported model; ``None`` if there is none or nothing to compare."""
        if self.exported is None:
            return None
        exported = self.results.get("exported")
        before = self.results.get(self.reference)
        task = exported.metrics if exported is not None else None
        evidence = Evidence(
            models={role: result.figures for role, result in self.results.items()},
            rows=len(self.data.rows),
            stop=self.stop.text,
            stop_listed=self._stop_listed,
            reference=self.reference,
            score_name=task.score_name if task is not None else None,
            scores=(before.scores, exported.scores)
            if before is not None and exported is not None
            else ((), ()),
            preferred=(self._preferred(before), self._preferred(exported)),
            kl=exported.kl if exported is not None else None,
            agreement=exported.agreement if exported is not None else None,
            positions=self._reference.positions if exported is not None else 0,
            parity=self._parity,
            parity_example=self._example,
            data=self.file,
            general=self.data.general,
            unmeasured=self._unmeasured,
            on_cpu=self._on_cpu,
            gguf=self.gguf,
            int4_aware=self.recipe.training.int4_aware > 0,
            searched=self.recipe.limits is not None,
        )
        return judge(evidence, self.recipe.fidelity, self.recipe.target, candidates)

    def look(self, rows: int, on_row: OnRow) -> tuple[dict[str, Any], float]:
        """A first look: what answering takes with the exported model (fields of ``Metrics``), and
        its mean KL (nats) from the reference on so many rows, spread evenly. The reference has to
        be measured before.

        Raises :class:`RunError` for a model that does not load or that computes no numbers.
        """
        assert self.exported is not None
        every = len(self.data.rows) / min(rows, len(self.data.rows))
        chosen = [int(at * every) for at in range(min(rows, len(self.data.rows)))]
        longest = max(len(row.input_ids) for row in self.data.rows) + self.data.answer_tokens
        with ExportedModel(self.exported, self.threads, longest + 1) as model:
            cost = answering(model, self.data)
            kl, positions = 0.0, 0
            for done, at in enumerate(chosen, start=1):
                row = self.data.rows[at]
                scored = model.score(row.input_ids, row.learned, self._reference.part(at))
                if not scored.finite:
                    raise RunError("run.bad_result", variant="score")
                kl += scored.kl
                positions += len(self._reference.held(at))
                on_row(done, len(chosen))
        return cost, kl / max(1, positions)

    def forgetting(self) -> Forgetting | None:
        """Base and tuned model on general questions; ``None`` before both were measured."""
        base, tuned = self.results.get("base"), self.results.get("merged")
        if base is None or tuned is None or not base.general or not tuned.general:
            return None
        return forgetting_of(base.general, tuned.general)

    # --- pairs of answers, and rated ones ----------------------------------------------------

    @property
    def _start(self) -> Path | None:
        """The adapter that a preference tuning goes on from."""
        named = self.recipe.model.adapter
        trains = "train" in self.recipe.steps and self.adapter is not None
        preferring = self.data.pairs or bool(self.data.bad)
        return Path(named) if named is not None and trains and preferring else None

    def _with_preference(self, result: Measured) -> Measured:
        begun = self._begun
        trained = begun is not None and result.role in ("merged", "exported")
        method = self.recipe.method
        if result.pairs:
            start = begun.pairs if begun is not None and trained else None
            found = {"preference": preference_of(result.pairs, method, start)}
        elif result.rated and self.adapter is not None:
            answers = begun.rated if begun is not None and trained else None
            found = {"preference": rated_preference_of(result.rated, method, answers)}
        else:
            return result
        metrics = result.metrics.model_copy(update=found) if result.metrics is not None else None
        figures = result.figures.model_copy(update=found)
        return replace(result, figures=figures, metrics=metrics)

    @property
    def _begun(self) -> Measured | None:
        """What was measured of the model that the training began with."""
        return self.results.get("base" if self._start is None else "start")

    def _preferred(self, result: Measured | None) -> tuple[float, ...]:
        if result is None:
            return ()
        if result.rated:
            begun = self._begun
            judged = begun is not None and self.adapter is not None
            return rated_scores(result.rated, begun.rated) if begun is not None and judged else ()
        return preference_scores(preferred_by(result.pairs))

    def forget(self) -> None:
        """Remove what was kept in *scratch*."""
        self._reference.close()
        for file in self.scratch.glob("*.measured.json"):
            file.unlink()

    # --- the exported model ------------------------------------------------------------------

    def _measure_exported(self, on_row: OnRow) -> Measured | None:
        assert self.exported is not None
        if self.gguf is not None:
            return self._measure_in(self.exported, on_row)
        provider = self.recipe.target.provider
        with runnable(self.exported, provider, self.scratch) as (folder, self._on_cpu):
            try:
                return self._measure_in(folder, on_row)
            except RunError as exc:
                if provider == "cpu":
                    raise
                # Made for another device; that it does not run here says nothing against it.
                self._on_cpu = None
                self._unmeasured = not_measured(provider, exc)
                return None

    def _measure_in(self, exported: Path, on_row: OnRow) -> Measured:
        rows = (*self.data.rows, *self.data.bad)
        sides = [side for row in rows for side in (row, row.rejected) if side is not None]
        longest = max(len(side.input_ids) for side in sides) + self.data.answer_tokens
        with ExportedModel(exported, self.threads, longest + 1, self.lora) as model:
            self._stop_listed = self.stop.id in model.stop_ids
            self._parity, self._example = template_parity(model, self.tokenizer, self.data)
            return measure_exported(
                model, self.tokenizer, self.data, self.stop.id, on_row, self._reference
            )

    # --- the PyTorch models ------------------------------------------------------------------

    def _measure_torch(self, role: ModelRole, on_row: OnRow) -> Measured:
        model = on_gpu_if_it_fits(self._load(role))
        kept = self._reference if role == self.reference and self.exported is not None else None
        result = measure_torch(
            role, model, self.tokenizer, self.data, self._stops(model), on_row, kept
        )
        if self.adapter is not None and role != "start":
            result = replace(result, general=recall(model, general_set(self.tokenizer)))
        self._keep_result(result)
        return result

    def _load(self, role: ModelRole) -> Any:
        folder = self.merged if role == "merged" and self.merged is not None else self.base
        model = loaded_model(folder, self.recipe.model.trust_remote_code)
        adapter = {"start": self._start, "merged": self.adapter if self.merged is None else None}
        over = adapter.get(role)
        return model if over is None else merged(model, over)

    def _stops(self, model: Any) -> Stops:
        own = getattr(getattr(model, "generation_config", None), "eos_token_id", None) or []
        return Stops(self.stop.id, tuple(own) if isinstance(own, list) else (own,))

    # --- what was measured before ------------------------------------------------------------

    def _file(self, role: ModelRole) -> Path:
        if role == "base" and self.reference != "base":
            return self._base_file
        return self._scratch_file(role)

    def _scratch_file(self, role: ModelRole) -> Path:
        return self.scratch / f"{role}.measured.json"

    @cached_property
    def _base_file(self) -> Path:
        """Named by a digest of all rows, so found out once."""
        return kept_results.base_file(self.measured, self.base, self.data, [self.stop.id])

    def _keep_result(self, result: Measured) -> None:
        is_reference = result.role == self.reference
        made, file = self._scratch_file(result.role), self._file(result.role)
        kept_results.keep(result, made, self._reference.vocabulary if is_reference else 0)
        if file != made:
            file.parent.mkdir(mode=0o700, exist_ok=True)
            made.replace(file)

    def _load_result(self, role: ModelRole) -> Measured | None:
        needed = role == self.reference and self.exported is not None
        file = self._file(role)
        found = kept_results.found_file(file)
        if found is None:
            return None
        result = kept_results.read(role, found, self._reference.reopen if needed else None)
        if result is not None and found != file:
            self._keep_result(result)  # the other run may be deleted
        return result


def loaded_model(folder: Path, trust_remote_code: bool = False) -> Any:
    """The model in *folder*: a small one in float32, a large one in its own number format."""
    import torch
    from transformers import AutoModelForCausalLM

    check_model_folder(folder)
    large = is_large(max(weight_bytes(folder) // 2, stands_for(folder)))
    return AutoModelForCausalLM.from_pretrained(
        folder,
        dtype="auto" if large else torch.float32,
        trust_remote_code=trust_remote_code,
    )


def on_gpu_if_it_fits(model: Any) -> Any:
    """*model*, on the GPU where there is one with memory for it and for its answers."""
    import torch

    weights = sum(value.numel() * value.element_size() for value in model.parameters())
    fits = torch.cuda.is_available() and (
        torch.cuda.mem_get_info()[0] > _ROOM * weights + _ROOM_FOR_ANSWERS
    )
    return model.to("cuda") if fits else model


def free_memory() -> None:
    """Give back what models measured before held, on the GPU too: the next one needs it."""
    import torch

    gc.collect()
    torch.cuda.empty_cache()


def contained_adapter(recipe: Recipe, adapter: Path | None, exported: Path) -> Path | None:
    """*adapter*, if the exported model has it inside or keeps it apart; else it is the base's."""
    apart = any((exported / ADAPTERS).glob("*"))
    return adapter if "merge" in recipe.steps or apart else None
