"""Defects inside texts: how they are found over whole columns, and undone one by one."""

from __future__ import annotations

import re
from collections.abc import Sequence

# RE2, over whole columns: texts that could be wrongly decoded. ftfy then decides.
MOJIBAKE_CANDIDATES = (
    "[\u00c2\u00c3\u00e2\u00d0\u00d1\u00ef\u0102\u00c4\u00c5\u00d8\u00d9\u0413\u0420\u0421]"
    "[\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u2022\u2026"
    "\u2030\u2039\u203a\u20ac\u2122\u0400-\u040f\u0450-\u045f\u0490\u0491\u2116]"
)
LOST = "\ufffd"
# Everything invisible but line feed, return, tab; joiners stay: emoji and Indic scripts need them.
CONTROL_CANDIDATES = (
    "[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\u0084\u0086-\u009f\u00ad\u200b\u200e\u200f"
    "\u202a-\u202e\u2060\u2066-\u2069\ufeff\ufff9-\ufffb]"
)
# What web pages and rich text editors write, in RE2.
MARKUP = (
    r"(?i)</?(?:p|br|div|span|[uo]l|li|b|i|strong|em|a|table|t[rdh]|h[1-6]|blockquote|font|img)"
    r"(?:\s[^<>]{0,200})?/?>|&(?:nbsp|amp|quot|lt|gt|apos|#\d{2,5});"
)
_CONTROL = re.compile(CONTROL_CANDIDATES)
# Tags of common chat formats; the model's own special tokens are added.
COMMON_TAGS = (
    *("<|im_start|>", "<|im_end|>", "<|user|>", "<|assistant|>", "<|system|>", "<|end|>"),
    *("<|endoftext|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>"),
    *("[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "<start_of_turn>", "<end_of_turn>"),
    *("<s>", "</s>", "<|begin_of_text|>", "<|end_of_text|>"),
)


def tags_of(special_tokens: Sequence[str]) -> tuple[str, ...]:
    """All tags that must not occur inside data, longest first."""
    # One-character "special" tokens of odd tokenizers are ordinary text.
    own = (token for token in special_tokens if len(token.strip()) > 2)
    return tuple(sorted({*COMMON_TAGS, *own}, key=lambda tag: (-len(tag), tag)))


def tag_pattern(tags: Sequence[str]) -> str:
    """A pattern, for RE2 and Python alike, that finds any of the tags."""
    return "|".join(re.escape(tag).replace("\\ ", " ") for tag in tags)


def is_mojibake(text: str) -> bool:
    """Whether there is a wrong decoding that can be undone."""
    return fix_mojibake(text) != text


def fix_mojibake(text: str) -> str:
    """*text* with wrong decodings undone, and nothing else changed."""
    if text.isascii():
        return text
    import ftfy

    return ftfy.fix_encoding(text)


def strip_control(text: str) -> str:
    """*text* without control and invisible characters."""
    return _CONTROL.sub("", text)


def remove_tags(text: str, pattern: re.Pattern[str]) -> str:
    """*text* without any tag, also none that the removal of another would put together."""
    text = pattern.sub("", text)
    return pattern.sub(" ", text) if pattern.search(text) else text


_SENTENCE_END = re.compile(r"[.!?…。！？]+[\"'”’)\]]*(?=\s|$)|[。！？]|\n")


def shorten(text: str, length: int) -> str:
    """The longest beginning of at most *length* characters that ends with a sentence, else with
    a word."""
    if len(text) <= length:
        return text
    head = text[:length]
    end = 0
    for match in _SENTENCE_END.finditer(text, 0, length + 1):
        if match.end() <= length:
            end = match.end()
    if end:
        return head[:end].rstrip()
    space = max(head.rfind(" "), head.rfind("\n"), head.rfind("\t"))
    return head[:space].rstrip() if space > 0 else head
