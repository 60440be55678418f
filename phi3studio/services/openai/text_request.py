"""The body of ``/v1/completions``: a text, or its tokens, to be continued."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from phi3studio.services.chat_client import LoadedModel
from phi3studio.services.openai.sampling_request import CompletionRequest, Empty

DEFAULT_TOKENS = 16
"""OpenAI's own."""


class TextRequest(CompletionRequest):
    """What is understood. The prompt is sent as it is: no template, no column of it is filled."""

    prompt: str | list[str] | list[int] | list[list[int]] = Field(min_length=1)
    max_tokens: int | None = Field(None, ge=0)
    echo: bool = False
    logprobs: int | None = Field(None, ge=0, le=20)
    # Accepted at the values that ask for nothing.
    best_of: Literal[1] | None = None
    suffix: Empty = None

    @model_validator(mode="after")
    def _says_all_at_once(self) -> TextRequest:
        if self.stream and self.echo:
            raise ValueError("echo cannot be streamed here")
        return self

    @property
    def prompts(self) -> list[str | list[int]]:
        """One or several."""
        if isinstance(self.prompt, str):
            return [self.prompt]
        if isinstance(self.prompt[0], int):
            return [[int(str(token)) for token in self.prompt]]
        return list(self.prompt)

    @property
    def longest(self) -> int:
        """Most tokens of each answer."""
        return DEFAULT_TOKENS if self.max_tokens is None else self.max_tokens

    def asks(self, model: LoadedModel) -> list[dict[str, Any]]:
        """What the chat service is asked: each prompt *n* times."""
        asks: list[dict[str, Any]] = []
        for prompt in self.prompts:
            ask = self.options | {"prompt": prompt, "max_tokens": self.longest}
            if self.logprobs is not None:
                ask["logprobs"] = self.logprobs
            asks += self.repeated(ask)
        return asks
