"""Conversations written as one text in the tags of a chat template: ChatML, Llama 2 and 3,
Mistral, Phi, Gemma, Alpaca. Pure."""

from __future__ import annotations

import re

# What begins a turn, and who speaks in it: one expression for each family of templates.
_FAMILIES = tuple(
    re.compile(tags)
    for tags in (
        r"<\|im_start\|>(\w+)[ \t]*\n?",
        r"<\|start_header_id\|>(\w+)<\|end_header_id\|>\s*",
        r"<start_of_turn>(\w+)[ \t]*\n?",
        r"<\|(system|user|assistant)\|>[ \t]*\n?",
        r"(\[/?INST\])",
        r"(?:\A|(?<=\n))### ?(Instruction|Input|Response):[ \t]*\n?",
    )
)
_ALPACA = _FAMILIES[-1]
_BEGINS = ("<|im_start|>", "<|start_header_id|>", "<start_of_turn>", "<|user|>", "[INST]", "### ")
# What ends a turn or a text, or begins one: nothing of it is said by anybody.
_FRAME = re.compile(
    r"<\|(im_end|eot_id|end|endoftext|end_of_text|begin_of_text)\|>|<end_of_turn>|</?s>|<[be]os>"
)
_SYSTEM = re.compile(r"\s*<<SYS>>(.*?)<</SYS>>", re.S)
_ROLES = {
    **dict.fromkeys(("[INST]", "Instruction", "Input"), "user"),
    **dict.fromkeys(("[/INST]", "Response"), "assistant"),
}


def tagged_turns(text: str) -> list[dict[str, str]] | None:
    """The turns of a whole conversation, which ends with an answer; ``None`` for other text."""
    if not any(tag in text for tag in _BEGINS):
        return None
    family, marks = min(
        ((tags, found) for tags in _FAMILIES if (found := list(tags.finditer(text)))),
        key=lambda item: item[1][0].start(),
        default=(_ALPACA, []),
    )
    if not marks:
        return None
    preface = _FRAME.sub("", text[: marks[0].start()]).strip()
    if preface and family is not _ALPACA:
        return None
    turns = [_turn("system", preface)] if preface else []
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    for mark, end in zip(marks, ends, strict=True):
        role = _ROLES.get(mark[1], mark[1])
        said, *rest = _FRAME.split(text[mark.end() : end], maxsplit=1)
        if rest and _FRAME.sub("", rest[-1]).strip():
            return None  # somebody writes such a tag
        system = _SYSTEM.match(said)
        if system is not None:
            turns.append(_turn("system", system[1]))
            said = said[system.end() :]
        if mark[1] == "Input" and turns and turns[-1]["role"] == "user":
            turns[-1] = _turn("user", f"{turns[-1]['content']}\n\n{said}")
        else:
            turns.append(_turn(role, said))
    roles = [turn["role"] for turn in turns]
    answered = roles[-1] in ("assistant", "model") and bool(turns[-1]["content"])
    return turns if answered and ("user" in roles or "human" in roles) else None


def _turn(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": text.strip()}
