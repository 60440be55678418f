"""A run's result uploaded to the Hugging Face hub."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from phi3studio.app.files import scratch_folder
from phi3studio.app.paths import Home
from phi3studio.runs.bundle.hub_files import HubFile, check_name, on_disk
from phi3studio.services.connection import Service


@dataclass(frozen=True)
class Pushed:
    """The repository, its address, and the commit that holds the files."""

    name: str
    url: str
    commit: str


async def push_files(
    home: Home,
    name: str,
    files: Sequence[HubFile],
    *,
    private: bool = True,
    token: str | None = None,
    on_item: Callable[[dict[str, Any]], object] = lambda item: None,
) -> Pushed:
    """Upload *files* as one commit to the repository *name*, which is made where there is none.

    *token* is used for this upload and kept nowhere; without one it is the user's own. *on_item*
    hears ``{"activity", "path", "step", "total", "done_bytes", "total_bytes"}`` before each file.
    Raises :class:`UserFacingError` for what the name or the hub forbids; then, and when it is
    cancelled, the repository has no new commit.
    """
    check_name(name)
    with scratch_folder(home.made(home.cache)) as scratch:
        places = await asyncio.to_thread(on_disk, files, scratch)
        async with Service.start("models") as service:
            stream = service.stream(
                "push",
                name=name,
                files={path: str(file) for path, file in places.items()},
                private=private,
                token=token,
            )
            async for item in stream:
                on_item(item)
    return Pushed(**stream.result)
