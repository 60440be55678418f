"""Base models: what the catalogue says of each. Data: ``resources/catalogue.json``."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from phi3studio.domain.errors import RunError


class CatalogueEntry(BaseModel):
    """One base model that the pipeline is known to carry. Sizes in bytes, context in tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    hub_id: str
    architecture: str
    parameters: int
    context: int
    licence: str
    gated: bool = False
    download_bytes: int
    disk_bytes: int


def parse_catalogue(values: object) -> tuple[CatalogueEntry, ...]:
    """Read the catalogue file's parsed JSON."""
    if not isinstance(values, Mapping) or values.get("version") != 1:
        raise RunError(
            "models.catalogue",
            "The catalogue of base models is damaged.",
            "Install Phi-3 Studio again.",
        )
    return tuple(CatalogueEntry.model_validate(entry) for entry in values["models"])
