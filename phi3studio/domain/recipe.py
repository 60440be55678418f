"""The recipe: the complete, versioned description of one fine-tune.

A recipe is all that a run needs besides the data file and the base model; a finished run can be
repeated from its ``recipe.json`` alone. It is written as JSON or YAML; ``phi3studio recipe
schema`` prints its JSON schema. Unknown keys are errors, because a setting that is dropped in
silence costs a whole training.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from phi3studio.domain.azure import Azure, share_of_batch
from phi3studio.domain.datasets.source import DataFormat as DataFormat
from phi3studio.domain.datasets.source import Source, checked_slice
from phi3studio.domain.errors import InputError
from phi3studio.domain.events.payload import STAGES, StageName
from phi3studio.domain.hyperparameters import Fidelity as Fidelity
from phi3studio.domain.hyperparameters import Limits as Limits
from phi3studio.domain.hyperparameters import Method as Method
from phi3studio.domain.hyperparameters import MethodKind as MethodKind
from phi3studio.domain.hyperparameters import Objective as Objective
from phi3studio.domain.hyperparameters import Precision as Precision
from phi3studio.domain.hyperparameters import TargetModules as TargetModules
from phi3studio.domain.hyperparameters import Training as Training
from phi3studio.domain.hyperparameters import setting
from phi3studio.domain.quantisation import (
    ALLOWED,
    DEFAULT,
    FORMATS,
    PRESET_TEXTS,
    PRESETS,
    FormatName,
    PresetName,
    Provider,
)
from phi3studio.domain.recipes.recipe_errors import explain
from phi3studio.domain.recipes.recipe_gaps import check_no_gaps
from phi3studio.domain.recipes.section import Section
from phi3studio.domain.rows.repairs import Repair
from phi3studio.domain.template import parse_template

RECIPE_VERSION = 1

Device = Literal["auto", "cpu", "cuda", "azureml"]
Step = Literal["train", "merge", "quantise", "verify"]
ALL_STEPS: tuple[Step, ...] = ("train", "merge", "quantise", "verify")


class Template(Section):
    """Prompt and completion, with ``{column}`` placeholders; ``{{`` is a literal brace.

    ``{?column}…{/column}`` is a part that appears only in rows where the column has a value.
    """

    prompt: str = Field(description="Shown to the model, not learned.")
    completion: str = Field(description="What the model learns to say; its stop token is added.")

    @field_validator("prompt", "completion")
    @classmethod
    def _parses(cls, value: str, info: Any) -> str:
        parse_template(value, info.field_name)
        return value

    @model_validator(mode="after")
    def _learns_something(self) -> Template:
        if not self.completion.strip():
            raise InputError("template.no_completion")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that the template reads, prompt first."""
        both = (
            *parse_template(self.prompt, "prompt").columns,
            *parse_template(self.completion, "completion").columns,
        )
        return tuple(dict.fromkeys(both))

    @property
    def required(self) -> tuple[str, ...]:
        """The columns that every row must fill: those outside of optional sections."""
        both = (
            *parse_template(self.prompt, "prompt").required,
            *parse_template(self.completion, "completion").required,
        )
        return tuple(dict.fromkeys(both))

    @property
    def label_column(self) -> str | None:
        """The completion's only column, if the completion is that column alone."""
        parsed = parse_template(self.completion, "completion")
        return parsed.only_column


class Split(Section):
    """How rows are held out: never trained, used for the figures at the end.

    Rows with an equal or nearly equal prompt always fall on the same side.
    """

    held_out: float = Field(
        0.2, gt=0, lt=1, description="Share of the rows that is held out, between 0 and 1."
    )
    file: str | None = Field(
        None, description="A second file whose rows are held out instead of a share."
    )
    hub_split: str | None = Field(
        None, description="A second split of the hub data set, held out instead of a share."
    )
    slice: str | None = Field(
        None,
        description="Only these rows of that file or split are held out (-128:). Without both, "
        "these of the source; rows that are trained too are left out of the training.",
    )
    column: str | None = Field(
        None, description="A column that says which rows are held out, instead of a share."
    )
    values: list[str] = Field(
        ["test", "validation", "valid", "val", "dev", "eval", "held_out"],
        min_length=1,
        description="The values of that column which mark a held-out row.",
    )
    stratify: bool = Field(
        True, description="Keep the labels' proportions, where the completion is a label."
    )
    seed: int = Field(0, ge=0, description="Seed of the random split.")
    limit: int | None = Field(
        None, ge=1, description="Measure at most this many held-out rows; all when absent."
    )

    @model_validator(mode="after")
    def _one_way(self) -> Split:
        apart = [self.file, self.hub_split, self.column]
        if sum(name is not None for name in apart) > 1 or (self.column and self.slice):
            raise InputError("recipe.two_splits")
        return self

    @field_validator("slice")
    @classmethod
    def _is_slice(cls, value: str | None) -> str | None:
        return checked_slice(value)


class Data(Source):
    """Where the rows come from and how a row becomes text."""

    template: Template | None = Field(
        None, description="For rows with columns; leave out for conversations."
    )
    messages: str | None = Field(
        None, description="For conversations: the column that holds the messages."
    )
    rejected: str | None = Field(
        None,
        description="For pairs of answers: the worse answer, as text of a template, or the place "
        "of the conversation that ends with it.",
    )
    rating: str | None = Field(
        None,
        description="For single answers that were rated: the column that says whether the answer "
        "is good: true or false, 1 or 0, yes or no, up or down.",
    )
    repairs: list[Repair] = Field(
        [], description="Repairs applied when the rows are read; the file is never changed."
    )
    ignore: list[str] = Field(
        [],
        description="Columns, message keys, roles and the like that the model knowingly does not "
        "see; phi3studio data check names what is unread.",
    )
    split: Split = Split()

    @model_validator(mode="after")
    def _one_shape(self) -> Data:
        if self.split.hub_split is not None and self.format != "hub":
            raise InputError("recipe.two_splits", variant="no_hub")
        if (self.template is None) == (self.messages is None):
            raise InputError(
                "recipe.data_shape", variant="neither" if self.template is None else ""
            )
        if self.rejected is not None and not self.rejected.strip():
            raise InputError("recipe.no_rejected", variant="empty")
        if self.rejected is not None and self.template is not None:
            parse_template(self.rejected, "rejected")
        if self.rating is not None and not self.rating.strip():
            raise InputError("recipe.no_rating", variant="empty")
        if self.rating is not None and self.rejected is not None:
            raise InputError("recipe.two_preferences", rating=self.rating)
        return self

    @property
    def worse(self) -> Data | None:
        """The data section by which the worse answers of pairs are read; ``None`` without pairs."""
        if self.rejected is None:
            return None
        if self.template is None:
            return self.model_copy(update={"messages": self.rejected, "rejected": None})
        template = self.template.model_copy(update={"completion": self.rejected})
        return self.model_copy(update={"template": template, "rejected": None})

    @property
    def text_places(self) -> tuple[str, ...]:
        """The columns, or the places of conversations, with the texts that reach the model."""
        found: list[str] = []
        for data in (self, self.worse):
            if data is not None:
                found += data.template.columns if data.template else [data.messages or "messages"]
        return tuple(dict.fromkeys(found))

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The columns that every row must fill; none for conversations."""
        templates = [data.template for data in (self, self.worse) if data is not None]
        return tuple(dict.fromkeys(name for part in templates if part for name in part.required))


class Model(Section):
    """The base model."""

    source: str = Field(
        "starter",
        min_length=1,
        description="Name from the catalogue, or the path of a model folder.",
    )
    revision: str | None = Field(None, description="Revision on the hub; a commit is safest.")
    adapter: str | None = Field(
        None,
        description="Folder of a LoRA adapter (PEFT) over this model. With the step train it is "
        "trained further; without, it is merged as it is.",
    )
    trust_remote_code: bool = Field(
        False,
        description="Run Python code from the model folder. Keep it off unless you have read it.",
    )


class Target(Section):
    """Where the model is trained and where it will run."""

    train_on: Device = Field(
        "auto",
        description="The device of this computer, or azureml: the whole run is a job in Azure ML, "
        "as the section azure says.",
    )
    provider: Provider = Field("cpu", description="ONNX Runtime's execution provider.")
    quantisation: FormatName = "int4"
    int4: PresetName = Field(
        DEFAULT,
        description="; ".join(f"{name}: {text.hint}" for name, text in PRESET_TEXTS.items()) + ".",
    )
    block_size: Literal[16, 32, 64, 128, 256] = setting(
        32, "int4", "Block size", "Weights that share one scale; smaller is more exact."
    )
    calibrated: bool | None = Field(
        None,
        description="Fit the int4 weights to the rows, for models below a billion parameters; "
        "null: as the preset does, which is true for quality alone.",
    )
    accuracy_level: Literal[0, 1, 2, 3, 4] = setting(
        4,
        "int4",
        "Accuracy level",
        "Number format of the products: 0 as the model, 1 float32, 2 float16, 3 bfloat16, 4 "
        "int8; 4 is the fastest on a processor.",
    )


class Recipe(Section):
    """One fine-tune, from data file to exported model.

    ``steps`` leaves parts out: train alone gives an adapter; merge alone puts ``model.adapter``
    into the base; quantise alone exports the base model; train and quantise without merge export
    the base once, with the adapter next to it.
    """

    version: Literal[1] = Field(1, description="Format version of this file.")
    name: Annotated[str, Field(min_length=1, max_length=80)] = "fine-tune"
    steps: list[Step] = Field(
        list(ALL_STEPS), min_length=1, description="The steps of the run, in this order."
    )
    data: Data | None = Field(
        None, description="The rows. Optional in recipes without the step train."
    )
    model: Model = Model()
    method: Method = Method()
    training: Training = Training()
    target: Target = Target()
    fidelity: Fidelity = Fidelity()
    limits: Limits | None = Field(
        None, description="Limits of the exported model: the best export within them is searched."
    )
    azure: Azure | None = Field(None, description="For target.train_on: azureml.")

    @field_validator("steps")
    @classmethod
    def _in_order(cls, value: list[Step]) -> list[Step]:
        return [step for step in ALL_STEPS if step in value]

    @model_validator(mode="after")
    def _complete(self) -> Recipe:
        steps, adapter = self.steps, self.model.adapter
        if "train" in steps and self.data is None:
            raise InputError("recipe.no_data")
        if "merge" in steps and "train" not in steps and adapter is None:
            raise InputError("recipe.no_adapter")
        if "train" in steps:
            self._check_objective()
            check_int4_aware(steps, self.method, self.training, self.target)
        if self.target.train_on == "azureml":
            if self.azure is None:
                raise InputError("azure.no_section", variant="recipe")
            share_of_batch(
                self.training.batch_size, self.training.accumulation, self.azure.processes
            )
        if steps == ["verify"]:
            raise InputError("recipe.only_verify")
        if self.limits is not None:
            self._check_limits(self.limits)
        return self

    def _check_limits(self, limits: Limits) -> None:
        """A search measures exports of a merged model on held-out rows of this computer."""
        if "quantise" not in self.steps or "verify" not in self.steps:
            raise InputError("recipe.limits", variant="steps")
        if "merge" not in self.steps and ("train" in self.steps or self.model.adapter is not None):
            raise InputError("recipe.limits", variant="apart")
        if self.data is None:
            raise InputError("recipe.limits", variant="no_rows")
        if self.target.train_on == "azureml":
            raise InputError("recipe.limits", variant="azure")
        if self.training.int4_aware and limits.points_lost is not None:
            raise InputError("recipe.limits", variant="int4_aware")

    def _check_objective(self) -> None:
        """Pairs of answers and rated ones are for the objectives that take them, and for those
        alone."""
        objective, rejected, rating = self.method.objective, self.rows.rejected, self.rows.rating
        if objective == "kto" and rating is None:
            raise InputError("recipe.no_rating", variant="pairs" if rejected is not None else "")
        if objective != "kto" and rating is not None:
            raise InputError("recipe.rating_unused", rating=rating, objective=objective)
        if objective == "sft" and rejected is not None:
            raise InputError("recipe.rejected_unused", rejected=rejected)
        if objective not in ("sft", "kto") and rejected is None:
            raise InputError("recipe.no_rejected", objective=objective)

    @property
    def stages(self) -> tuple[StageName, ...]:
        """The stages of its run: prepare, then the steps."""
        return tuple(name for name in STAGES if name == "prepare" or name in self.steps)

    @property
    def rows(self) -> Data:
        """The data of a recipe that has some; :class:`InputError` for one that has none."""
        if self.data is None:
            raise InputError("recipe.no_data", variant="rows", name=self.name)
        return self.data

    @property
    def slug(self) -> str:
        """The name as a part of a folder name: lower case ASCII letters, digits and dashes."""
        return slugify(self.name)

    def to_json(self) -> dict[str, Any]:
        """The complete recipe as JSON values, absent ones left out."""
        return self.model_dump(mode="json", exclude_none=True)


def check_int4_aware(
    steps: Sequence[Step], method: Method, training: Training, target: Target
) -> None:
    """Raise :class:`InputError` where training for 4 bits cannot round what the export rounds,
    which is base and adapter together."""
    if not training.int4_aware:
        return
    if method.kind == "qlora":
        raise InputError("recipe.int4_aware", variant="qlora")
    if target.quantisation != "int4":
        raise InputError("recipe.int4_aware", quantisation=target.quantisation)
    if "quantise" in steps and "merge" not in steps:
        raise InputError("recipe.int4_aware", variant="apart")


def check_target(recipe: Recipe) -> None:
    """Raise :class:`InputError` for a target that cannot be built; asked first of all."""
    target = recipe.target
    if "quantise" not in recipe.steps:
        return
    if target.quantisation not in ALLOWED[target.provider]:
        raise InputError(
            "recipe.target",
            provider=target.provider,
            quantisation=target.quantisation,
            formats=ALLOWED[target.provider],
            providers=FORMATS[target.quantisation].providers,
        )
    preset = PRESETS.get(target.int4) if target.quantisation == "int4" else None
    if preset is not None and target.provider not in preset.providers:
        raise InputError(
            "recipe.target",
            variant="preset",
            provider=target.provider,
            preset=preset.name,
            presets=[row.name for row in PRESETS.values() if target.provider in row.providers],
        )


def slugify(name: str) -> str:
    """A folder-name part: lower case ASCII letters, digits and single dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "run"


def parse_recipe(values: object) -> Recipe:
    """Validate parsed JSON or YAML; raises :class:`InputError` that names the key."""
    if not isinstance(values, Mapping):
        raise InputError("recipe.not_a_mapping")
    version = values.get("version", RECIPE_VERSION)
    if isinstance(version, int) and version > RECIPE_VERSION:
        raise InputError("recipe.newer_version", version=version, known=RECIPE_VERSION)
    check_no_gaps(values)
    try:
        return Recipe.model_validate(dict(values))
    except ValidationError as exc:
        raise explain(exc, Recipe) from exc


def json_schema() -> dict[str, Any]:
    """The published JSON schema of a recipe."""
    schema = Recipe.model_json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Recipe"} | schema
