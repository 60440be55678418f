"""What is wrong on each page of the wizard, and whether it may be left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from phi3studio.domain.azure import share_of_batch
from phi3studio.domain.errors import InputError, UserFacingError
from phi3studio.domain.messages import Said
from phi3studio.domain.quantisation import ALLOWED, PROVIDER_TITLES
from phi3studio.domain.template import column_of, nearest, parse_template
from phi3studio.wizard.azure_form import AzureForm, form_problems
from phi3studio.wizard.flow import (
    PAGES,
    DataFacts,
    Draft,
    Facts,
    MachineFacts,
    ModelFacts,
    PageName,
)

# Fewer rows than this teach little and measure nothing.
FEW_ROWS = 20


@dataclass(frozen=True)
class Problem:
    """Something on a page that needs a look.

    An ``error`` holds *Continue* back, a ``warning`` does not; ``where`` names the field. ``code``
    is stable and ``values`` fill its translated text; ``message`` and ``hint`` are the English one.
    """

    code: str
    page: PageName
    where: str
    level: Literal["error", "warning"]
    message: str
    hint: str
    values: Mapping[str, Any] = field(default_factory=dict)
    variant: str = ""

    @property
    def recorded(self) -> Said:
        """The English text, for codes that the catalogue lacks."""
        return Said(self.message, self.hint)


def _of_error(error: UserFacingError, page: PageName, where: str) -> Problem:
    words = error.message, error.hint
    return Problem(error.code, page, where, "error", *words, error.values, error.variant)


def problems(draft: Draft, facts: Facts, page: PageName) -> tuple[Problem, ...]:
    """What is wrong on one page, most important first."""
    match page:
        case "data":
            found = _data_problems(draft, facts.data)
        case "model":
            found = _model_problems(draft, facts.model)
        case "tuning":
            found = _tuning_problems(draft, facts)
        case "target":
            found = _target_problems(draft, facts.machine)
        case _:
            found = [p for other in PAGES[:-1] for p in problems(draft, facts, other)]
    found += [_of_error(r.error, page, r.where) for r in facts.refused if r.page == page]
    return tuple(sorted(found, key=lambda problem: problem.level != "error"))


def can_continue(draft: Draft, facts: Facts, page: PageName) -> bool:
    """Whether *Continue* (on the last page: *Start*) is allowed: known, and without errors."""
    if page == "data" and facts.data is None and (draft.source is not None or draft.trains):
        return False
    return all(problem.level != "error" for problem in problems(draft, facts, page))


def reachable(draft: Draft, facts: Facts, page: PageName) -> bool:
    """Whether the stepper may go straight to *page*: every page before it can be continued."""
    return all(can_continue(draft, facts, other) for other in PAGES[: PAGES.index(page)])


def _data_problems(draft: Draft, data: DataFacts | None) -> list[Problem]:
    def error(code: str, where: str, message: str, hint: str, **values: str) -> Problem:
        return Problem(code, "data", where, "error", message, hint, values)

    if draft.source is None and not draft.trains:
        return []
    if draft.source is None:
        return [
            error(
                "draft.no_source",
                "source",
                "No data has been chosen yet.",
                "Drop a file onto the page, or choose one.",
            )
        ]
    if data is not None and data.error is not None:
        return [_of_error(data.error, "data", "source")]
    if draft.shape is None:
        if data is None or draft.completion.strip():
            return []
        return [
            error(
                "draft.no_shape",
                "completion",
                "It is not chosen yet what the model learns from these rows.",
                "Choose a proposal next to the rows, or write the template.",
            )
        ]
    found: list[Problem] = []
    columns = data.columns if data else ()
    if draft.shape == "messages":
        named = draft.messages.split(" + ")
        if columns and any(column_of(dict.fromkeys(columns), name) is None for name in named):
            found.append(_missing("messages", draft.messages, columns))
    else:
        for part, text in (("prompt", draft.prompt), ("completion", draft.completion)):
            try:
                names = parse_template(text, part).columns
            except InputError as exc:
                found.append(_of_error(exc, "data", part))
                continue
            found += [
                _missing(part, name, columns)
                for name in names
                if columns and column_of(dict.fromkeys(columns), name) is None
            ]
        if not draft.completion.strip():
            found.append(
                error(
                    "draft.no_completion",
                    "completion",
                    "The completion is empty, so the model would learn nothing.",
                    "Write what the model shall answer: insert the column with the answers.",
                )
            )
    if data is not None and data.blocking:
        found.append(
            error(
                "draft.data_blocked",
                "source",
                f"The check found {data.blocking} thing(s) that stop the training.",
                "Use the buttons beside the findings, or correct the file.",
                count=str(data.blocking),
            )
        )
    if data is not None and data.error is None and not data.blocking and 0 < data.rows < FEW_ROWS:
        found.append(
            Problem(
                "draft.few_rows",
                "data",
                "source",
                "warning",
                f"Only {data.rows} rows: the model will hardly learn from so few.",
                "A hundred rows are a good beginning.",
                {"count": str(data.rows)},
            )
        )
    return found


def _missing(part: str, name: str, columns: tuple[str, ...]) -> Problem:
    near = nearest(name, columns)
    listed = ", ".join(columns[:12])
    hint = f"Did you mean {near}? " if near else ""
    return Problem(
        "draft.missing_column_near" if near else "draft.missing_column",
        "data",
        part,
        "error",
        f"The data has no column “{name}”.",
        f"{hint}The columns are: {listed}.",
        {"name": name, "near": near or "", "columns": listed},
    )


def _model_problems(draft: Draft, model: ModelFacts | None) -> list[Problem]:
    if not draft.brings_model:
        return []
    if not draft.model.strip():
        return [
            Problem(
                "draft.no_model",
                "model",
                "model",
                "error",
                "No base model has been chosen.",
                "Choose one of the list, or a model folder.",
            )
        ]
    if model is not None and model.problem is not None:
        return [_of_error(model.problem, "model", "model")]
    # A job downloads the hub's models on its own.
    if model is not None and model.fetch_first and not draft.in_cloud:
        return [
            Problem(
                "draft.model_missing",
                "model",
                "model",
                "error",
                f"{model.title} is not on this computer.",
                "Fetch it first, or choose another model.",
                {"title": model.title},
            )
        ]
    return []


def _tuning_problems(draft: Draft, facts: Facts) -> list[Problem]:
    found: list[Problem] = []
    if not draft.trains:
        return found
    length = draft.training.sequence_length
    context = facts.model.context if facts.model else None
    if context and length > context:
        found.append(
            Problem(
                "draft.longer_than_context",
                "tuning",
                "training.sequence_length",
                "error",
                f"The sequence length of {length} is longer than the model's context of {context}.",
                f"Set it to {context} or less.",
                {"length": str(length), "context": str(context)},
            )
        )
    longest = facts.data.longest if facts.data else None
    if longest and length < longest:
        found.append(
            Problem(
                "draft.cuts_off",
                "tuning",
                "training.sequence_length",
                "warning",
                f"Rows of up to {longest} tokens are cut off at {length}.",
                "Raise the sequence length, or shorten the rows.",
                {"longest": str(longest), "length": str(length)},
            )
        )
    if draft.training.learning_rate > 1e-3:
        found.append(
            Problem(
                "draft.high_rate",
                "tuning",
                "training.learning_rate",
                "warning",
                "The learning rate is high for LoRA: the training may become unstable.",
                "0.0002 is a good beginning.",
            )
        )
    return found


def _target_problems(draft: Draft, machine: MachineFacts | None) -> list[Problem]:
    target = draft.target
    found: list[Problem] = _azure_problems(draft) if draft.in_cloud else []
    if machine is not None and target.train_on == "cuda" and machine.cuda is None:
        found.append(
            Problem(
                "draft.no_cuda",
                "target",
                "target.train_on",
                "error",
                "This computer has no CUDA device that can train.",
                "Train on the CPU.",
            )
        )
    half = target.quantisation in {"fp16", "bf16"} and "quantise" in draft.steps
    if target.provider == "cpu" and half:
        found.append(
            Problem(
                "draft.half_on_cpu",
                "target",
                "target.quantisation",
                "error",
                f"A model in {target.quantisation} does not run on a CPU.",
                "Choose int4 or fp32 for the CPU.",
                {"kind": target.quantisation},
            )
        )
    elif target.quantisation not in ALLOWED[target.provider] and "quantise" in draft.steps:
        kinds, device = " or ".join(ALLOWED[target.provider]), PROVIDER_TITLES[target.provider]
        found.append(
            Problem(
                "draft.not_on_target",
                "target",
                "target.quantisation",
                "error",
                f"A model in {target.quantisation} does not run on {device}.",
                f"Choose {kinds} for it.",
                {"kind": target.quantisation, "device": device, "kinds": kinds},
            )
        )
    return found


def _azure_problems(draft: Draft) -> list[Problem]:
    """What the job lacks: shown next to the fields, and where the page is left."""
    form = draft.azure or AzureForm()
    wrong = list(form_problems(form))
    if not wrong:
        training, processes = draft.training, form.nodes * max(1, form.gpus)
        try:
            share_of_batch(training.batch_size, training.accumulation, processes)
        except InputError as exc:
            wrong.append(("gpus", exc))
    return [_of_error(exc, "target", f"azure.{name}") for name, exc in wrong]
