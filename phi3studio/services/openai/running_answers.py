"""Answers on their way: the texts of one request, one answer after the other."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phi3studio.domain.errors import UserFacingError
from phi3studio.runs.shown.transcript import Figures
from phi3studio.services.chat_client import Answer, Chat
from phi3studio.services.openai.served_models import ServedModel

Tokens = list[dict[str, Any]]
"""As :attr:`phi3studio.services.chat_client.Answer.tokens`."""


@dataclass(frozen=True)
class Piece:
    """What came of the answer *index*; ``tokens`` where log probabilities are wanted."""

    index: int
    text: str
    tokens: Tokens


class RunningAnswer:
    """One answer. ``ask`` holds the arguments of :meth:`Chat.answer`."""

    def __init__(self, chat: Chat, model: ServedModel, ask: dict[str, Any]) -> None:
        self._chat = chat
        self._model = model
        self._ask = ask
        self._answer: Answer | None = None
        self._iterator: AsyncIterator[str] | None = None
        self._first: str | None = None
        self._texts: list[str] = []
        self._stopped = False

    async def begin(self) -> None:
        """Wait for the first piece, so that whatever is wrong becomes an error with a status.

        When the chat service dies before, it is asked once more: it starts again by itself.
        """
        if self._stopped or not self._ask["max_tokens"]:
            return
        for left in (1, 0):
            try:
                await self._begin()
                return
            except UserFacingError as exc:
                if exc.code != "service.died" or not left or self._stopped:
                    raise

    async def _begin(self) -> None:
        folder = Path(self._model.model.folder)
        self._answer = self._chat.answer(
            folder, **self._ask, adapter=self._model.adapter, conversation="*"
        )
        self._iterator = aiter(self._answer)
        with contextlib.suppress(StopAsyncIteration):
            self._first = await anext(self._iterator)

    async def pieces(self) -> AsyncIterator[tuple[str, Tokens]]:
        """The texts of the answer as they come, with the tokens that they are made of."""
        if self._answer is None or self._iterator is None:
            return
        seen = 0
        if self._first is not None:
            self._texts.append(self._first)
            yield self._first, self._answer.tokens[:]
            seen = len(self._answer.tokens)
        async for text in self._iterator:
            self._texts.append(text)
            yield text, self._answer.tokens[seen:]
            seen = len(self._answer.tokens)

    def stop(self) -> None:
        """End it here; what is over stays as it is."""
        self._stopped = True
        if self._answer is not None:
            self._answer.stop()

    @property
    def text(self) -> str:
        """What was answered so far."""
        return "".join(self._texts)

    @property
    def tokens(self) -> Tokens:
        """Those of the text, where log probabilities are wanted."""
        return self._answer.tokens if self._answer is not None else []

    @property
    def calls(self) -> list[dict[str, str]]:
        """The tools that the answer calls: ``name`` and ``arguments`` (JSON) of each."""
        return self._answer.calls if self._answer is not None else []

    @property
    def figures(self) -> Figures | None:
        """Known once it has ended, unless it was stopped."""
        return self._answer.figures if self._answer is not None else None

    @property
    def finish_reason(self) -> str:
        """``stop``, ``length`` or ``tool_calls``."""
        if self.calls:
            return "tool_calls"
        figures = self.figures
        cut_off = figures.reason == "length" if figures is not None else self._answer is None
        return "length" if cut_off else "stop"


class RunningAnswers:
    """All answers to a request, one after the other; *n* follow one another for each prompt."""

    def __init__(
        self, chat: Chat, model: ServedModel, asks: Sequence[dict[str, Any]], n: int
    ) -> None:
        self.all = [RunningAnswer(chat, model, ask) for ask in asks]
        self._n = n

    async def begin(self) -> None:
        """See :meth:`RunningAnswer.begin`."""
        await self.all[0].begin()

    async def pieces(self) -> AsyncIterator[Piece]:
        """Everything that is answered, as it comes."""
        for index, answer in enumerate(self.all):
            if index:
                await answer.begin()
            async for text, tokens in answer.pieces():
                yield Piece(index, text, tokens)

    def stop(self) -> None:
        """End them all here."""
        for answer in self.all:
            answer.stop()

    @property
    def prompt_tokens(self) -> int:
        """Tokens of the prompts, each counted once."""
        first = self.all[:: self._n]
        return sum(answer.figures.prompt_tokens for answer in first if answer.figures)

    @property
    def cached_tokens(self) -> int:
        """Those of them that did not have to be read again, for the first answer."""
        first = self.all[0].figures
        return first.prompt_tokens - first.prefilled if first is not None else 0

    @property
    def completion_tokens(self) -> int:
        """Tokens of all answers."""
        return sum(answer.figures.tokens for answer in self.all if answer.figures)
