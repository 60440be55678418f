"""The azure service as typed questions; ``worker/azure/azure_service.py`` answers them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from phi3studio.domain.errors import UserFacingError
from phi3studio.domain.messages import Phrase, plain_values
from phi3studio.domain.recipe import Recipe
from phi3studio.services.connection import Service


@dataclass(frozen=True)
class CheckItem:
    """One thing that was looked at for a job, and what was found or is wrong with it: ``name`` is
    login, workspace, compute and so on."""

    name: str
    says: Phrase | UserFacingError

    @property
    def error(self) -> UserFacingError | None:
        """What is wrong with it."""
        return self.says if isinstance(self.says, UserFacingError) else None

    @property
    def text(self) -> str:
        """What was found or is wrong, in English."""
        return str(self.says)

    def to_json(self) -> dict[str, Any]:
        """The finding as JSON values; ``text`` is in English."""
        found = {"name": self.name, "ok": self.error is None, "text": self.text}
        said: dict[str, Any] = plain_values({"says": self.says})["says"]
        del said["message"]
        return found | said

    @classmethod
    def from_json(cls, item: Mapping[str, Any]) -> Self:
        """The finding of which :meth:`to_json` made *item*."""
        kind = Phrase if item["ok"] else UserFacingError
        return cls(str(item["name"]), kind.from_json({**item, "message": item["text"]}))


async def check(recipe: Recipe) -> AsyncGenerator[CheckItem, None]:
    """What *recipe*'s job lacks, one finding after the other, as each is known.

    In a process of its own, which ends with the question; closing the iterator ends it at once.
    Raises :class:`UserFacingError` where nothing can be looked at.
    """
    async with Service.start("azure") as service:
        stream = service.stream("check", recipe=recipe.to_json())
        try:
            async for item in stream:
                yield CheckItem.from_json(item)
        finally:
            await stream.aclose()


async def export(recipe: Recipe, out: Path) -> tuple[str, ...]:
    """Write *recipe*'s job for ``az ml job create`` into *out*, a new or empty folder; its files.

    Raises :class:`UserFacingError`, and then leaves nothing behind.
    """
    async with Service.start("azure") as service:
        made = await service.call("export", recipe=recipe.to_json(), out=str(out))
        return tuple(str(name) for name in made["files"])
