"""What was said: pure values, and their Markdown and JSON lines."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from phi3studio.services.chat_client import Figures


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
    """All turns with one model."""

    model: str
    system: str = ""
    turns: tuple[Turn, ...] = ()

    def messages(self, ask: Ask) -> list[dict[str, str]]:
        """The conversation so far and the new question, for the chat template."""
        result = [{"role": "system", "content": self.system}] if self.system.strip() else []
        for turn in self.turns:
            result.append({"role": "user", "content": turn.ask.shown})
            result.append({"role": "assistant", "content": turn.answer})
        return [*result, {"role": "user", "content": ask.shown}]


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
            entry["question"] = turn.ask.text or dict(turn.ask.values)
            entry["answer"] = turn.answer
            if turn.adapter:
                entry["adapter"] = turn.adapter
            if turn.figures is not None:
                entry["figures"] = asdict(turn.figures)
            lines.append(json.dumps(entry, ensure_ascii=False))
    return "".join(line + "\n" for line in lines)
