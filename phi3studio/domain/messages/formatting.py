"""Numbers, sizes, times and lists inside of messages, in English and Italian. Pure.

==================  =========================================================================
``{n:# row|# rows}``  the first form for exactly one, else the second; ``#`` is the number
``{n:number}``        a number with its thousands grouped: 1,250 (Italian: 1.250)
``{n:bytes}``         a size: 3.1 GB
``{n:time}``          a duration in seconds: 4 min 10 s
``{n:percent}``       a share from 0 to 1: 92 %
``{n:list}``          texts after one another: a, b, c; messages among them are said
``{n:quoted}``        the same, each in quotation marks: “a”, “b” (Italian: «a», «b»)
``{n:or}``            the same as alternatives: a or b or c
``{n:message}``       what another message says, ``{n:hint}`` what to do about it
==================  =========================================================================
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from string import Formatter
from typing import Any

Language = str
"""``"en"`` or ``"it"``; anything else is written as English is."""


def number(value: float, language: Language = "en", digits: int = 3) -> str:
    """A number with grouped thousands; fractions with about *digits* significant digits."""
    if not math.isfinite(value):
        return "–"
    if value == int(value):
        text = f"{int(value):,}"
    else:
        text = f"{value:,.0f}" if abs(value) >= 10**digits else f"{value:.{digits}g}"
    return _decimal_comma(text, language)


def _decimal_comma(text: str, language: Language) -> str:
    if language == "it" and "e" not in text:
        return text.translate(str.maketrans(",.", ".,"))
    return text


def size(count: float, language: Language = "en") -> str:
    """Bytes in the unit that fits, decimal as systems show it."""
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    exact = unit in ("B", "kB") or value >= 100
    return f"{number(round(value) if exact else value, language)} {unit}"


def duration(seconds: float, language: Language = "en") -> str:
    """A time as people say it: “320 ms”, “8.2 s”, “45 s”, “4 min 10 s”, “2 h 5 min”."""
    if 0 < seconds < 0.95:
        return f"{max(1, round(1000 * seconds))} ms"
    if seconds < 9.95:
        return f"{number(max(0.0, round(seconds, 1)), language)} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, rest = divmod(whole, 3600)
    return f"{hours} h {rest // 60} min"


def percent(share: float, language: Language = "en", *, exact: bool = False) -> str:
    """A share from 0 to 1 as a percentage: one decimal below ten, none above unless *exact*."""
    value = 100 * share
    return f"{number(round(value, 1 if exact or value < 9.95 else 0), language)} %"


def listed(texts: Iterable[str], how: str = "list", language: Language = "en") -> str:
    """Texts after one another, as the format *how* says."""
    italian = language == "it"
    if how == "or":
        return (" o " if italian else " or ").join(texts)
    marks = {"list": "{}", "quoted": "«{}»" if italian else "“{}”"}[how]
    return ", ".join(map(marks.format, texts))


class MessageFormatter(Formatter):
    """Fills templates with the formats of this module."""

    def __init__(self, language: Language = "en") -> None:
        self._language = language

    def format_field(self, value: Any, format_spec: str) -> str:
        """One value; an unknown format is Python's own."""
        if isinstance(value, str) and format_spec:
            return value
        if "|" in format_spec:
            one, many = format_spec.split("|")
            return (one if value == 1 else many).replace("#", number(value, self._language))
        match format_spec:
            case "number":
                return number(value, self._language)
            case "bytes":
                return size(value, self._language)
            case "time":
                return duration(value, self._language)
            case "percent":
                return percent(value, self._language)
            case "list" | "quoted" | "or":
                return listed(map(str, value), format_spec, self._language)
        text = str(super().format_field(value, format_spec))
        return _decimal_comma(text, self._language) if isinstance(value, float) else text
