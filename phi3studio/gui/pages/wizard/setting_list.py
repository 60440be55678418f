"""All settings of a recipe that the window offers: title and explanation of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel
from PySide6.QtCore import QCoreApplication

from phi3studio.domain.recipe import Fidelity, Method, Target, Training

translate = QCoreApplication.translate
Section = Literal["method", "training", "target", "fidelity"]
_SECTIONS: dict[Section, type[BaseModel]] = {
    "method": Method,
    "training": Training,
    "target": Target,
    "fidelity": Fidelity,
}


@dataclass(frozen=True)
class Setting:
    """One field of the recipe, in words."""

    section: Section
    name: str
    title: str
    about: str

    @property
    def kind(self) -> Any:
        """The field's type."""
        return _SECTIONS[self.section].model_fields[self.name].annotation

    def limits(self) -> str:
        """The range in words, from the recipe's own constraints."""
        return limits_of(_SECTIONS[self.section].model_fields[self.name].metadata)


def limits_of(rules: Iterable[Any]) -> str:
    """The range that a pydantic field's constraints allow, in signs."""
    low = high = ""
    for rule in rules:
        for key, sign in (("ge", "≥ "), ("gt", "> ")):
            if (value := getattr(rule, key, None)) is not None:
                low = f"{sign}{value:g}"
        for key, sign in (("le", "≤ "), ("lt", "< ")):
            if (value := getattr(rule, key, None)) is not None:
                high = f"{sign}{value:g}"
    return ", ".join(part for part in (low, high) if part)


def training_settings() -> list[Setting]:
    """Every setting, the ones that matter most first."""

    return [
        Setting(
            "training",
            "epochs",
            translate("Settings", "Epochs"),
            translate("Settings", "How often every row is seen."),
        ),
        Setting(
            "training",
            "max_steps",
            translate("Settings", "Most steps"),
            translate("Settings", "Stops after so many steps, whatever the epochs say."),
        ),
        Setting(
            "training",
            "learning_rate",
            translate("Settings", "Learning rate"),
            translate("Settings", "How large each correction is; too large and it forgets."),
        ),
        Setting(
            "training",
            "batch_size",
            translate("Settings", "Batch size"),
            translate("Settings", "Rows in one pass; more need more memory."),
        ),
        Setting(
            "training",
            "accumulation",
            translate("Settings", "Accumulation"),
            translate("Settings", "Passes that make one step: a larger batch in less memory."),
        ),
        Setting(
            "training",
            "sequence_length",
            translate("Settings", "Sequence length"),
            translate("Settings", "Longest row in tokens; what is longer is cut off."),
        ),
        Setting(
            "method",
            "rank",
            translate("Settings", "Rank (r)"),
            translate("Settings", "Size of the learned matrices: room for what is new."),
        ),
        Setting(
            "method",
            "alpha",
            translate("Settings", "Alpha"),
            translate("Settings", "Weight of what was learned; twice the rank is usual."),
        ),
        Setting(
            "method",
            "dropout",
            translate("Settings", "Dropout"),
            translate("Settings", "Share left out at random, against learning by heart."),
        ),
        Setting(
            "method",
            "target_modules",
            translate("Settings", "Target modules"),
            translate("Settings", "Which layers get a matrix."),
        ),
        Setting(
            "training",
            "schedule",
            translate("Settings", "Schedule"),
            translate("Settings", "How the learning rate falls towards the end."),
        ),
        Setting(
            "training",
            "warmup",
            translate("Settings", "Warm-up"),
            translate("Settings", "Share of the steps in which the learning rate rises."),
        ),
        Setting(
            "training",
            "weight_decay",
            translate("Settings", "Weight decay"),
            translate("Settings", "Pulls the learned weights towards zero."),
        ),
        Setting(
            "training",
            "max_grad_norm",
            translate("Settings", "Gradient limit"),
            translate("Settings", "Corrections are clipped to this size."),
        ),
        Setting(
            "training",
            "precision",
            translate("Settings", "Number format"),
            translate("Settings", "Of the base weights; auto takes the fastest sound one."),
        ),
        Setting(
            "training",
            "gradient_checkpointing",
            translate("Settings", "Gradient checkpointing"),
            translate("Settings", "Saves memory by computing twice; about a third slower."),
        ),
        Setting(
            "training",
            "evaluations",
            translate("Settings", "Evaluations"),
            translate("Settings", "How often the held-out rows are measured on the way."),
        ),
        Setting(
            "training",
            "checkpoint_minutes",
            translate("Settings", "Minutes between checkpoints"),
            translate("Settings", "How much work a power cut may cost."),
        ),
        Setting(
            "training",
            "seed",
            translate("Settings", "Seed"),
            translate("Settings", "The same seed gives the same model again."),
        ),
        Setting(
            "training",
            "keep_best",
            translate("Settings", "Keep the best"),
            translate(
                "Settings",
                "Exports the adapter of the evaluation with the lowest loss, not the last one.",
            ),
        ),
        Setting(
            "training",
            "early_stopping",
            translate("Settings", "Stop early"),
            translate(
                "Settings",
                "After so many evaluations in a row that were no better; 0 never stops.",
            ),
        ),
        Setting(
            "training",
            "recover",
            translate("Settings", "Recover when memory is short"),
            translate(
                "Settings",
                "Goes on from the last checkpoint with smaller batches, then with gradient "
                "checkpointing, then with shorter rows.",
            ),
        ),
        Setting(
            "method",
            "rank_stabilised",
            translate("Settings", "Rank-stabilised"),
            translate("Settings", "Scales by the root of the rank (rsLoRA), for high ranks."),
        ),
        Setting(
            "method",
            "double_quantisation",
            translate("Settings", "Double quantisation"),
            translate("Settings", "QLoRA: the constants of the 4 bits are quantised too."),
        ),
    ]


def target_settings() -> list[Setting]:
    """The settings of the int4 weights."""
    return [
        Setting(
            "target",
            "block_size",
            translate("Settings", "Block size"),
            translate("Settings", "So many weights share one scale; smaller is more exact."),
        ),
        Setting(
            "target",
            "accuracy_level",
            translate("Settings", "Accuracy level"),
            translate(
                "Settings",
                "Number format of the products: 0 as the model, 1 float32, 2 float16, 3 bfloat16, "
                "4 int8; 4 is the fastest on a processor.",
            ),
        ),
    ]


def fidelity_settings() -> list[Setting]:
    """How much worse than the merged model the exported one may be."""
    return [
        Setting(
            "fidelity",
            "points_lost",
            translate("Settings", "Points lost"),
            translate("Settings", "At most so many points (percent) of the task score."),
        ),
        Setting(
            "fidelity",
            "stops",
            translate("Settings", "Answers that end"),
            translate("Settings", "At least this share of the answers ends by itself."),
        ),
    ]
