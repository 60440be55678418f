"""How answers are written: chat completions and text completions, whole and streamed."""

from __future__ import annotations

import itertools
import json
import secrets
import time
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from phi3studio.services.openai.running_answers import Piece, RunningAnswer, RunningAnswers, Tokens

Json = dict[str, Any]


class AnswerFormat(Protocol):
    """Writes the answers to one request."""

    def whole(self, answers: RunningAnswers) -> Json:
        """The body of an answer in one piece."""

    def head(self, answers: RunningAnswers) -> Iterator[bytes]:
        """What a stream begins with."""

    def piece(self, piece: Piece) -> Iterator[bytes]:
        """A piece of a stream."""

    def end(self, answers: RunningAnswers) -> Iterator[bytes]:
        """What a stream ends with."""

    def failed(self, error: Json) -> Iterator[bytes]:
        """What a stream ends with when it cannot go on."""


def event(value: Json, name: str = "") -> bytes:
    """One event of a stream."""
    data = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    return (f"event: {name}\n".encode() if name else b"") + b"data: " + data + b"\n\n"


class _Completion:
    """What both formats have in common."""

    OBJECT = ""
    CHUNK = ""
    PREFIX = ""

    def __init__(self, model: str, wants_usage: bool) -> None:
        self._model = model
        self._wants_usage = wants_usage
        self._id = self.PREFIX + secrets.token_hex(12)
        self._created = int(time.time())

    def head(self, answers: RunningAnswers) -> Iterator[bytes]:
        return iter(())

    def piece(self, piece: Piece) -> Iterator[bytes]:
        yield self._event([self._part(piece)])

    def end(self, answers: RunningAnswers) -> Iterator[bytes]:
        for index, answer in enumerate(answers.all):
            yield from self._before_last(index, answer)
            yield self._event([self._last(index, answer.finish_reason)])
        if self._wants_usage:
            yield self._event([], self._usage(answers))
        yield b"data: [DONE]\n\n"

    def failed(self, error: Json) -> Iterator[bytes]:
        yield event(error)

    def _before_last(self, index: int, answer: RunningAnswer) -> Iterator[bytes]:
        return iter(())

    def _part(self, piece: Piece) -> Json:
        raise NotImplementedError

    def _last(self, index: int, reason: str) -> Json:
        raise NotImplementedError

    def _event(self, choices: list[Json], usage: Json | None = None) -> bytes:
        body = self._shell(self.CHUNK) | {"choices": choices}
        return event(body | {"usage": usage} if usage else body)

    def _shell(self, kind: str) -> Json:
        return {
            "id": self._id,
            "object": kind,
            "created": self._created,
            "model": self._model,
        }

    def _usage(self, answers: RunningAnswers) -> Json:
        prompt, completion = answers.prompt_tokens, answers.completion_tokens
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": answers.cached_tokens},
        }


class ChatFormat(_Completion):
    """``/v1/chat/completions``."""

    OBJECT = "chat.completion"
    CHUNK = "chat.completion.chunk"
    PREFIX = "chatcmpl-"

    def __init__(self, model: str, wants_usage: bool, logprobs: bool) -> None:
        super().__init__(model, wants_usage)
        self._logprobs = logprobs

    def whole(self, answers: RunningAnswers) -> Json:
        choices = [
            {
                "index": index,
                "message": _message(answer),
                "logprobs": self._scores(answer.tokens),
                "finish_reason": answer.finish_reason,
            }
            for index, answer in enumerate(answers.all)
        ]
        return self._shell(self.OBJECT) | {"choices": choices, "usage": self._usage(answers)}

    def head(self, answers: RunningAnswers) -> Iterator[bytes]:
        for index in range(len(answers.all)):
            yield self._event([self._choice(index, {"role": "assistant", "content": ""})])

    def _before_last(self, index: int, answer: RunningAnswer) -> Iterator[bytes]:
        if answer.calls:
            calls = [{"index": at, **call} for at, call in enumerate(_calls(answer))]
            yield self._event([self._choice(index, {"tool_calls": calls})])

    def _part(self, piece: Piece) -> Json:
        return self._choice(piece.index, {"content": piece.text}, piece.tokens)

    def _last(self, index: int, reason: str) -> Json:
        return self._choice(index, {}, reason=reason)

    def _choice(
        self, index: int, delta: Json, tokens: Tokens | None = None, reason: str | None = None
    ) -> Json:
        scores = self._scores(tokens) if tokens else None
        return {"index": index, "delta": delta, "logprobs": scores, "finish_reason": reason}

    def _scores(self, tokens: Tokens) -> Json | None:
        if not self._logprobs:
            return None
        content = [
            _scored(token["text"], token["logprob"])
            | {"top_logprobs": [_scored(*pair) for pair in token["top"]]}
            for token in tokens
            if "stop" not in token
        ]
        return {"content": content, "refusal": None}


def _scored(text: str, logprob: float) -> Json:
    return {"token": text, "logprob": logprob, "bytes": list(text.encode("utf-8", "replace"))}


def _message(answer: RunningAnswer) -> Json:
    message: Json = {"role": "assistant", "content": answer.text, "refusal": None}
    if not answer.calls:
        return message
    return message | {"content": answer.text or None, "tool_calls": _calls(answer)}


def _calls(answer: RunningAnswer) -> list[Json]:
    return [
        {"id": f"call_{secrets.token_hex(12)}", "type": "function", "function": dict(call)}
        for call in answer.calls
    ]


class TextFormat(_Completion):
    """``/v1/completions``; *echoed* are the prompts' tokens, one list for each answer that begins
    with its prompt."""

    OBJECT = CHUNK = "text_completion"
    PREFIX = "cmpl-"

    def __init__(
        self, model: str, wants_usage: bool, logprobs: bool, echoed: Sequence[Tokens]
    ) -> None:
        super().__init__(model, wants_usage)
        self._logprobs = logprobs
        self._echoed = echoed

    def whole(self, answers: RunningAnswers) -> Json:
        choices = []
        for index, answer in enumerate(answers.all):
            before = self._echoed[index] if self._echoed else []
            text = "".join(token["text"] for token in before) + answer.text
            scores = self._scores([*before, *answer.tokens])
            choices.append(self._choice(index, text, scores, answer.finish_reason))
        usage = self._usage(answers)
        if self._echoed and not usage["prompt_tokens"]:
            usage["prompt_tokens"] = sum(map(len, self._echoed))
            usage["total_tokens"] += usage["prompt_tokens"]
        return self._shell(self.OBJECT) | {"choices": choices, "usage": usage}

    def _part(self, piece: Piece) -> Json:
        return self._choice(piece.index, piece.text, self._scores(piece.tokens))

    def _last(self, index: int, reason: str) -> Json:
        return self._choice(index, "", None, reason)

    @staticmethod
    def _choice(index: int, text: str, scores: Json | None, reason: str | None = None) -> Json:
        return {"index": index, "text": text, "logprobs": scores, "finish_reason": reason}

    def _scores(self, tokens: Tokens) -> Json | None:
        if not self._logprobs:
            return None
        texts = [token["text"] for token in tokens]
        starts = itertools.accumulate(map(len, texts), initial=0)
        top = [None if token["logprob"] is None else dict(token["top"]) for token in tokens]
        return {
            "tokens": texts,
            "token_logprobs": [token["logprob"] for token in tokens],
            "top_logprobs": top,
            "text_offset": [start for start, _ in zip(starts, texts, strict=False)],
        }
