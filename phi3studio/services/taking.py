"""Another export of a search as its run's model."""

from __future__ import annotations

from typing import Any

from phi3studio.runs.store import RunFolder
from phi3studio.services.connection import Service


async def take_export(run: RunFolder, number: int) -> dict[str, Any]:
    """Make point *number* of the search the run's model; its figures and its verdict are those of
    the run then. Raises :class:`UserFacingError` for a point that cannot be taken."""
    async with Service.start("evaluator") as service:
        taken: dict[str, Any] = await service.call("take", run=str(run.path), number=number)
    return taken
