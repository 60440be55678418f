"""What is wrong on each page of the wizard, and whether it may be left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from phi3studio.domain.azure import share_of_batch
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import Coded, Phrase
from phi3studio.domain.quantisation import ALLOWED, PROVIDER_TITLES
from phi3studio.domain.recipe import check_int4_aware
from phi3studio.domain.search.export_kinds import smallest
from phi3studio.domain.search.search_points import MB
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
    """Something on a page that needs a look: an error, or a phrase of the catalogue.

    An ``error`` holds *Continue* back, a ``warning`` does not; ``where`` names the field.
    """

    page: PageName
    where: str
    says: Coded
    level: Literal["error", "warning"] = "error"

    @property
    def code(self) -> str:
        """The stable code."""
        return self.says.code


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
            found = [*_target_problems(draft, facts.machine), *_limit_problems(draft, facts)]
        case _:
            found = [p for other in PAGES[:-1] for p in problems(draft, facts, other)]
    found += [Problem(page, r.where, r.error) for r in facts.refused if r.page == page]
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
    if draft.source is None:
        return [Problem("data", "source", Phrase("draft.no_source"))] if draft.trains else []
    found: list[Problem] = []
    if data is not None and data.error is not None:
        if not draft.rows_in_cloud:
            return [Problem("data", "source", data.error)]
        found.append(Problem("data", "source", Phrase("draft.rows_in_cloud"), "warning"))
    if draft.shape is None:
        if data is None or draft.completion.strip():
            return []
        return [Problem("data", "completion", Phrase("draft.no_shape"))]
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
                found.append(Problem("data", part, exc))
                continue
            found += [
                _missing(part, name, columns)
                for name in names
                if columns and column_of(dict.fromkeys(columns), name) is None
            ]
            if part == "prompt" and text.strip() and not names:
                says = Phrase("draft.constant_prompt")
                found.append(Problem("data", part, says, "warning"))
        if not draft.completion.strip():
            found.append(Problem("data", "completion", Phrase("draft.no_completion")))
    found += _pair_problems(draft, data)
    if data is not None and data.blocking:
        says = Phrase("draft.data_blocked", count=data.blocking)
        found.append(Problem("data", "source", says))
    elif data is not None and 0 < data.rows < FEW_ROWS:
        found.append(Problem("data", "source", Phrase("draft.few_rows", rows=data.rows), "warning"))
    return found


def _pair_problems(draft: Draft, data: DataFacts | None) -> list[Problem]:
    """Pairs of answers whose worse ones are not used, ratings that are not heeded, and objectives
    for either without them."""
    if not draft.trains:
        return []
    columns = dict.fromkeys(data.columns) if data else {}
    if draft.rating and columns and column_of(columns, draft.rating) is None:
        says = Phrase("draft.no_ratings", name=draft.rating, columns=tuple(columns)[:12])
        return [Problem("data", "rejected", says)]
    if draft.rejected and columns:
        try:
            lacking = _lacking(draft, columns)
        except InputError as exc:
            return [Problem("data", "rejected", exc)]
        if lacking:
            says = Phrase("draft.no_worse_answer", name=lacking[0], columns=tuple(columns)[:12])
            return [Problem("data", "rejected", says)]
    if draft.rejected or draft.rating:
        return []
    if data is not None and data.pairs is not None:
        says = Phrase("draft.pairs_unused", variant="rated" if data.pairs.rating else "")
        return [Problem("data", "rejected", says, "warning")]
    if draft.method.objective != "sft" and draft.preset is None:
        rated = "rated" if draft.method.objective == "kto" else ""
        says = Phrase("draft.not_pairs", variant=rated, objective=draft.method.objective)
        return [Problem("data", "rejected", says, "warning")]
    return []


def _lacking(draft: Draft, columns: dict[str, None]) -> list[str]:
    """Where the worse answer should be and no column is."""
    if draft.shape == "messages":
        named: Iterable[str] = draft.rejected.split(" + ")
    else:
        named = parse_template(draft.rejected, "rejected").columns
    return [name for name in named if column_of(columns, name) is None]


def _missing(part: str, name: str, columns: tuple[str, ...]) -> Problem:
    near = nearest(name, columns)
    says = Phrase(
        "draft.missing_column",
        variant="near" if near else "",
        name=name,
        near=near,
        columns=columns[:12],
    )
    return Problem("data", part, says)


def _model_problems(draft: Draft, model: ModelFacts | None) -> list[Problem]:
    if not draft.brings_model:
        return []
    if not draft.model.strip():
        return [Problem("model", "model", Phrase("draft.no_model"))]
    if model is not None and model.problem is not None:
        return [Problem("model", "model", model.problem)]
    # A job downloads the hub's models on its own.
    if model is not None and model.download_first and not draft.in_cloud:
        return [Problem("model", "model", Phrase("draft.model_missing", title=model.title))]
    return []


def _tuning_problems(draft: Draft, facts: Facts) -> list[Problem]:
    found: list[Problem] = []
    if not draft.trains:
        return found
    length, where = draft.training.sequence_length, "training.sequence_length"
    context = facts.model.context if facts.model else None
    if context and length > context:
        says = Phrase("draft.longer_than_context", length=length, context=context)
        found.append(Problem("tuning", where, says))
    longest = facts.data.longest if facts.data else None
    if longest and length < longest:
        says = Phrase("draft.cuts_off", longest=longest, length=length)
        found.append(Problem("tuning", where, says, "warning"))
    if draft.training.learning_rate > 1e-3:
        says = Phrase("draft.high_rate", usual=2e-4)
        found.append(Problem("tuning", "training.learning_rate", says, "warning"))
    try:
        check_int4_aware(draft.steps, draft.method, draft.training, draft.target)
    except InputError as exc:
        found.append(Problem("tuning", "training.int4_aware", exc))
    return found


def _target_problems(draft: Draft, machine: MachineFacts | None) -> list[Problem]:
    target = draft.target
    found: list[Problem] = _azure_problems(draft) if draft.in_cloud else []
    if machine is not None and target.train_on == "cuda" and machine.cuda is None:
        found.append(Problem("target", "target.train_on", Phrase("draft.no_cuda")))
    kinds = ALLOWED[target.provider]
    if target.quantisation not in kinds and "quantise" in draft.steps:
        device = PROVIDER_TITLES[target.provider]
        says = Phrase("draft.not_on_target", kind=target.quantisation, device=device, kinds=kinds)
        found.append(Problem("target", "target.quantisation", says))
    return found


def _limit_problems(draft: Draft, facts: Facts) -> list[Problem]:
    """What keeps an export from being searched, and a size that no export has."""
    limits, provider, machine = draft.limits, draft.target.provider, facts.machine
    if limits is None:
        return []
    adapts = draft.trains or draft.adapter is not None
    says: Phrase | None = None
    if not {"quantise", "verify"} <= set(draft.steps):
        says = Phrase("draft.limits", variant="steps")
    elif adapts and "merge" not in draft.steps:
        says = Phrase("draft.limits", variant="apart")
    elif draft.source is None:
        says = Phrase("draft.limits", variant="no_rows")
    elif draft.in_cloud:
        says = Phrase("draft.limits", variant="azure")
    elif draft.training.int4_aware and limits.points_lost is not None:
        says = Phrase("draft.limits", variant="int4_aware")
    elif machine is not None and not _runs_here(provider, machine):
        says = Phrase("draft.limits", device=PROVIDER_TITLES[provider])
    elif limits.size_mb is not None and facts.model is not None and facts.model.size is not None:
        least, kind = smallest(facts.model.size, provider)
        if least > limits.size_mb * MB:
            says = Phrase("draft.limit_too_small", least=least, kind=kind.phrase)
    return [Problem("target", "limits", says)] if says is not None else []


def _runs_here(provider: str, machine: MachineFacts) -> bool:
    return {"cuda": machine.cuda is not None, "dml": machine.directml}.get(provider, True)


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
    return [Problem("target", f"azure.{name}", exc) for name, exc in wrong]
