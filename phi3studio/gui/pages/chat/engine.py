"""What the chat needs of the chat service; ``services.chat.Chat`` is one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from phi3studio.domain.sampling import Sampling
from phi3studio.services.chat_client import Figures, LoadedModel


class AnswerStream(Protocol):
    """An answer on its way; ``figures`` are there when the iteration has ended by itself."""

    figures: Figures | None

    def __aiter__(self) -> AsyncIterator[str]:
        """Pieces of text."""

    def stop(self) -> None:
        """End it here."""


class ChatEngine(Protocol):
    """Every call may raise :class:`UserFacingError`; after ``service.died`` ask again."""

    async def load(self, folder: Path) -> LoadedModel:
        """Load a model, or describe it if it is loaded."""

    async def unload(self, folder: Path) -> None:
        """Free its memory."""

    async def attach(self, folder: Path, adapter: Path, name: str) -> tuple[str, ...]:
        """Put a LoRA adapter next to an export that keeps its adapters apart; the names of all."""

    def answer(
        self,
        folder: Path,
        *,
        messages: Sequence[Mapping[str, str]] | None = None,
        values: Mapping[str, str] | None = None,
        prompt: str | None = None,
        sampling: Sampling | None = None,
        max_tokens: int = 512,
        conversation: str = "",
        labels: Sequence[str] | None = None,
        schema: Mapping[str, Any] | None = None,
        adapter: str | None = None,
    ) -> AnswerStream:
        """Begin an answer; see ``services.chat.Chat.answer``."""
