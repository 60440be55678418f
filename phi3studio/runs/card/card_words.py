"""How the card writes numbers, and texts that must not be read as Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~!])")


def percent(share: float | None) -> str:
    """A share with one decimal where it has one."""
    if share is None:
        return "–"
    value = 100 * share
    return f"{value:.0f} %" if abs(value - round(value)) < 0.05 else f"{value:.1f} %"


def size(count: float | None) -> str:
    """Bytes in the unit that fits."""
    if count is None:
        return "–"
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:.0f} {unit}" if value >= 100 or unit == "B" else f"{value:.3g} {unit}"
        value /= 1000
    raise AssertionError


def duration(seconds: float | None) -> str:
    """A time: “45 s”, “4 min 10 s”, “2 h 5 min”."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def number(value: float | None, digits: int = 3) -> str:
    """A figure with so many significant digits; a whole number in groups of three."""
    if value is None:
        return "–"
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    return f"{value:.{digits}g}".replace("-", "−", 1) if value < 0 else f"{value:.{digits}g}"


def plain(text: str) -> str:
    """*text* as Markdown that shows just it, on one line."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def fenced(text: str) -> str:
    """*text* as a block of code, whatever it contains."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text.rstrip()}\n{fence}"


FILTERS: dict[str, Callable[..., Any]] = {
    "percent": percent,
    "size": size,
    "duration": duration,
    "number": number,
    "plain": plain,
    "fenced": fenced,
}
