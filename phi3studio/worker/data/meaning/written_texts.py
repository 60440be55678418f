"""Texts that are more than prose: conversations in one text, lines that a program writes. Pure."""

from __future__ import annotations

import re

# Who speaks in a text, in the forms of transcripts and of chat templates.
_SPEAKERS = re.compile(
    r"\b(human|user|assistant|ai|bot|model|system)\s*(?::|\|?[>\]])|<\|im_start\|>(\w+)"
    r"|<start_of_turn>(\w+)|(\[/?INST\])|### (Instruction|Input|Response):",
    re.IGNORECASE,
)
# A text written for a program: fastText's labels, times of subtitles or messages, markup, lists.
_MARKED_UP = re.compile(
    r"__label__|\[?\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4},? |\d+\s+\d\d:\d\d|\d\d:\d\d:\d\d[,.]\d+ -->"
    r"|[{|<\\]|\[\{|array\(|INSERT INTO|[(\[]['\"]"
)
_PARTED = re.compile(r"\s(=>|->|→|\|\|\||:::?)\s")


def is_spoken(text: str) -> bool:
    """Whether several speakers are named in a text."""
    return len({"".join(groups).casefold() for groups in _SPEAKERS.findall(text)}) > 1


def is_marked_up(text: str) -> bool:
    """Whether a text was written for or by a program, or has two parts."""
    return bool(_MARKED_UP.match(text) or _PARTED.search(text))
