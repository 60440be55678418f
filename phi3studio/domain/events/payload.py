"""What all events of a run have in common, and the names they use."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

StageName = Literal["prepare", "train", "merge", "quantise", "verify"]
STAGES: tuple[StageName, ...] = ("prepare", "train", "merge", "quantise", "verify")
ModelRole = Literal["base", "start", "merged", "exported"]
"""``start``: the base model with the adapter that a preference tuning goes on from."""
ROLES: tuple[ModelRole, ...] = ("base", "start", "merged", "exported")
"""In the order in which they are measured and shown."""
ScoreName = Literal["accuracy", "token_f1"]
Outcome = Literal["completed", "cancelled", "failed"]
Doing = Literal["building", "looking at", "measuring"]
NoticeLevel = Literal["info", "warning", "error"]
MemoryCause = Literal["device", "host", "killed"]


class Payload(BaseModel):
    """Base of every event's content."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Worded(Payload):
    """What is said by a stable code and its values; text is made where somebody reads it.

    The texts that subclasses hold are those of records that older versions wrote.
    """

    variant: str = ""
    values: dict[str, Any] = Field(default_factory=dict)

    @model_serializer(mode="wrap")
    def _without_the_empty(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if value not in ("", {})}
