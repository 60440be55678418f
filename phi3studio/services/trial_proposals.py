"""Optuna proposes a trial's settings from what the trials before came to.

Its study lives in memory only: the search's own record is replayed into it, so a search that was
killed is proposed the same again.
"""

from __future__ import annotations

from phi3studio.domain.tuning.study_record import Study
from phi3studio.domain.tuning.study_steps import Courses
from phi3studio.domain.tuning.trial_space import Settings, Space, space_around

_AT_RANDOM = 5
"""Trials before the first that is drawn by what others came to."""


def propose(study: Study, courses: Courses) -> Settings:
    """Settings for the next trial. The same study gives the same ones."""
    import optuna
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = space_around(study.preset)
    distributions = {
        "rate": FloatDistribution(*space.rates, log=True),
        "rank": CategoricalDistribution(space.ranks),
        "scale": CategoricalDistribution(space.scales),
        "epochs": CategoricalDistribution(space.epochs),
        "batch": CategoricalDistribution(range(len(space.batches))),
        "modules": CategoricalDistribution(space.modules),
    }
    seed = 1000 * study.seed + len(study.trials)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=_AT_RANDOM)
    replayed = optuna.create_study(sampler=sampler)
    for trial in study.trials:
        values = _values(trial.settings, space)
        loss = courses[trial.number].loss(1) if trial.reached else None
        if values is None or loss is None:
            continue
        # The loss at a ninth of the steps is what all of them have.
        made = optuna.trial.create_trial(params=values, distributions=distributions, value=loss)
        replayed.add_trial(made)
    drawn = replayed.ask(distributions).params
    batch, accumulation = space.batches[drawn["batch"]]
    return Settings(
        learning_rate=float(f"{drawn['rate']:.1e}"),
        rank=drawn["rank"],
        alpha=drawn["rank"] * drawn["scale"],
        epochs=drawn["epochs"],
        batch_size=batch,
        accumulation=accumulation,
        target_modules=drawn["modules"],
    )


def _values(settings: Settings, space: Space) -> dict[str, object] | None:
    """What Optuna would have drawn; ``None`` for settings outside of its space."""
    scale = settings.alpha / settings.rank
    batch = (settings.batch_size, settings.accumulation)
    low, high = space.rates
    inside = (
        scale in space.scales
        and settings.rank in space.ranks
        and settings.epochs in space.epochs
        and batch in space.batches
        and settings.target_modules in space.modules
    )
    if not inside:
        return None
    return {
        "rate": min(max(settings.learning_rate, low), high),
        "rank": settings.rank,
        "scale": scale,
        "epochs": settings.epochs,
        "batch": space.batches.index(batch),
        "modules": settings.target_modules,
    }
