"""A draft in a dozen lines."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCoreApplication

from phi3studio.domain.estimation.estimate import is_large
from phi3studio.domain.hyperparameters import METHOD_TITLES
from phi3studio.domain.recipe import ALL_STEPS
from phi3studio.domain.search.export_kinds import all_kinds
from phi3studio.gui.texts import words
from phi3studio.gui.texts.limit_words import goal_words
from phi3studio.gui.texts.run_words import model_title, stage_title
from phi3studio.wizard.azure_form import AzureForm
from phi3studio.wizard.flow import Draft, Facts
from phi3studio.wizard.machine_fit import estimate_draft
from phi3studio.wizard.tuning_presets import total_steps

Line = tuple[str, str]


class Summary:
    """The lines' texts: lupdate knows plurals only from ``tr`` inside a class."""

    def tr(self, text: str, comment: str | None = None, n: int = -1) -> str:
        """Translate *text* for the number *n*."""
        return QCoreApplication.translate("Summary", text, comment, n)

    def lines(self, draft: Draft, facts: Facts) -> list[Line]:
        """Title and text of each line."""
        title = facts.model.title if facts.model else model_title(draft.model)
        lines = self._data(draft, facts)
        if draft.brings_model:
            lines.append((self.tr("Base model"), title))
        if draft.adapter is not None:
            lines.append((self.tr("Starts from"), words.path(Path(draft.adapter))))
        if draft.steps != ALL_STEPS:
            lines.append((self.tr("Steps"), ", ".join(stage_title(step) for step in draft.steps)))
        if draft.trains:
            lines += self._training(draft, facts)
        lines.append((self.tr("Output"), self._result(draft)))
        if draft.limits is not None:
            lines.append((self.tr("Export search"), self._search(draft, facts)))
        if draft.in_cloud and draft.azure is not None:
            lines += self._cloud(draft.azure)
        return lines

    def _cloud(self, form: AzureForm) -> list[Line]:
        machines = self.tr("%Ln machine(s)", None, form.nodes)
        gpus = self.tr("%Ln GPU(s) each", None, form.gpus) if form.gpus else self.tr("without GPUs")
        lines = [
            (self.tr("Workspace"), form.workspace),
            (self.tr("Compute"), f"{form.compute}: {machines}, {gpus}"),
        ]
        if form.data_in_cloud:
            lines.append((self.tr("Data in Azure"), form.data))
        if form.model_in_cloud:
            lines.append((self.tr("Model in Azure"), form.model))
        hours = self.tr("{hours} hours").format(hours=words.number(form.hours))
        return [*lines, (self.tr("Time limit"), hours)]

    def _data(self, draft: Draft, facts: Facts) -> list[Line]:
        if draft.source is None:
            return [(self.tr("Data"), self.tr("none"))]
        lines = [(self.tr("Data"), Path(draft.source.source).name)]
        data = facts.data
        if data is not None:
            lines.append(
                (
                    self.tr("Rows"),
                    self.tr("{train} for training, {held} held out").format(
                        train=words.count(data.train_rows), held=words.count(data.held_out_rows)
                    ),
                )
            )
        if draft.repairs:
            lines.append((self.tr("Repairs"), self.tr("%Ln chosen", None, len(draft.repairs))))
        return lines

    def _training(self, draft: Draft, facts: Facts) -> list[Line]:
        training, method = draft.training, draft.method
        steps = total_steps(draft, facts)
        course = self.tr("{epochs} epochs").format(epochs=words.number(training.epochs))
        parts = [
            "" if training.max_steps else course,
            self.tr("%Ln step(s)", None, steps) if steps else "",
        ]
        kind = METHOD_TITLES[method.kind]
        device = {
            "auto": self.tr("the GPU, or else the processor"),
            "cpu": "CPU",
            "cuda": "CUDA",
            "azureml": "Azure ML",
        }[draft.target.train_on]
        objective = {
            "dpo": self.tr("prefer the better answers to the worse ones, near to the model before"),
            "orpo": self.tr("learn the better answers and prefer them to the worse ones"),
            "simpo": self.tr("prefer the better answers to the worse ones, whatever their length"),
            "kto": self.tr(
                "give the good answers rather than the bad ones, near to the model before"
            ),
        }.get(draft.objective)
        return [
            *(
                [(self.tr("Objective"), f"{draft.objective.upper()}: {objective}")]
                if objective
                else []
            ),
            (
                self.tr("Method"),
                self.tr("{kind}, rank {rank}, alpha {alpha}").format(
                    kind=kind, rank=method.rank, alpha=f"{method.alpha:g}"
                ),
            ),
            (self.tr("Training"), ", ".join(part for part in parts if part)),
            (self.tr("Trains on"), device),
        ]

    def _search(self, draft: Draft, facts: Facts) -> str:
        assert draft.limits is not None
        size = facts.model.size if facts.model is not None else None
        said = self.tr("takes {goal}").format(goal=goal_words(draft.limits))
        if size is not None:
            kinds = len(all_kinds(draft.target.provider, not is_large(size), size))
            said += ". " + self.tr("%Ln kind(s) can be built; those that can win are", None, kinds)
        estimate = estimate_draft(draft, facts)
        if estimate is not None:
            said += ", " + self.tr("{time} in all").format(
                time=words.about(estimate.seconds["quantise"])
            )
        return said + "."

    def _result(self, draft: Draft) -> str:
        target = draft.target
        if "quantise" not in draft.steps:
            if "merge" in draft.steps:
                return self.tr("a merged model in the Hugging Face format")
            return self.tr("an adapter in the PEFT format")
        device = {"cpu": "CPU", "cuda": "CUDA", "dml": "DirectML"}[target.provider]
        if draft.limits is not None:
            said = self.tr("ONNX, the best export within limits, for {device}")
            return said.format(device=device)
        kind = target.quantisation + (f" ({target.int4})" if target.quantisation == "int4" else "")
        said = self.tr("ONNX, {kind}, for {device}").format(kind=kind, device=device)
        if draft.trains and "merge" not in draft.steps:
            said += ", " + self.tr("with a separate adapter")
        return said


def summary_lines(draft: Draft, facts: Facts) -> list[Line]:
    """The draft in words."""
    return Summary().lines(draft, facts)
