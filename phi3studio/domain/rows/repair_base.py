"""What all repairs have in common."""

from __future__ import annotations

from typing import Any

from pydantic import SerializerFunctionWrapHandler, model_serializer

from phi3studio.domain.messages import Phrase
from phi3studio.domain.recipes.section import Section


class RepairBase(Section):
    """A repair; its kind is written even where defaults are left out."""

    @property
    def says(self) -> Phrase:
        """What it does, in a few words."""
        values = dict(self)
        kind = values.pop("kind")
        variant = "near" if values.get("near") else str(values.get("keep", ""))
        return Phrase(f"repair.{kind}", variant=variant, **values)

    @model_serializer(mode="wrap")
    def _with_kind(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {"kind": getattr(self, "kind", None), **write(self)}
