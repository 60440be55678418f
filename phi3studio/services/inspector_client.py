"""The inspector service as typed questions; ``worker/inspector_service.py`` answers them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from phi3studio.domain.datasets.check_report import CheckProgress, Report
from phi3studio.domain.datasets.source import Source
from phi3studio.domain.datasets.source_report import Preview, RowPage, SourceReport, TemplatePreset
from phi3studio.domain.recipe import Recipe
from phi3studio.services.connection import Service


class Inspector:
    """Asks about data. Every method may raise :class:`UserFacingError` and be cancelled.

    Paths are taken relative to this process's working folder at the service's start, so give
    absolute ones. Of a recipe the sections ``data``, ``model`` and ``training`` count.
    """

    needs_model = True
    """``preview`` and ``check`` take the tokenizer of the base model, and download what lacks."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def warm(self, model: str) -> None:
        """Load the tokenizer of *model* now, so that the first preview need not wait for it."""
        await self._service.call("warm", model=model)

    async def look(self, source: Source) -> SourceReport:
        """What is known of the source after a look at its beginning."""
        plain = {name: getattr(source, name) for name in Source.model_fields}
        return SourceReport.model_validate(await self._service.call("look", source=plain))

    async def rows(
        self,
        source: Source,
        offset: int,
        limit: int = 100,
        *,
        numbers: Sequence[int] = (),
        whole: bool = False,
    ) -> RowPage:
        """Rows from *offset* on, at most *limit* (and at most 500), or the rows *numbers*; long
        values shortened, unless *whole*."""
        plain = {name: getattr(source, name) for name in Source.model_fields}
        answer = await self._service.call(
            "rows", source=plain, offset=offset, limit=limit, numbers=list(numbers), whole=whole
        )
        return RowPage.model_validate(answer)

    async def presets(
        self, columns: Sequence[str] = (), model: str | None = None
    ) -> tuple[TemplatePreset, ...]:
        """Templates that can be chosen, filled with *columns*; with *model* its own chat
        template first."""
        answer = await self._service.call("presets", columns=list(columns), model=model)
        return tuple(TemplatePreset.model_validate(item) for item in answer)

    async def preview(self, recipe: Recipe, row: int) -> Preview:
        """One row (from 0) exactly as the model will see it."""
        answer = await self._service.call("preview", recipe=recipe.to_json(), row=row)
        return Preview.model_validate(answer)

    async def check(self, recipe: Recipe) -> AsyncGenerator[CheckProgress | Report, None]:
        """Read everything; the last item is the report."""
        stream = self._service.stream("check", recipe=recipe.to_json())
        try:
            async for item in stream:
                yield CheckProgress.model_validate(item)
        finally:
            await stream.aclose()
        yield Report.model_validate(stream.result)
