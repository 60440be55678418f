"""Base models: what the catalogue says of each. Data: ``resources/catalogue.json``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from phi3studio.domain.errors import RunError

_HUB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}/[A-Za-z0-9][A-Za-z0-9_.-]{0,95}")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Shape(_Part):
    """The sizes of a decoder, named as its ``config.json`` counts them."""

    hidden: int = Field(gt=0)
    layers: int = Field(gt=0)
    intermediate: int = Field(gt=0)
    heads: int = Field(gt=0)
    key_value_heads: int = Field(gt=0)
    head: int = Field(gt=0, description="Size of one attention head.")
    vocabulary: int = Field(gt=0)
    tied_embeddings: bool


class TargetNames(_Part):
    """The module names behind ``method.target_modules: attention`` and ``all_linear``."""

    attention: tuple[str, ...] = Field(min_length=1)
    all_linear: tuple[str, ...] = Field(min_length=1)


class TrainingMemory(_Part):
    """Memory in bytes that a training on the CPU takes, by method: one row of at most 256 tokens
    at a time. By the formulas of ``domain/estimation/estimate.py``, kept here because lists are
    asked for far more often than the formulas change."""

    lora: int = Field(gt=0)
    dora: int = Field(gt=0)
    qlora: int = Field(gt=0)


class CatalogueEntry(_Part):
    """One base model that the pipeline is known to carry. Sizes in bytes, context in tokens."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")
    title: str
    hub_id: str = Field(pattern=_HUB_ID.pattern)
    revision: str | None = Field(
        None,
        pattern=r"^[0-9a-f]{40}$",
        description="The commit that is downloaded; the newest when no commit was verified.",
    )
    origin: Literal["hub", "wheel"] = Field(
        "hub", description="wheel: made from a GGUF file in a Python package, into models/<name>."
    )
    architecture: str
    parameters: int = Field(gt=0)
    shape: Shape
    context: int = Field(gt=0)
    licence: str
    licence_link: str = Field(pattern="^https://")
    licence_forbids: str = Field(description="What the licence forbids or asks, in one sentence.")
    gated: bool = Field(
        False, description="Its owner wants the licence accepted on the hub before a download."
    )
    target_modules: TargetNames
    stop_tokens: tuple[str, ...] = Field(
        min_length=1, description="What ends an answer; the chat template's own first."
    )
    download_bytes: int = Field(gt=0)
    disk_bytes: int = Field(gt=0)
    training_memory_bytes: TrainingMemory


class Catalogue(_Part):
    """The catalogue file."""

    version: Literal[1]
    models: tuple[CatalogueEntry, ...] = Field(min_length=1)


def parse_catalogue(values: object) -> tuple[CatalogueEntry, ...]:
    """Read the catalogue file's parsed JSON; raises :class:`RunError` when it is damaged."""
    if not isinstance(values, Mapping) or values.get("version") != 1:
        raise _damaged()
    try:
        return Catalogue.model_validate(dict(values)).models
    except ValidationError as exc:
        raise _damaged() from exc


def is_hub_id(text: str) -> bool:
    """Whether *text* has the form ``owner/name`` of a model on the hub."""
    return _HUB_ID.fullmatch(text) is not None and ".." not in text and "--" not in text


def _damaged() -> RunError:
    return RunError("models.catalogue")
