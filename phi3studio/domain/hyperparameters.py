"""The sections of a recipe that hold numbers to choose: method, training, fidelity, limits.

A field made by :func:`setting` is offered by the window. Its title, explanation and range stand
here alone: the window, the recipe's schema and the reference read them.
"""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import Field, model_validator

from phi3studio.domain.errors import InputError
from phi3studio.domain.recipes.section import Section

Precision = Literal["auto", "float32", "bfloat16", "float16"]
MethodKind = Literal["lora", "qlora", "dora", "loha", "lokr"]
METHOD_TITLES: dict[MethodKind, str] = {
    "lora": "LoRA",
    "qlora": "QLoRA",
    "dora": "DoRA",
    "loha": "LoHa",
    "lokr": "LoKr",
}
WHOLE_CHANGE: frozenset[MethodKind] = frozenset({"loha", "lokr"})
"""Methods that make each layer's whole change of weights in every pass."""
Objective = Literal["sft", "dpo", "orpo", "simpo", "kto"]
REFERENCED: frozenset[Objective] = frozenset({"dpo", "kto"})
"""Objectives that compare with the model as it was before the training."""
_BETA: dict[Objective, float] = {"sft": 0.0, "dpo": 0.1, "orpo": 0.1, "simpo": 2.0, "kto": 0.1}
_PLAIN: frozenset[Objective] = frozenset({"orpo", "kto"})
"""Objectives without label smoothing."""
TargetModules = Literal["auto", "attention", "all_linear", "family"]


_RATE, _OF_PARAMETERS = 1e-3, 135e6
_LEAST_RATE = 1e-4


def usual_rate(parameters: int) -> float:
    """The learning rate at which the adapter of a model of so many parameters learns well.

    Found for a model of 135 million (``docs/presets.md``); it falls with the root of the size,
    which gives the usual 2e-4 for 3.8 billion.
    """
    return max(_LEAST_RATE, _RATE * min(1.0, math.sqrt(_OF_PARAMETERS / max(1, parameters))))


_POSITIVE: dict[str, Any] = {"gt": 0, "allow_inf_nan": False}


def setting(default: Any, group: str, title: str, about: str, **limits: Any) -> Any:
    """A field that the window offers: *group* says where, *title* and *about* in which words.

    Their Italian is in ``resources/messages/it/settings.json``.
    """
    extra: dict[str, Any] = {"group": group}
    return Field(default, title=title, description=about, json_schema_extra=extra, **limits)


class Method(Section):
    """LoRA: small trained matrices next to the frozen weights."""

    kind: MethodKind = Field(
        "lora",
        description="lora; qlora: the base weights in 4 bits while training; dora: direction and "
        "magnitude learned apart; loha, lokr: the change is a Hadamard or Kronecker product of "
        "small matrices.",
    )
    objective: Objective = Field(
        "sft",
        description="sft: the model learns to give the answers. The others prefer them to "
        "data.rejected: dpo, measured from the model before the training; orpo, which learns the "
        "answers as well, for a model that had no sft; simpo, by the mean of a token, so that "
        "length counts for nothing. kto: single answers, which data.rating says are good or bad, "
        "measured from the model before the training.",
    )
    beta: float | None = setting(
        None,
        "preference",
        "Beta",
        "How much the preference counts; when absent 0.1 for dpo, orpo and kto, 2 for simpo. "
        "dpo, kto: more stays nearer to the model before.",
        gt=0,
    )
    label_smoothing: float = setting(
        0.0,
        "preference",
        "Label smoothing",
        "dpo, simpo: the share of pairs in which the better answer may be the other one.",
        ge=0,
        lt=0.5,
    )
    margin: float = setting(
        0.5,
        "preference",
        "Margin",
        "simpo: by how much likelier the better answer should be than the other one.",
        ge=0,
    )
    desirable_weight: float = setting(
        1.0,
        "preference",
        "Weight of good answers",
        "kto: how much an answer that was rated good counts.",
        **_POSITIVE,
    )
    undesirable_weight: float = setting(
        1.0,
        "preference",
        "Weight of bad answers",
        "kto: how much an answer that was rated bad counts.",
        **_POSITIVE,
    )
    rank: int = setting(
        16,
        "tuning",
        "Rank (r)",
        "Size of the learned matrices: room for what is new.",
        ge=1,
        le=1024,
    )
    alpha: float = setting(
        32, "tuning", "Alpha", "Weight of what was learned; twice the rank is usual.", gt=0
    )
    dropout: float = setting(
        0.05,
        "tuning",
        "Dropout",
        "Share left out at random, against overfitting.",
        ge=0,
        lt=1,
    )
    target_modules: TargetModules | list[str] = setting(
        "auto",
        "tuning",
        "Target modules",
        "Which layers get a matrix: auto, attention, all_linear, family (PEFT's choice), or a list "
        "of module names.",
    )
    rank_stabilised: bool = setting(
        False,
        "details",
        "Rank-stabilised",
        "Scales by the root of the rank (rsLoRA), for high ranks.",
    )
    double_quantisation: bool = setting(
        False,
        "details",
        "Double quantisation",
        "QLoRA: the constants of the 4 bits are quantised too.",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Method:
        if self.rank_stabilised and self.kind in WHOLE_CHANGE:
            raise InputError("recipe.not_stabilised", kind=METHOD_TITLES[self.kind])
        if self.label_smoothing and self.objective in _PLAIN:
            raise InputError("recipe.no_smoothing", objective=self.objective)
        return self

    @property
    def strength(self) -> float:
        """``beta``, or what is usual for the objective."""
        return _BETA[self.objective] if self.beta is None else self.beta


class Training(Section):
    """The optimisation."""

    epochs: float = setting(3, "tuning", "Epochs", "How often every row is seen.", gt=0, le=1000)
    max_steps: int | None = setting(
        None, "tuning", "Max steps", "Stops after this many steps, whatever the epochs say.", ge=1
    )
    learning_rate: float = setting(
        2e-4,
        "tuning",
        "Learning rate",
        "How large each weight update is; too large and the model forgets.",
        gt=0,
        le=1,
    )
    schedule: Literal["linear", "cosine", "constant"] = setting(
        "cosine", "details", "Schedule", "How the learning rate falls towards the end."
    )
    warmup: float = setting(
        0.05,
        "details",
        "Warm-up",
        "Share of the steps in which the learning rate rises.",
        ge=0,
        lt=1,
    )
    warmup_steps: int | None = Field(
        None, ge=0, description="The warm-up in steps, in place of the share."
    )
    weight_decay: float = setting(
        0.0, "details", "Weight decay", "Pulls the learned weights towards zero.", ge=0, le=1
    )
    max_grad_norm: float = setting(
        1.0, "details", "Gradient clipping", "Gradients are clipped to this norm.", gt=0
    )
    batch_size: int = setting(
        8, "tuning", "Batch size", "Rows in one pass; more need more memory.", ge=1
    )
    accumulation: int = setting(
        1,
        "tuning",
        "Gradient accumulation",
        "Passes that make one step: a larger batch in less memory.",
        ge=1,
    )
    sequence_length: int = setting(
        1024,
        "tuning",
        "Sequence length",
        "Longest row in tokens; what is longer is truncated.",
        ge=8,
    )
    seed: int = setting(
        0, "details", "Seed", "The same seed gives the same model again, on the same machine.", ge=0
    )
    precision: Precision = setting(
        "auto",
        "details",
        "Number format",
        "Of the base weights; auto takes the fastest reliable one.",
    )
    gradient_checkpointing: bool = setting(
        False,
        "details",
        "Gradient checkpointing",
        "Saves memory by computing twice; about a third slower.",
    )
    evaluations: int = setting(
        4,
        "details",
        "Evaluations",
        "How often the evaluation loss is measured on held-out rows during the training.",
        ge=0,
    )
    checkpoint_minutes: float = setting(
        0.5,
        "details",
        "Minutes between checkpoints",
        "How much work a power cut may cost: the longest time between two checkpoints.",
        gt=0,
    )
    keep_best: bool = setting(
        True,
        "details",
        "Keep the best",
        "Exports the adapter of the evaluation with the lowest loss, not the last one.",
    )
    early_stopping: int = setting(
        0,
        "details",
        "Stop early",
        "After this many evaluations in a row without improvement; 0 never stops.",
        ge=0,
    )
    int4_aware: float = setting(
        0.0,
        "details",
        "Trained for 4 bits",
        "Share of the steps, at the end, in which the weights are rounded as the int4 export "
        "rounds them: 1 for all, 0 for none.",
        ge=0,
        le=1,
    )
    recover: bool = setting(
        True,
        "details",
        "Recover when memory is short",
        "Continues from the last checkpoint with smaller batches, then with gradient "
        "checkpointing, then with shorter rows.",
    )

    def steps_per_epoch(self, train_rows: int) -> int:
        """Optimiser steps in one pass over so many rows."""
        return math.ceil(train_rows / (self.batch_size * self.accumulation))

    def total_steps(self, train_rows: int) -> int:
        """Optimiser steps of the whole training, as the trainer makes them."""
        if self.max_steps is not None:
            return self.max_steps
        return max(1, round(self.epochs * self.steps_per_epoch(train_rows)))

    def warmup_of(self, steps: int) -> int:
        """Of so many optimiser steps, those in which the learning rate rises."""
        return round(self.warmup * steps) if self.warmup_steps is None else self.warmup_steps

    def int4_from(self, steps: int) -> int:
        """Of so many optimiser steps, those before the weights are rounded to 4 bits."""
        return steps - math.ceil(self.int4_aware * steps)

    @model_validator(mode="after")
    def _can_stop_early(self) -> Training:
        if self.early_stopping and not self.evaluations:
            raise InputError("recipe.no_evaluations")
        return self


class Fidelity(Section):
    """How much worse than the merged model the exported one may be."""

    points_lost: float = setting(
        3.0,
        "fidelity",
        "Points lost",
        "At most this many points (percent) of the task score.",
        ge=0,
        le=100,
    )
    preference_lost: float = Field(
        2.0,
        ge=0,
        le=100,
        description="At most this many points (percent) of the held-out pairs whose better answer "
        "is preferred; one pair is allowed where that is more.",
    )
    stops: float = setting(
        0.99,
        "fidelity",
        "Answers that stop",
        "At least this share of the answers stops on its own.",
        ge=0,
        le=1,
    )


class Limits(Section):
    """What the exported model has to keep to, on the computer that the run works on. With this
    section, also an empty one, the export is searched, and of target the provider alone counts."""

    size_mb: float | None = setting(
        None, "limits", "Largest size (MB)", "At most so many MB on disk.", **_POSITIVE
    )
    memory_mb: float | None = setting(
        None,
        "limits",
        "Most memory (MB)",
        "At most so many MB of memory while answering.",
        **_POSITIVE,
    )
    first_token_ms: float | None = setting(
        None,
        "limits",
        "First token within (ms)",
        "The answer begins within so many ms.",
        **_POSITIVE,
    )
    tokens_per_s: float | None = setting(
        None,
        "limits",
        "Tokens a second",
        "At least so many tokens a second while answering.",
        **_POSITIVE,
    )
    score: float | None = setting(
        None,
        "limits",
        "Least score (percent)",
        "At least this score on the held-out rows.",
        **_POSITIVE,
        le=100,
    )
    points_lost: float | None = setting(
        None,
        "limits",
        "Most points lost",
        "At most this many points (percent) less than the merged model; in place of score.",
        ge=0,
        le=100,
        allow_inf_nan=False,
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Limits:
        if self.score is not None and self.points_lost is not None:
            raise InputError("recipe.limits", variant="two")
        return self

    @property
    def quality(self) -> bool:
        """Whether the score is limited: then size is what is left to gain."""
        return self.score is not None or self.points_lost is not None
