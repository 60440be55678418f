"""What the wizard asks about data. The inspector service answers; tests may stand in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol

from phi3studio.domain.dataset import (
    CheckProgress,
    Preset,
    Preview,
    Report,
    RowPage,
    Source,
    SourceReport,
)
from phi3studio.domain.recipe import Recipe

OliveConfig = Callable[[Recipe], Awaitable[str]]
"""The Olive config of a recipe, as text: asked of the olive service, takes seconds."""


class Inspector(Protocol):
    """Asynchronous questions; each may raise :class:`UserFacingError` and be cancelled."""

    @property
    def needs_model(self) -> bool:
        """Whether ``preview`` and ``check`` download a base model that is not here."""

    async def look(self, source: Source) -> SourceReport:
        """What is known of the source after a look at its beginning."""

    async def rows(
        self,
        source: Source,
        offset: int,
        limit: int = 100,
        *,
        numbers: Sequence[int] = (),
        whole: bool = False,
    ) -> RowPage:
        """Rows from *offset* on, or the rows *numbers*; long values shortened, unless *whole*."""

    async def presets(self, columns: tuple[str, ...]) -> tuple[Preset, ...]:
        """Templates that can be chosen for these columns."""

    async def preview(self, recipe: Recipe, row: int) -> Preview:
        """One row as the model will see it."""

    def check(self, recipe: Recipe) -> AsyncIterator[CheckProgress | Report]:
        """Read everything; the last item is the report."""
