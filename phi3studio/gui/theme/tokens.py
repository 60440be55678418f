"""The design tokens, read once and checked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Scheme = Literal["light", "dark"]


@dataclass(frozen=True)
class Tokens:
    """The values of ``tokens.json``. Lengths in device-independent pixels.

    ``colors`` maps scheme and role to ``#RRGGBB``; ``contrast`` lists the pairs that appear
    together (ink, ground, least ratio) and is what the contrast test checks.
    """

    space: dict[str, int]
    radius: dict[str, int]
    sizes: dict[str, int]
    sans: tuple[str, ...]
    mono: tuple[str, ...]
    colors: dict[Scheme, dict[str, str]]
    contrast: tuple[tuple[str, str, float], ...]

    def ratio(self, scheme: Scheme, ink: str, ground: str) -> float:
        """WCAG 2 contrast ratio of two roles."""
        one, two = sorted(
            (_luminance(self.colors[scheme][ink]), _luminance(self.colors[scheme][ground]))
        )
        return (two + 0.05) / (one + 0.05)


def load_tokens(style: Path) -> Tokens:
    """Read ``tokens.json`` of the folder *style*; both schemes must name the same roles."""
    data = json.loads((style / "tokens.json").read_text("utf-8"))
    colors: dict[Scheme, dict[str, str]] = data["colors"]
    if colors["light"].keys() != colors["dark"].keys():
        raise ValueError("tokens.json: light and dark do not name the same colours")
    kind = dict(data["type"])
    return Tokens(
        space=data["space"],
        radius=data["radius"],
        sans=tuple(kind.pop("sans")),
        mono=tuple(kind.pop("mono")),
        sizes=kind,
        colors=colors,
        contrast=tuple((a, b, float(r)) for a, b, r in data["contrast"]),
    )


def _luminance(color: str) -> float:
    channels = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
