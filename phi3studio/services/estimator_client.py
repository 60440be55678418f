"""The estimator service as a typed question; ``worker/estimating`` answers."""

from __future__ import annotations

from phi3studio.domain.estimation.estimate import Estimate
from phi3studio.domain.recipe import Recipe
from phi3studio.services.connection import Service


async def measure(recipe: Recipe) -> Estimate:
    """What *recipe* will take here, after a dry run: a few real steps, small copies of the
    model through the other stages. A minute, several for a large model.

    In a process of its own, which ends with the question; cancelling ends it at once. Raises
    :class:`UserFacingError` as the run itself would.
    """
    async with Service.start("estimator") as service:
        stream = service.stream("estimate", recipe=recipe.to_json(), dry_run=True)
        try:
            async for _ in stream:
                pass
        finally:
            await stream.aclose()
        return Estimate(**stream.result["estimate"])
