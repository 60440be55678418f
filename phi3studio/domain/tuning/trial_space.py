"""The settings that a training search tries: a few around the *Thorough* preset's."""

from __future__ import annotations

from dataclasses import dataclass

from phi3studio.domain.events.payload import Payload
from phi3studio.domain.hyperparameters import Method, TargetModules, Training
from phi3studio.domain.recipe import Recipe

EVALUATIONS = 9
"""Of each trial, so that one falls on a ninth and one on a third of the steps."""

_RATES = 4.0
_RANKS = (8, 16, 32, 64)
_SCALES = (1.0, 2.0, 4.0)
_EPOCHS = (0.5, 0.75, 1.0, 1.5)
_MODULES: tuple[TargetModules, ...] = ("auto", "attention", "all_linear")


class Settings(Payload):
    """What a trial sets; the rest is the recipe's."""

    learning_rate: float
    rank: int
    alpha: float
    epochs: float
    batch_size: int
    accumulation: int
    target_modules: TargetModules | list[str]

    @property
    def rows_a_step(self) -> int:
        """Rows of one optimiser step."""
        return self.batch_size * self.accumulation

    @property
    def words(self) -> str:
        """One line for tables."""
        modules = self.target_modules
        named = modules if isinstance(modules, str) else ",".join(modules)
        return (
            f"rate {self.learning_rate:.1e}, rank {self.rank}, alpha {self.alpha:g}, "
            f"{self.epochs:g} epochs, {self.rows_a_step} rows a step, {named}"
        )


@dataclass(frozen=True)
class Space:
    """What may be proposed. ``rates``: the lowest and the highest; ``scales``: alpha by rank."""

    rates: tuple[float, float]
    ranks: tuple[int, ...]
    scales: tuple[float, ...]
    epochs: tuple[float, ...]
    batches: tuple[tuple[int, int], ...]
    modules: tuple[TargetModules, ...]


def settings_of(method: Method, training: Training) -> Settings:
    """The settings of a preset."""
    return Settings(
        learning_rate=training.learning_rate,
        rank=method.rank,
        alpha=method.alpha,
        epochs=training.epochs,
        batch_size=training.batch_size,
        accumulation=training.accumulation,
        target_modules=method.target_modules,
    )


def space_around(preset: Settings) -> Space:
    """The space around a preset, which follows the model and the rows itself.

    No batch is larger in memory than the preset's.
    """
    batch, accumulation = preset.batch_size, preset.accumulation
    batches = [(batch, accumulation), (batch, 2 * accumulation)]
    if accumulation > 1:
        batches.append((batch, accumulation // 2))
    elif batch > 1:
        batches.append((batch // 2, 1))
    rate = preset.learning_rate
    return Space(
        rates=(rate / _RATES, min(1.0, rate * _RATES)),
        ranks=tuple(sorted({*_RANKS, preset.rank})),
        scales=_SCALES,
        epochs=tuple(max(0.5, round(preset.epochs * share, 2)) for share in _EPOCHS),
        batches=tuple(batches),
        modules=_MODULES,
    )


def as_trial(recipe: Recipe, settings: Settings, number: int) -> Recipe:
    """*recipe* with a trial's settings, for its training alone."""
    method = recipe.method.model_copy(
        update={
            "rank": settings.rank,
            "alpha": settings.alpha,
            "target_modules": settings.target_modules,
        }
    )
    training = recipe.training.model_copy(
        update={
            "learning_rate": settings.learning_rate,
            "epochs": settings.epochs,
            "batch_size": settings.batch_size,
            "accumulation": settings.accumulation,
            "max_steps": None,
            "evaluations": EVALUATIONS,
            "keep_best": True,
            "early_stopping": 0,
        }
    )
    suffix = f" trial {number}"
    return recipe.model_copy(
        update={
            "name": recipe.name[: 80 - len(suffix)] + suffix,
            "steps": ["train"],
            "method": method,
            "training": training,
            "limits": None,
        }
    )


def rungs(total: int) -> tuple[int, int, int]:
    """The steps at a ninth, a third and the end of a training, where it is evaluated as well."""
    every = -(-total // EVALUATIONS)
    return min(every, total), min(3 * every, total), total
