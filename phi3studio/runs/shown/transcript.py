"""What was said to a model and answered: pure values, with every branch, and their files.

A question that is edited and an answer that is made again begin a branch: what was there before
stays, and one can go back to it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from phi3studio.domain.parsing import parse_json

VERSION = 1
_TITLE = 60


@dataclass(frozen=True)
class Figures:
    """What one answer took. ``prefilled``: prompt tokens that had to be computed."""

    tokens: int
    prompt_tokens: int
    prefilled: int
    first_token_s: float
    tokens_per_s: float
    reason: Literal["stop", "length", "cancelled"]
    stopped: bool


@dataclass(frozen=True)
class Ask:
    """One question: a text, or the values of a template's columns."""

    text: str = ""
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        """The question as it is shown."""
        if not self.values:
            return self.text
        if len(self.values) == 1:
            return next(iter(self.values.values()))
        return "\n".join(f"{name}: {value}" for name, value in self.values.items())


@dataclass(frozen=True)
class Turn:
    """A question and its answer. ``figures`` is absent for an answer that was broken off."""

    ask: Ask
    answer: str = ""
    figures: Figures | None = None
    stopped_by_user: bool = False
    adapter: str = ""
    """The one that answered, of a model that keeps several."""


@dataclass(frozen=True)
class Transcript:
    """A conversation with one model. ``tree`` holds every turn that there was, each after the one
    that its ``parents`` entry names (-1: the first), and ``at`` is the last of those that are
    shown (-1: none)."""

    model: str
    system: str = ""
    tree: tuple[Turn, ...] = ()
    parents: tuple[int, ...] = ()
    at: int = -1

    @property
    def path(self) -> tuple[int, ...]:
        """The turns that are shown, by their places in the tree, from the first."""
        found = []
        at = self.at
        while at >= 0:
            found.append(at)
            at = self.parents[at]
        return tuple(reversed(found))

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The turns that are shown."""
        return tuple(self.tree[at] for at in self.path)

    @property
    def title(self) -> str:
        """The first question, as far as it fits into a line."""
        line = " ".join(self.tree[0].ask.shown.split()) if self.tree else ""
        return line if len(line) <= _TITLE else line[: _TITLE - 1].rstrip() + "…"

    def added(self, turn: Turn) -> Transcript:
        """With *turn* after the last one that is shown."""
        return replace(
            self,
            tree=(*self.tree, turn),
            parents=(*self.parents, self.at),
            at=len(self.tree),
        )

    def cut(self, depth: int) -> Transcript:
        """Shown only up to *depth* turns; what comes next begins a branch."""
        path = self.path
        return replace(self, at=path[depth - 1] if 0 < depth <= len(path) else -1)

    def branches(self, depth: int) -> tuple[int, ...]:
        """The turns that there are in the place *depth* of those that are shown."""
        parent = self.parents[self.path[depth]]
        return tuple(at for at, before in enumerate(self.parents) if before == parent)

    def switched(self, depth: int, step: int) -> Transcript:
        """Shown through the branch *step* further in the place *depth*, to its newest end."""
        others = self.branches(depth)
        at = others[(others.index(self.path[depth]) + step) % len(others)]
        while children := [n for n, before in enumerate(self.parents) if before == at]:
            at = children[-1]
        return replace(self, at=at)

    def messages(self, ask: Ask) -> list[dict[str, str]]:
        """The conversation so far and the new question, for the chat template."""
        result = [{"role": "system", "content": self.system}] if self.system.strip() else []
        for turn in self.turns:
            result.append({"role": "user", "content": turn.ask.shown})
            result.append({"role": "assistant", "content": turn.answer})
        return [*result, {"role": "user", "content": ask.shown}]

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        turns = []
        for turn, parent in zip(self.tree, self.parents, strict=True):
            entry = _entry(turn) | {"after": parent}
            if turn.stopped_by_user:
                entry["stopped"] = True
            turns.append(entry)
        return {
            "version": VERSION,
            "model": self.model,
            "system": self.system,
            "turns": turns,
            "at": self.at,
        }


def parse_transcript(values: Any) -> Transcript:
    """What :meth:`Transcript.to_json` gave. Raises :class:`ValueError` for anything else."""
    try:
        if values["version"] != VERSION:
            raise ValueError("another version")
        tree = tuple(_turn(entry) for entry in values["turns"])
        parents = tuple(int(entry["after"]) for entry in values["turns"])
        at = int(values["at"])
        if any(not -1 <= parent < own for own, parent in enumerate(parents)):
            raise ValueError("turns out of order")
        if not -1 <= at < len(tree):
            raise ValueError("no such turn")
        return Transcript(str(values["model"]), str(values["system"]), tree, parents, at)
    except (KeyError, TypeError, AttributeError) as exc:
        raise ValueError(str(exc)) from exc


def parse_json_lines(text: str) -> Transcript:
    """A transcript of an older version, one turn a line. Raises :class:`ValueError`."""
    found = Transcript("")
    for line in text.splitlines():
        entry = parse_json(line)
        if not isinstance(entry, dict):
            raise ValueError(line[:40])
        try:
            found = replace(found, model=str(entry["model"]), system=str(entry.get("system", "")))
            found = found.added(_turn(entry))
        except (KeyError, TypeError, AttributeError) as exc:
            raise ValueError(str(exc)) from exc
    return found


def _turn(entry: dict[str, Any]) -> Turn:
    question, figures = entry["question"], entry.get("figures")
    ask = (
        Ask(text=question)
        if isinstance(question, str)
        else Ask(values={str(name): str(value) for name, value in question.items()})
    )
    return Turn(
        ask,
        str(entry["answer"]),
        Figures(**figures) if figures is not None else None,
        entry.get("stopped") is True,
        str(entry.get("adapter", "")),
    )


def _entry(turn: Turn) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "question": turn.ask.text or dict(turn.ask.values),
        "answer": turn.answer,
    }
    if turn.adapter:
        entry["adapter"] = turn.adapter
    if turn.figures is not None:
        entry["figures"] = asdict(turn.figures)
    return entry


def to_markdown(transcripts: list[Transcript], moment: float) -> str:
    """All transcripts, one after the other."""
    stamp = time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))
    parts = [f"# Chat, {stamp}"]
    for transcript in transcripts:
        parts.append(f"## {transcript.model}")
        if transcript.system.strip():
            parts.append(f"*{transcript.system.strip()}*")
        for turn in transcript.turns:
            question = "\n".join(f"> {line}" for line in turn.ask.shown.splitlines() or [""])
            parts += [question, turn.answer.strip() or "*(empty)*"]
    return "\n\n".join(parts) + "\n"


def to_json_lines(transcripts: list[Transcript]) -> str:
    """One object a turn, with everything that is known of it."""
    lines = []
    for transcript in transcripts:
        for turn in transcript.turns:
            entry: dict[str, object] = {"model": transcript.model}
            if transcript.system.strip():
                entry["system"] = transcript.system
            entry |= _entry(turn)
            lines.append(json.dumps(entry, ensure_ascii=False))
    return "".join(line + "\n" for line in lines)
