"""How the card writes numbers, and texts that must not be read as Markdown."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

from phi3studio.domain.messages import formatting

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~!])")


def number(value: float | None, digits: int = 3) -> str:
    """A figure with so many significant digits."""
    return "–" if value is None else formatting.number(value, digits=digits).replace("-", "−", 1)


def shares(interval: tuple[float, float]) -> str:
    """An interval of shares from 0 to 1, in percent."""
    low, high = interval
    return f"{number(100 * low)} to {number(100 * high)}"


def _or_dash(write: Callable[..., str]) -> Callable[[float | None], str]:
    return lambda value: "–" if value is None else write(value)


def plain(text: str) -> str:
    """*text* as Markdown that shows just it, on one line."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def fenced(text: str) -> str:
    """*text* as a block of code, whatever it contains."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text.rstrip()}\n{fence}"


FILTERS: dict[str, Callable[..., Any]] = {
    "percent": _or_dash(functools.partial(formatting.percent, exact=True)),
    "size": _or_dash(formatting.size),
    "duration": _or_dash(formatting.duration),
    "number": number,
    "shares": shares,
    "plain": plain,
    "fenced": fenced,
}
