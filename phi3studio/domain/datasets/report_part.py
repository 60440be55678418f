"""What all parts of a report on data have in common."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer


class ReportPart(BaseModel):
    """Part of a report."""

    model_config = ConfigDict(frozen=True)


class SpokenPart(ReportPart):
    """Part of a report that says something. Programs find it in the JSON under the names in
    ``ENGLISH`` too, which are properties."""

    ENGLISH: ClassVar[tuple[str, ...]]

    @model_serializer(mode="wrap")
    def _with_english(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {**write(self), **{name: getattr(self, name) for name in self.ENGLISH}}
