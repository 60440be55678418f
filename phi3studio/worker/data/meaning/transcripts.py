"""Conversations written as a text, each turn after its speaker's name: ``Human: …``,
``### Assistant: …``, or in a chat template's tags. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from phi3studio.worker.data.meaning.tagged_texts import tagged_turns

_SPEAKERS = {
    **dict.fromkeys(("human", "user", "customer", "client", "utente", "cliente"), "user"),
    **dict.fromkeys(("assistant", "ai", "bot", "chatbot", "chatgpt", "gpt", "model"), "assistant"),
    **dict.fromkeys(("agent", "assistente", "operatore"), "assistant"),
    **dict.fromkeys(("q", "question", "frage", "domanda", "pregunta", "pergunta"), "user"),
    **dict.fromkeys(("a", "answer", "antwort", "risposta", "respuesta", "resposta"), "assistant"),
    "system": "system",
    **dict.fromkeys(("function response", "function result", "tool response"), "tool"),
    **dict.fromkeys(("tool result", "tool output"), "tool"),
}
_NAME = "|".join(_SPEAKERS)
_LINE_MARK = re.compile(
    rf"[ \t]*(?:#{{2,4}} ?|\*\*|\[)?({_NAME})(?: ?\d{{1,4}})?(?:\*\*|\])? ?:(?:\*\*)?(?!\S*//)",
    re.I,
)
_MARK = re.compile(rf"(?:\A|\n){_LINE_MARK.pattern}|###[ ]?({_NAME})[ ]?:", re.I)
_RULE = re.compile(r"\s*([-=*_~#])(?:\s*\1){2,}\s*")
_SHORTEST = 2
_END_OF_TEXT = re.compile(r"(?:\s*(?:<\|endoftext\|>|</s>))+\s*\Z")
MOST_ABOVE = 2
"""Lines that a text of conversations may have above the first one: its title."""
_CHOICES = re.compile(r"(?m)^[ \t]*B[:.)]")  # “A:” is one of several choices then


def speaker(line: str) -> str | None:
    """The role whose turn a line begins."""
    mark = _LINE_MARK.match(line)
    return _SPEAKERS[mark[1].casefold()] if mark else None


def spoken(text: str) -> tuple[str, str] | None:
    """Who says a text that begins with its speaker's name, and what; ``None`` for other texts."""
    mark = _LINE_MARK.match(text)
    return (_SPEAKERS[mark[1].casefold()], text[mark.end() :].strip()) if mark else None


def turns_in(text: str) -> list[dict[str, str]] | None:
    """The turns of a whole conversation, which ends with an answer; ``None`` for other text."""
    tagged = tagged_turns(text)
    if tagged is not None:
        return tagged
    marks = list(_MARK.finditer(text))
    if len(marks) < _SHORTEST or text[: marks[0].start()].strip() or _CHOICES.search(text):
        return None
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    turns = [
        {
            "role": _SPEAKERS[(mark[1] or mark[2]).casefold()],
            "content": _END_OF_TEXT.sub("", text[mark.end() : end]).strip(),
        }
        for mark, end in zip(marks, ends, strict=True)
    ]
    roles = [turn["role"] for turn in turns]
    whole = "user" in roles and roles[-1] == "assistant" and bool(turns[-1]["content"])
    return turns if whole else None


def parting(lines: Iterable[str]) -> int | None:
    """How conversations are parted in a text of several: 2 by a rule or two blank lines, 1 by a
    blank line, 0 by the next question alone. ``None`` for a text that is no transcript."""
    inside, between = 0, set[int]()
    role, gap, answers, above = None, 0, 0, 0
    for line in lines:
        if is_gap(line):
            gap = 2 if line.strip() else min(2, gap + 1)
            continue
        found = speaker(line)
        above += found is None and role is None
        if above > MOST_ABOVE or _CHOICES.match(line):
            return None
        if found in ("assistant", "tool"):
            inside = max(inside, gap)
            answers += found == "assistant" and role == "user"
        elif found is not None and role == "assistant":
            between.add(gap)
        role, gap = found or role, 0
    if answers < _SHORTEST:
        return None
    return min((strength for strength in between if strength > inside), default=0)


def is_gap(line: str) -> bool:
    """A blank line or a rule."""
    return not line.strip() or _RULE.fullmatch(line) is not None
