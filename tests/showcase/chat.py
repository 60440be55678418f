"""A chat engine with recorded answers, for tests: no model, no service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from phi3studio.domain.sampling import Sampling
from phi3studio.runs.shown.transcript import Figures
from phi3studio.services.chat_client import LoadedModel


class RecordedAnswer:
    """Streams a fixed text word by word."""

    def __init__(self, text: str, stopped: bool) -> None:
        self._text = text
        self._stopped = stopped
        self.figures: Figures | None = None

    async def __aiter__(self) -> AsyncIterator[str]:
        for word in self._text.split(" "):
            yield word + " "
            await asyncio.sleep(0)
        count = len(self._text.split())
        self.figures = Figures(
            tokens=count + 1,
            prompt_tokens=21,
            prefilled=21,
            first_token_s=0.29,
            tokens_per_s=14.8 if self._stopped else 11.2,
            reason="stop" if self._stopped else "length",
            stopped=self._stopped,
        )

    def stop(self) -> None:
        """Nothing to stop."""


class RecordedChat:
    """Knows two models: a tuned one that names the tone, and one that talks."""

    async def load(self, folder: Path) -> LoadedModel:
        """Describe the model."""
        return LoadedModel(
            folder=str(folder),
            name=folder.parent.name,
            context=8192,
            template={"prompt": "### Text: {phrase}\n### The tone is:\n", "completion": "{tone}"},
            columns=("phrase",),
            is_conversation=False,
            load_s=0.4,
            bytes=128_000_000,
            adapters=("emotions", "support", "reviews") if "apart" in str(folder) else (),
            adapter="emotions" if "apart" in str(folder) else "",
        )

    async def unload(self, folder: Path) -> None:
        """Nothing to free."""

    async def attach(self, folder: Path, adapter: Path, name: str) -> tuple[str, ...]:
        """As if it were there."""
        return ("emotions", "support", "reviews", name)

    async def prompt(self, folder: Path, *, messages: Sequence[Mapping[str, str]]) -> str:
        """As a chat template writes it."""
        return "".join(f"<{turn['role']}>{turn['content']}" for turn in messages) + "<assistant>"

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
    ) -> RecordedAnswer:
        """The same answer to everything."""
        if "rank-32" in str(folder):
            return RecordedAnswer(
                "Fear of what stands behind the door, which a reader might also find "
                "suspenseful, depending on",
                False,
            )
        return RecordedAnswer("Fear", True)
