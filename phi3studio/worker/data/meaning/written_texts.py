"""Texts that are more than prose: conversations in one text, lines that a program writes. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

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
_ITEM = re.compile(r"[-*•] ")
_PARTED = re.compile(r"\s(=>|->|→|\|\|\||:::?)\s")


def is_spoken(text: str) -> bool:
    """Whether several speakers are named in a text."""
    return len({"".join(groups).casefold() for groups in _SPEAKERS.findall(text)}) > 1


def is_marked_up(text: str) -> bool:
    """Whether a text was written for or by a program, or has two parts."""
    return bool(_MARKED_UP.match(text) or _PARTED.search(text))


def is_listing(text: str) -> bool:
    """Whether a text is several in a list: every line begins with a dash, a star or a dot."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return len(lines) > 1 and all(_ITEM.match(line) for line in lines)


# How files in a notation of their own begin.
_BEGINNINGS = {
    "mbox/EML": r"\AFrom \S+ .*\d{4}\r?\n|\A(?=([\w-]+: .*\r?\n|[ \t].*\r?\n)*Subject: )"
    r"(Return-Path|Received|Delivered-To|MIME-Version|Message-ID|From|To|Date): ",
    "vCard": r"\ABEGIN:VCARD\b",
    "iCalendar": r"\ABEGIN:VCALENDAR\b",
    "CoNLL": r"\A-DOCSTART-",
}
# What their lines are like, and at least how many of them.
_LINES = {
    "SubRip/WebVTT": (r"(\d\d:)?\d\d:\d\d[,.]\d{3} --> (\d\d:)?\d\d:\d\d[,.]\d{3}.*", 0.15),
    "gettext (.po)": (r'msg(id|str|ctxt)\b[^"]*".*"|".*"|#.*', 0.9),
    "CoNLL": (r"\S+([ \t]\S+){0,8}[ \t](O|[BIESLU]-[\w-]+)|\d+\t\S+\t\S+\t[A-Z]+\t.*|# .*", 0.8),
    "BibTeX": (r"@\w+\s*\{[^,\s]+,|\w+\s*=\s*[{\"].*|\}", 0.8),
    "TOML/INI": (r"\[\[?[^\[\]]+\]?\]|[\w.-]+\s*=.*|[#;].*", 0.95),
    "Moodle GIFT": (r".*\{\s*=[^{}]{0,400}~[^{}]{0,400}\}", 0.3),
    "Aiken": (r"ANSWER: [A-Z]", 0.1),
    "fastText": (r"__label__\S+ .*", 0.9),
    "LIBSVM": (r"[-+]?\d+(\.\d+)?( \d+:[-+.\deE]+)+", 0.9),
}
_TABLE = r"\|?\s*:?-{2,}:?\s*(\|\s*:?-{2,}:?\s*)+\|?"
_TERMINAL_TABLE = r"\+?-{2,}(\+-{2,})+\+?"
_MARKDOWN = 0.6
_NAMED = re.compile(r"(?m)^([^\W\d][\w .'-]{0,24}):(?=\s)")
_LOOKED_AT = 20_000
_LETTERS = 0.75


def notation(text: str) -> str | None:
    """The notation that a file is written in, if it is known and its parts would be lost in rows
    of plain text."""
    text = text.lstrip("\ufeff \t\r\n")
    head = text[:_LOOKED_AT]
    for name, beginning in _BEGINNINGS.items():
        if re.match(beginning, head):
            return name
    lines = [line.strip() for line in head.splitlines() if line.strip()]
    lines = lines[: -1 if head != text and len(lines) > 1 else None]

    def share(pattern: str) -> float:
        return sum(re.fullmatch(pattern, line) is not None for line in lines) / max(1, len(lines))

    if share(r".*\S *\|.*") >= _MARKDOWN:
        if share(_TERMINAL_TABLE):
            return "psql/MySQL"
        if share(_TABLE):
            return "Markdown"
    return next((name for name, (line, least) in _LINES.items() if share(line) >= least), None)


def is_prose(text: str) -> bool:
    """Whether a text is mostly made of words, and not a heading."""
    marks = [character for character in text if not character.isspace()]
    letters = sum(c.isalpha() or unicodedata.category(c).startswith("M") for c in marks)
    words = len(text.split()) > 2 or (len(marks) > 5 and not text.isascii())
    return words and letters >= _LETTERS * len(marks) and not text.startswith("#")


def have_speakers(texts: Sequence[str]) -> bool:
    """Whether the same two names begin a line in most texts: of speakers, or of parts."""
    names = Counter(name for text in texts for name in set(_NAMED.findall(text)))
    return len(texts) > 1 and sum(2 * count > len(texts) for count in names.values()) > 1
