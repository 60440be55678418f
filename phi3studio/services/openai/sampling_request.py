"""What the bodies of all requests have in common. What cannot be done is an error."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from phi3studio.domain.parsing import parse_json
from phi3studio.domain.sampling import Sampling
from phi3studio.services.openai.api_errors import bad_request

_Body = TypeVar("_Body", bound=BaseModel)
_SEEDS = 2**31
"""The engine's seeds are 31 bits wide."""


def _nothing(value: Any) -> None:
    if value not in (None, [], {}):
        raise ValueError("is not supported here; leave it out")


Empty = Annotated[None, BeforeValidator(_nothing)]
"""A parameter that is accepted where it asks for nothing."""


class SamplingRequest(BaseModel):
    """How answers are drawn. ``top_k`` and ``repetition_penalty`` are not OpenAI's; other servers
    know them by these names."""

    model_config = ConfigDict(extra="forbid")

    model: str
    stream: bool = False
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    seed: int | None = Field(None, ge=-(2**63), lt=2**63)
    stop: str | list[str] | None = None
    n: int = Field(1, ge=1, le=8)
    top_k: int | None = Field(None, ge=1)
    repetition_penalty: float | None = Field(None, gt=0)
    # Accepted at the values that ask for nothing.
    presence_penalty: Literal[0] | None = None
    frequency_penalty: Literal[0] | None = None
    logit_bias: Empty = None
    # Accepted and of no consequence here.
    user: str | None = None
    metadata: dict[str, Any] | None = None
    store: bool | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    service_tier: str | None = None

    @property
    def sampling(self) -> Sampling:
        """Without a temperature the most likely answer is given, as it was measured."""
        plain = Sampling()
        return Sampling(
            temperature=self.temperature or 0.0,
            top_p=self.top_p or plain.top_p,
            top_k=self.top_k or plain.top_k,
            repetition_penalty=self.repetition_penalty or plain.repetition_penalty,
            seed=None if self.seed is None else self.seed % _SEEDS,
        )

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts that end the answer; they are not a part of it."""
        given = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return tuple(text for text in given if text)

    @property
    def options(self) -> dict[str, Any]:
        """The chat service's arguments for any answer to the request."""
        return {"sampling": self.sampling, "stop": self.stops}

    def repeated(self, ask: dict[str, Any]) -> list[dict[str, Any]]:
        """*ask* for each of the *n* answers; the seeds of a drawn one count up."""
        sampling = self.sampling
        seeds = [
            None if sampling.seed is None else (sampling.seed + at) % _SEEDS for at in range(self.n)
        ]
        return [ask | {"sampling": replace(sampling, seed=seed)} for seed in seeds]


class _StreamOptions(BaseModel):
    model_config = ConfigDict(extra="ignore")

    include_usage: bool = False


class CompletionRequest(SamplingRequest):
    """What chat completions and text completions have in common."""

    stream_options: _StreamOptions | None = None

    @property
    def wants_usage(self) -> bool:
        """Whether a stream ends with the numbers of tokens."""
        return self.stream_options is not None and self.stream_options.include_usage


def parse_body(kind: type[_Body], body: bytes) -> _Body:
    """Read a body; raises :class:`ApiError` that names the wrong parameter."""
    try:
        values = parse_json(body)
    except ValueError as exc:
        raise bad_request(f"The body is not JSON: {exc}", None, "invalid_json") from exc
    if isinstance(values, dict) and values.get("n", 0) is None:
        del values["n"]
    try:
        return kind.model_validate(values)
    except ValidationError as exc:
        first = exc.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or None
        if first["type"] == "extra_forbidden":
            raise bad_request(
                f"This server does not know the parameter {place}.", place, "unknown_parameter"
            ) from exc
        raise bad_request(f"{place or 'The body'}: {first['msg']}", place) from exc
