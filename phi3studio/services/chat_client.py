"""Typed client of the chat service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from phi3studio.domain.sampling import Sampling
from phi3studio.runs.shown.transcript import Figures
from phi3studio.services.connection import Service


@dataclass(frozen=True)
class LoadedModel:
    """What the chat has to know of a model. ``columns`` fill the template's prompt.

    ``adapters`` are the names of those that the export keeps apart from its base model, and
    ``adapter`` is the one that is used where none is chosen, ``""`` without any;
    ``unloaded`` the models that were taken out of memory to load this one.
    """

    folder: str
    name: str
    context: int
    template: dict[str, str] | None
    columns: tuple[str, ...]
    is_conversation: bool
    load_s: float
    bytes: int
    adapters: tuple[str, ...] = ()
    unloaded: tuple[str, ...] = ()
    adapter: str = ""


class Answer:
    """One answer on its way: iterate for its text, then read ``figures``.

    ``tokens`` grow with it where their log probabilities were asked for: ``id``, ``text``,
    ``logprob`` (nats), ``top``, pairs of a text and its log probability, and ``stop`` if it ended
    the answer. ``calls`` are known at its end: ``name`` and ``arguments`` (JSON) of each tool that
    the answer calls.
    """

    def __init__(self, service: Service, params: dict[str, Any]) -> None:
        self._stream = service.stream("answer", **params)
        self.figures: Figures | None = None
        self.tokens: list[dict[str, Any]] = []
        self.calls: list[dict[str, str]] = []

    async def __aiter__(self) -> AsyncIterator[str]:
        async for item in self._stream:
            self.tokens += item.get("tokens", ())
            yield str(item["text"])
        # None when the answer was stopped from here.
        if self._stream.result is not None:
            facts = dict(self._stream.result)
            self.calls = facts.pop("calls", [])
            self.figures = Figures(**facts)

    def stop(self) -> None:
        """Ask the service to stop; the iteration ends without figures."""
        self._stream.cancel()


class Chat:
    """Models and answers through the chat service.

    Every call may raise :class:`UserFacingError`; ``service.died`` means that the process ended
    and the next call starts it again (models are loaded again by themselves).
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    async def load(self, folder: Path) -> LoadedModel:
        """Load an exported model, or describe it if it is loaded."""
        facts = await self._service.call("load", folder=str(folder))
        lists = ("columns", "adapters", "unloaded")
        return LoadedModel(**facts | {key: tuple(facts[key]) for key in lists})

    async def unload(self, folder: Path) -> None:
        """Free the model's memory."""
        await self._service.call("unload", folder=str(folder))

    async def attach(self, folder: Path, adapter: Path, name: str) -> tuple[str, ...]:
        """Put a LoRA adapter (PEFT folder) next to an export that keeps its adapters apart.

        Returns the names of all its adapters. Raises :class:`InputError` when it does not fit.
        """
        result = await self._service.call(
            "attach", folder=str(folder), adapter=str(adapter), name=name
        )
        return tuple(result["adapters"])

    async def prompt(
        self,
        folder: Path,
        *,
        messages: Sequence[Mapping[str, Any]] | None = None,
        values: Mapping[str, str] | None = None,
        prompt: str = "",
    ) -> str:
        """The text that :meth:`answer` sends to the model for the same question."""
        asked = _asked(messages, values, prompt)
        return str(await self._service.call("prompt", folder=str(folder), **asked))

    def answer(
        self,
        folder: Path,
        *,
        messages: Sequence[Mapping[str, Any]] | None = None,
        values: Mapping[str, str] | None = None,
        prompt: str | Sequence[int] | None = None,
        sampling: Sampling | None = None,
        max_tokens: int = 512,
        conversation: str = "",
        labels: Sequence[str] | None = None,
        schema: Mapping[str, Any] | None = None,
        adapter: str | None = None,
        stop: Sequence[str] = (),
        logprobs: int | None = None,
        tools: Sequence[Mapping[str, Any]] = (),
        call: Sequence[str] | None = None,
    ) -> Answer:
        """Begin an answer to exactly one of *messages*, *values* (template) and *prompt*, which is
        a text or tokens.

        With *labels* the answer is one of them, with *schema* JSON that fits it. *adapter*
        chooses among ``LoadedModel.adapters``; ``""`` is the base model without any. The answer
        ends before the first of the texts *stop*. *conversation* names what is kept for the next
        turn; ``"*"`` takes whatever kept one begins alike. A seeded answer is drawn again from its
        seed, so its whole text is read again at each turn. With *logprobs* the answer's tokens
        are kept with their log probabilities and those of so many likelier ones. *tools* (as
        OpenAI's clients describe them) go with messages; *call* names those one of which has to
        be called. Such an answer comes in one piece.
        """
        params: dict[str, Any] = {"folder": str(folder), "max_tokens": max_tokens}
        params |= _asked(messages, values, prompt)
        if sampling is not None:
            params["sampling"] = asdict(sampling)
        if conversation:
            params["conversation"] = conversation
        if labels is not None:
            params["labels"] = list(labels)
        elif schema is not None:
            params["schema"] = dict(schema)
        if adapter is not None:
            params["adapter"] = adapter
        if stop:
            params["stop"] = list(stop)
        if logprobs is not None:
            params["logprobs"] = logprobs
        if tools:
            params |= {"tools": [dict(tool) for tool in tools], "call": call}
        return Answer(self._service, params)

    async def score(
        self, folder: Path, prompt: str | Sequence[int], logprobs: int, adapter: str | None = None
    ) -> list[dict[str, Any]]:
        """The tokens of a text, each as in :attr:`Answer.tokens`; nothing is known of the first."""
        params = {"folder": str(folder), "logprobs": logprobs, "adapter": adapter}
        tokens = await self._service.call("score", **params, **_plain(prompt))
        return list(tokens)


def _asked(
    messages: Sequence[Mapping[str, Any]] | None,
    values: Mapping[str, str] | None,
    prompt: str | Sequence[int] | None,
) -> dict[str, Any]:
    if messages is not None:
        return {"messages": [dict(message) for message in messages]}
    if values is not None:
        return {"values": dict(values)}
    return _plain(prompt or "")


def _plain(prompt: str | Sequence[int]) -> dict[str, Any]:
    return {"prompt": prompt} if isinstance(prompt, str) else {"ids": list(prompt)}
