"""The estimator service: what a recipe will take on this machine, and settings that fit it.

Everything is counted where it can be: the parameters from the model's configuration, the tokens
by tokenising the data as a run does, the matrix rate by a measured product.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict
from typing import Any

from phi3studio.app.paths import user_home
from phi3studio.domain.estimation.estimate import Estimate
from phi3studio.domain.estimation.fitting import propose
from phi3studio.domain.recipe import parse_recipe
from phi3studio.runs.saved_estimates import read_estimate
from phi3studio.worker.estimating.known_facts import Known, know
from phi3studio.worker.serving import Cancel, Handler
from phi3studio.worker.streamed import Tell, streamed


def estimate_recipe(
    params: dict[str, Any], cancel: Cancel
) -> Generator[dict[str, Any], None, dict[str, Any]]:
    """Estimate ``recipe``; with ``dry_run`` after a trial. Yields ``{"activity"}``."""

    def work(tell: Tell) -> dict[str, Any]:
        recipe, home = parse_recipe(params["recipe"]), user_home()

        def on_activity(text: str) -> None:
            cancel.check()
            tell({"activity": text})

        known = know(recipe, home, on_activity)
        if params.get("dry_run"):
            from phi3studio.worker.estimating.dry_run import dry_run

            found = dry_run(known, home, on_activity, lambda: cancel.requested)
        else:
            found = read_estimate(home, recipe) or known.estimate()
        return _answer(known, found)

    return (yield from streamed(work))


def fit_recipe(
    params: dict[str, Any], cancel: Cancel
) -> Generator[dict[str, Any], None, dict[str, Any]]:
    """Settings for ``recipe`` that fit this machine, with the reason of each change."""

    def work(tell: Tell) -> dict[str, Any]:
        recipe, home = parse_recipe(params["recipe"]), user_home()
        known = know(recipe, home, lambda text: tell({"activity": text}), lenient=True)
        found = propose(
            recipe, known.model, known.data, known.machine, known.precision, known.context
        )
        answer = _answer(known, found.estimate)
        return answer | {
            "recipe": found.recipe.to_json(),
            "changes": [asdict(change) for change in found.changes],
            "fits": found.fits,
            "problem": found.problem,
        }

    return (yield from streamed(work))


def _answer(known: Known, found: Estimate) -> dict[str, Any]:
    machine = known.machine
    return {
        "estimate": asdict(found),
        "memory_bytes": found.memory_bytes,
        "total_seconds": found.total_seconds,
        "free_memory": machine.memory_bytes,
        "free_disk": machine.free_disk_bytes,
        "device": machine.device,
        "device_free": machine.device_bytes,
        "precision": known.precision,
        "flops": machine.flops,
        "parameters": known.model.parameters,
        "rows": known.data.train_rows,
        "tokens": known.data.train_tokens,
    }


def handlers() -> dict[str, Handler]:
    """The service's methods."""
    return {"estimate": estimate_recipe, "fit": fit_recipe}
