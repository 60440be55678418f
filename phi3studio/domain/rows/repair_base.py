"""What all repairs have in common."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

from phi3studio.domain.messages import Phrase


class RepairBase(BaseModel):
    """A repair, part of a recipe: unknown keys are errors, and its kind is written even where
    defaults are left out."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

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
