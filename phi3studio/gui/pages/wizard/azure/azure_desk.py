"""What the wizard asks about jobs in Azure ML. The azure service answers; tests may stand in."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from phi3studio.app.azure_sdk import has_azure
from phi3studio.domain.recipe import Recipe
from phi3studio.services import azure_client
from phi3studio.services.azure_client import CheckItem


@dataclass(frozen=True)
class AzureDesk:
    """Each question is a process of its own: Azure's packages never enter the window's.

    ``installed`` says whether they are there at all; it imports nothing.
    """

    check: Callable[[Recipe], AsyncGenerator[CheckItem, None]] = azure_client.check
    export: Callable[[Recipe, Path], Awaitable[tuple[str, ...]]] = azure_client.export
    installed: Callable[[], bool] = has_azure
