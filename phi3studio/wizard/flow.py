"""The wizard without Qt: a draft, five pages, what is wrong on each, and the way to a recipe.

A :class:`Draft` is what the user has decided so far and is saved as it is. :class:`Facts` are
what services and catalogue have found out meanwhile; they are never saved. Every decision of the
wizard is a function of these two: what can be continued, which finished page a later change
touched, what a preset means for this data on this machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from phi3studio.domain.datasets.source import DataFormat, Source
from phi3studio.domain.datasets.source_report import ShapeProposal
from phi3studio.domain.errors import InputError, UserFacingError
from phi3studio.domain.estimation.estimate import ModelSize
from phi3studio.domain.recipe import (
    ALL_STEPS,
    Data,
    Fidelity,
    Limits,
    Method,
    Model,
    Objective,
    Recipe,
    Split,
    Step,
    Target,
    Template,
    Training,
)
from phi3studio.domain.rows.repairs import Repair
from phi3studio.domain.template import escape
from phi3studio.wizard.azure_form import AzureForm, form_of, to_azure

PageName = Literal["data", "model", "tuning", "target", "review"]
PAGES: tuple[PageName, ...] = ("data", "model", "tuning", "target", "review")
TextShape = Literal["columns", "messages"]
"""Columns that fill a template, or whole conversations."""
PresetName = Literal["quick", "balanced", "thorough"]
PRESETS: tuple[PresetName, ...] = ("quick", "balanced", "thorough")
OF_PAIRS: tuple[Objective, ...] = ("dpo", "orpo", "simpo")
"""What can be trained on pairs of answers, the usual one first."""

# Which finished pages are worth another look after a change on a page.
_TOUCHES: dict[PageName, frozenset[PageName]] = {
    "data": frozenset({"tuning", "review"}),
    "model": frozenset({"data", "tuning", "target", "review"}),
    "tuning": frozenset({"review"}),
    "target": frozenset({"data", "tuning", "review"}),
    "review": frozenset(),
}


class Draft(BaseModel):
    """What the user has decided so far. Immutable; see :func:`edit`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: Literal[1] = 1
    name: str = ""
    source: Source | None = None
    shape: TextShape | None = None
    prompt: str = ""
    completion: str = ""
    messages: str = "messages"
    rejected: str = ""
    rating: str = ""
    repairs: tuple[Repair, ...] = ()
    ignore: tuple[str, ...] = ()
    split: Split = Split()
    model: str = "starter"
    revision: str | None = None
    trust_remote_code: bool = False
    adapter: str | None = None
    steps: tuple[Step, ...] = ALL_STEPS
    preset: PresetName | None = "balanced"
    method: Method = Method()
    training: Training = Training()
    target: Target = Target()
    fidelity: Fidelity = Fidelity()
    limits: Limits | None = None
    azure: AzureForm | None = None
    page: PageName = "data"
    visited: frozenset[PageName] = frozenset({"data"})
    touched: frozenset[PageName] = frozenset()

    @property
    def trains(self) -> bool:
        """Whether the model learns something, so that there must be data."""
        return "train" in self.steps

    @property
    def objective(self) -> Objective:
        """What is trained: pairs of answers are compared, rated ones told apart, other rows
        learned."""
        chosen = self.method.objective
        if self.rating:
            return "kto"
        if not self.rejected:
            return "sft"
        return chosen if chosen in OF_PAIRS else OF_PAIRS[0]

    @property
    def in_cloud(self) -> bool:
        """Whether the run is a job in Azure ML."""
        return self.target.train_on == "azureml"

    @property
    def brings_model(self) -> bool:
        """Whether the base model comes from this computer or the hub, not from Azure."""
        return not (self.in_cloud and self.azure is not None and self.azure.model_in_cloud)

    @property
    def rows_in_cloud(self) -> bool:
        """Whether the job reads the rows in Azure; those on this computer are not asked for."""
        return self.in_cloud and self.azure is not None and self.azure.data_in_cloud

    def to_json(self) -> str:
        """The draft as the text of a file."""
        values = self.model_dump(mode="json")
        for key in ("visited", "touched"):
            values[key] = sorted(values[key])
        return json.dumps(values, ensure_ascii=False, indent=2) + "\n"


def parse_draft(text: str) -> Draft:
    """A saved draft; a new one if the text is damaged or of another version."""
    try:
        return Draft.model_validate_json(text)
    except (ValidationError, InputError):
        return Draft()


@dataclass(frozen=True)
class DataFacts:
    """What the inspection of the draft's source and template found out.

    ``tokens`` counts all tokens of the training rows, ``longest`` the longest row's, ``learned``
    the learned ones of a row in the mean; they are ``None`` until the rows were tokenised.
    ``error`` is why the source cannot be read at all. ``pairs`` reads the rows as pairs of a better
    and a worse answer, or as rated answers, where they are that first of all.
    """

    columns: tuple[str, ...] = ()
    rows: int = 0
    train_rows: int = 0
    held_out_rows: int = 0
    tokens: int | None = None
    longest: int | None = None
    learned: float | None = None
    blocking: int = 0
    error: UserFacingError | None = None
    pairs: ShapeProposal | None = None


@dataclass(frozen=True)
class ModelFacts:
    """What is known of the chosen base model.

    ``problem`` is why its folder cannot be used; ``download_first``: it is not on this computer,
    and a run does not download it on its own.
    """

    title: str
    size: ModelSize | None = None
    context: int | None = None
    download_first: bool = False
    problem: UserFacingError | None = None

    @property
    def parameters(self) -> int | None:
        """The number of weights."""
        return self.size.parameters if self.size else None


@dataclass(frozen=True)
class MachineFacts:
    """What this computer has. Bytes. ``cuda`` is the device's name, ``flops`` the processor's
    measured matrix work in operations a second; 0 until a run has measured it. ``ratios``: what
    finished runs taught the estimates."""

    memory: int = 0
    free_memory: int = 0
    free_disk: int = 0
    cores: int = 0
    cuda: str | None = None
    cuda_memory: int = 0
    directml: bool = False
    flops: float = 0.0
    ratios: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Refused:
    """A field of a page that shows what cannot be, and why; the draft holds what was before."""

    page: PageName
    where: str
    error: UserFacingError


@dataclass(frozen=True)
class Facts:
    """All that the wizard knows besides the draft; ``None`` means not yet known."""

    data: DataFacts | None = None
    model: ModelFacts | None = None
    machine: MachineFacts | None = None
    refused: tuple[Refused, ...] = ()


def edit(draft: Draft, page: PageName, **changes: Any) -> Draft:
    """Apply what the user changed on *page* and mark the finished pages that it touches.

    Sections (``training``, ``method``, ``target``, ``split``, ``limits``, ``azure``) may be given
    as mappings of the fields to change. Raises :class:`InputError` for a value out of its range.
    """
    values: dict[str, Any] = {}
    for key, value in changes.items():
        current = getattr(draft, key)
        if key == "limits" and current is None:
            current = Limits()
        if isinstance(current, BaseModel) and isinstance(value, Mapping):
            value = _section(key, current, value)
        if value != getattr(draft, key):
            values[key] = value
    if not values:
        return draft
    if "preset" not in values and not values.keys().isdisjoint({"training", "method"}):
        values["preset"] = None
    touched = draft.touched | (_TOUCHES[page] & draft.visited) - {page}
    return draft.model_copy(update={**values, "touched": touched})


def _section(key: str, current: BaseModel, changes: Mapping[str, Any]) -> BaseModel:
    try:
        return type(current).model_validate(current.model_dump() | dict(changes))
    except ValidationError as exc:
        first = exc.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise InputError(
            "draft.invalid_value",
            key=f"{key}.{name}",
            given=repr(first.get("input")),
            reason=first["msg"],
        ) from exc


def visit(draft: Draft, page: PageName) -> Draft:
    """Go to *page*; seeing a page clears its mark."""
    return draft.model_copy(
        update={
            "page": page,
            "visited": draft.visited | {page},
            "touched": draft.touched - {page},
        }
    )


def with_source(draft: Draft, source: str, *also: str, hub: bool = False) -> Draft:
    """Choose another data source, of one or several files; what was found in the old one is
    forgotten. A template that waits for its rows (of an import) stays."""
    fresh: dict[str, Any] = {}
    if draft.source is not None:
        fresh = {"shape": None, "prompt": "", "completion": "", "rejected": "", "rating": ""}
        fresh["split"] = Split()
    fresh |= {"repairs": (), "ignore": ()}
    kind: DataFormat = "hub" if hub else "auto"
    chosen = Source(source=source, also=list(also), format=kind)
    return edit(draft, "data", source=chosen, **fresh)


def with_shape(draft: Draft, proposal: ShapeProposal) -> Draft:
    """Read the rows as *proposal* says, without the rows that it calls bad; those that it calls a
    test's are held out."""
    kinds = {"drop_marked", *(repair.kind for repair in proposal.repairs)}
    kept = [repair for repair in draft.repairs if repair.kind not in kinds]
    split = draft.split
    if proposal.split_column is not None and split == Split():
        split = Split(column=proposal.split_column, values=list(proposal.split_values))
    return edit(
        draft,
        "data",
        split=split,
        repairs=(*kept, *proposal.repairs),
        shape="messages" if proposal.messages else "columns",
        messages=proposal.messages or "messages",
        prompt=proposal.prompt or "",
        completion=proposal.completion or "",
        rejected=proposal.rejected or "",
        rating=proposal.rating or "",
    )


def with_answers_alone(draft: Draft) -> Draft:
    """Learn the better answers as they are, as plain fine-tuning does, and compare nothing; the
    preset stays."""
    changed = edit(draft, "data", rejected="", rating="", method={"objective": "sft"})
    return changed.model_copy(update={"preset": draft.preset})


def with_repair(draft: Draft, repair: Repair) -> Draft:
    """Choose a repair; another one of its kind (and column) is replaced."""
    kept = [r for r in draft.repairs if _repair_key(r) != _repair_key(repair)]
    return edit(draft, "data", repairs=(*kept, repair))


def with_repairs(draft: Draft, repairs: Iterable[Repair]) -> Draft:
    """Choose several repairs at once."""
    for repair in repairs:
        draft = with_repair(draft, repair)
    return draft


def without_repair(draft: Draft, repair: Repair) -> Draft:
    """Take a repair back."""
    return edit(draft, "data", repairs=tuple(r for r in draft.repairs if r != repair))


def with_ignored(draft: Draft, names: Iterable[str]) -> Draft:
    """Say that the model knowingly does not see these columns, keys or roles."""
    return edit(draft, "data", ignore=tuple(dict.fromkeys((*draft.ignore, *names))))


def with_column(draft: Draft, column: str) -> Draft:
    """Show the model a column that the template leaves out, before the rest of the prompt."""
    title = escape(column[:1].upper() + column[1:].replace("_", " "))
    section = f"{{?{column}}}### {title}:\n{{{column}}}\n\n{{/{column}}}"
    return edit(draft, "data", prompt=section + draft.prompt)


def _repair_key(repair: Repair) -> tuple[str, str]:
    return repair.kind, getattr(repair, "column", "")


def display_name(draft: Draft) -> str:
    """The run's name: as given, or after the data file, or after the model."""
    if draft.name.strip():
        return draft.name.strip()
    if draft.source is not None:
        return PurePath(draft.source.source).stem[:80] or "fine-tune"
    return "fine-tune" if draft.trains else (PurePath(draft.model).name[:80] or "export")


def is_begun(draft: Draft) -> bool:
    """Whether somebody has decided anything that would be lost with the draft."""
    fresh = Draft()
    unseen = {name: getattr(fresh, name) for name in ("page", "visited", "touched")}
    if draft.preset is not None:
        # The preset's own figures follow the machine.
        unseen |= {"method": fresh.method, "training": fresh.training}
    return draft.model_copy(update=unseen) != fresh


def pages_of(draft: Draft) -> tuple[PageName, ...]:
    """The pages that this draft needs: without a training there is nothing to tune."""
    return tuple(page for page in PAGES if page != "tuning" or draft.trains)


def next_page(page: PageName, draft: Draft) -> PageName | None:
    """The page after *page*."""
    later = PAGES[PAGES.index(page) + 1 :]
    return next((other for other in later if other in pages_of(draft)), None)


def previous_page(page: PageName, draft: Draft) -> PageName | None:
    """The page before *page*."""
    earlier = PAGES[: PAGES.index(page)]
    return next((other for other in reversed(earlier) if other in pages_of(draft)), None)


def to_recipe(draft: Draft) -> Recipe:
    """The recipe of a draft without errors; raises :class:`InputError` otherwise.

    The section azure is in it only where the run is a job there: what was typed and not used is
    nobody else's business.
    """
    return Recipe(
        name=display_name(draft)[:80],
        steps=list(draft.steps),
        data=_data(draft),
        model=Model(
            source=draft.model,
            revision=draft.revision,
            adapter=draft.adapter,
            trust_remote_code=draft.trust_remote_code,
        ),
        method=draft.method.model_copy(update={"objective": draft.objective}),
        training=draft.training,
        target=draft.target,
        fidelity=draft.fidelity,
        limits=draft.limits,
        azure=to_azure(draft.azure or AzureForm()) if draft.in_cloud else None,
    )


def _data(draft: Draft) -> Data | None:
    if draft.source is None and not draft.trains:
        return None
    template = None
    if draft.shape != "messages":
        template = Template(prompt=draft.prompt, completion=draft.completion)
    try:
        return Data(
            **(draft.source.model_dump() if draft.source else {}),
            template=template,
            messages=draft.messages if draft.shape == "messages" else None,
            rejected=draft.rejected or None,
            rating=draft.rating or None,
            repairs=list(draft.repairs),
            ignore=list(draft.ignore),
            split=draft.split,
        )
    except ValidationError as exc:
        raise InputError("draft.incomplete") from exc


def from_recipe(recipe: Recipe, name: str = "") -> Draft:
    """A draft to run *recipe* again with changes; every page counts as seen."""
    data = recipe.data
    rows: dict[str, Any] = {}
    if data is not None:
        template = data.template
        rows = {
            "source": Source.of(data),
            "shape": "columns" if template else "messages",
            "prompt": template.prompt if template else "",
            "completion": template.completion if template else "",
            "messages": data.messages or "messages",
            "rejected": data.rejected or "",
            "rating": data.rating or "",
            "repairs": tuple(data.repairs),
            "ignore": tuple(data.ignore),
            "split": data.split,
        }
    return Draft(
        **rows,
        name=name or recipe.name,
        model=recipe.model.source,
        revision=recipe.model.revision,
        trust_remote_code=recipe.model.trust_remote_code,
        adapter=recipe.model.adapter,
        steps=tuple(recipe.steps),
        preset=None,
        method=recipe.method,
        training=recipe.training,
        target=recipe.target,
        fidelity=recipe.fidelity,
        limits=recipe.limits,
        azure=form_of(recipe.azure) if recipe.azure is not None else None,
        visited=frozenset(PAGES),
    )


def with_model(draft: Draft, source: str) -> Draft:
    """Choose another base model."""
    return edit(draft, "model", model=source, revision=None, trust_remote_code=False)
