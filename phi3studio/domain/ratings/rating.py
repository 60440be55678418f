"""One rating of an answer, or of two answers to the same question, and its line in a file.

Ratings are kept in an append-only file of JSON lines, each with its ``version``. A later line of
the same ``id`` replaces the earlier one; one whose verdict is ``deleted`` takes it back.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from phi3studio.domain.parsing import parse_json

VERSION = 1
Verdict = Literal["up", "down", "pair"]
_OTHER: dict[Verdict, Verdict] = {"up": "down", "down": "up", "pair": "pair"}
_DELETED = "deleted"


@dataclass(frozen=True)
class Message:
    """One turn of a conversation."""

    role: str
    content: str


def messages_of(turns: Iterable[Mapping[str, Any]]) -> tuple[Message, ...]:
    """Turns with ``role`` and ``content``."""
    return tuple(Message(str(turn["role"]), str(turn["content"])) for turn in turns)


@dataclass(frozen=True)
class Question:
    """What was asked: ``messages`` of a conversation (none for a model with a template), and
    ``prompt``, the text that the model was sent; empty where only the messages are known."""

    prompt: str
    messages: tuple[Message, ...] = ()

    @property
    def shown(self) -> str:
        """What the user said last."""
        return self.messages[-1].content if self.messages else self.prompt

    @property
    def key(self) -> str:
        """The same for the same question, however it was rendered."""
        turns = [[turn.role, turn.content] for turn in self.messages]
        return json.dumps(turns or self.prompt)


@dataclass(frozen=True)
class Rating:
    """*answer* of *model* (a run's name, or the folder of a model without a run) was rated ``up``
    or ``down``, or is the better one of a ``pair`` with the answer *rejected*. ``time``: seconds
    since the epoch."""

    question: Question
    model: str
    answer: str
    verdict: Verdict
    time: float
    rejected: str = ""
    rejected_model: str = ""

    @property
    def id(self) -> str:
        """Names what is rated, whichever way it was rated: to rate it again replaces this."""
        sides = [self.model, self.answer]
        if self.verdict == "pair":
            sides = sorted((self.answer, self.rejected))
        text = json.dumps([self.question.key, self.verdict == "pair", *sides])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def turned(self, time: float) -> Rating:
        """The opposite: down for up, the other answer of a pair."""
        found = replace(self, verdict=_OTHER[self.verdict], time=time)
        if self.verdict == "pair":
            found = replace(
                found,
                answer=self.rejected,
                model=self.rejected_model,
                rejected=self.answer,
                rejected_model=self.model,
            )
        return found

    def to_line(self) -> str:
        """One line of JSON without its newline."""
        values: dict[str, Any] = {
            "version": VERSION,
            "id": self.id,
            "time": self.time,
            "model": self.model,
            "verdict": self.verdict,
            "prompt": self.question.prompt,
            "answer": self.answer,
        }
        if self.question.messages:
            values["messages"] = written(self.question.messages)
        if self.verdict == "pair":
            values |= {"rejected": self.rejected, "rejected_model": self.rejected_model}
        return _line(values)


def written(messages: Sequence[Message]) -> list[dict[str, str]]:
    """Turns as JSON values."""
    return [{"role": turn.role, "content": turn.content} for turn in messages]


def deletion_line(rating_id: str, time: float) -> str:
    """The line that takes a rating back."""
    return _line({"version": VERSION, "id": rating_id, "time": time, "verdict": _DELETED})


def _line(values: dict[str, Any]) -> str:
    line = json.dumps(values, ensure_ascii=False)
    # Lone surrogates (of a terminal in another encoding) become JSON's own escapes.
    return line.encode("utf-8", "backslashreplace").decode("utf-8")


@dataclass(frozen=True)
class Read:
    """The ratings of a file in the order of their last lines, and how many lines were damaged or
    of another version."""

    ratings: tuple[Rating, ...] = ()
    damaged: int = 0


def parse_ratings(lines: Iterable[str]) -> Read:
    """What a file holds; empty lines are none."""
    found: dict[str, Rating] = {}
    damaged = 0
    for line in lines:
        if not line.strip():
            continue
        try:
            values = parse_json(line)
            if values["version"] != VERSION:
                raise ValueError("another version")
            found.pop(str(values["id"]), None)
            if values["verdict"] != _DELETED:
                rating = _rating(values)
                found[rating.id] = rating
        except (ValueError, KeyError, TypeError):
            damaged += 1
    return Read(tuple(found.values()), damaged)


def _rating(values: Mapping[str, Any]) -> Rating:
    verdict = values["verdict"]
    if verdict not in get_args(Verdict):
        raise ValueError("no such verdict")
    pair = verdict == "pair"
    return Rating(
        Question(str(values["prompt"]), messages_of(values.get("messages", ()))),
        str(values["model"]),
        str(values["answer"]),
        verdict,
        float(values["time"]),
        str(values["rejected"]) if pair else "",
        str(values["rejected_model"]) if pair else "",
    )
