"""The card's pictures: small SVG drawings that follow the reader's light or dark theme."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from html import escape

from phi3studio.domain.events.measured_events import Confusion
from phi3studio.domain.messages.formatting import percent
from phi3studio.resources import resources

Points = Sequence[tuple[int, float]]

_WIDTH, _HEIGHT = 640, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 16, 40
_TICKS = 4
_LABEL_CHARACTERS = 18


def colours() -> dict[str, dict[str, str]]:
    """The program's colours by theme (``light``, ``dark``)."""
    file = resources() / "style" / "tokens.json"
    found: dict[str, dict[str, str]] = json.loads(file.read_text("utf-8"))["colors"]
    return found


def loss(training: Points, evaluation: Points) -> str | None:
    """The training's loss and the evaluations' over the steps."""
    training = [point for point in training if math.isfinite(point[1])]
    evaluation = [point for point in evaluation if math.isfinite(point[1])]
    if len(training) < 2:
        return None
    points = [*training, *evaluation]
    last = max(step for step, _ in points)
    first = min(step for step, _ in points)
    high = _round_up(max(value for _, value in points))

    def place(step: float, value: float) -> tuple[float, float]:
        x = _LEFT + (step - first) / max(1, last - first) * (_WIDTH - _LEFT - _RIGHT)
        y = _TOP + (1 - min(value, high) / high) * (_HEIGHT - _TOP - _BOTTOM)
        return x, y

    parts = [_grid(high, "")]
    parts.append(_line([place(*p) for p in _thinned(training)], "one thin"))
    parts.append(_line([place(*p) for p in _smoothed(_thinned(training))], "one"))
    if evaluation:
        dots = [place(*p) for p in evaluation]
        parts.append(_line(dots, "three"))
        parts += [f'<circle class="three" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>' for x, y in dots]
    steps = {round(first + (last - first) * i / _TICKS) for i in range(_TICKS + 1)}
    for step in sorted(steps):
        parts.append(_text(place(step, 0)[0], _HEIGHT - 20, str(step), "muted middle"))
    parts.append(_text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 4, "step", "muted middle"))
    names = [("one", "training loss"), *([("three", "evaluation loss")] if evaluation else [])]
    parts.append(_legend(names))
    said = f"Loss from {training[0][1]:.3g} at step {training[0][0]} to {training[-1][1]:.3g}"
    return _svg(_WIDTH, _HEIGHT, f"{said} at step {training[-1][0]}", parts)


def scores(values: Sequence[tuple[str, float]]) -> str | None:
    """One bar a model, from 0 to 100 %."""
    if not values:
        return None
    row, left = 34, 96
    width = _WIDTH - left - 72
    height = row * len(values) + 8
    parts = []
    for index, (title, share) in enumerate(values):
        y = 8 + index * row
        kind = ("quiet", "two", "one")[min(index, 2)]
        parts.append(_text(left - 10, y + 16, title, "end"))
        parts.append(f'<rect class="track" x="{left}" y="{y}" width="{width}" height="22" rx="4"/>')
        if share > 0:
            parts.append(
                f'<rect class="{kind}" x="{left}" y="{y}" width="{max(3, width * share):.1f}" '
                'height="22" rx="4"/>'
            )
        parts.append(_text(left + width + 8, y + 16, percent(share, exact=True), ""))
    said = ", ".join(f"{title} {percent(share, exact=True)}" for title, share in values)
    return _svg(_WIDTH, height, said, parts)


def confusion(matrix: Confusion | None) -> str | None:
    """A heat map: a row per expected label, a column per answered one and for other answers."""
    if matrix is None or not matrix.labels:
        return None
    names = [_short(label) for label in matrix.labels]
    columns = [*names, "other"]
    cell = max(26, min(56, 420 // len(columns)))
    left = 16 + max(8 * max(map(len, names)), 80)
    slanted = any(7 * len(name) > cell - 6 for name in columns)
    top = 22 + (7 * max(map(len, columns)) * 0.7 + 14 if slanted else 20)
    parts = [
        _text(left, 14, "answered →", "muted"),
        _text(left - 8, top - 6, "expected ↓", "muted end"),
    ]
    for index, name in enumerate(columns):
        x = left + (index + 0.5) * cell
        if slanted:
            parts.append(
                f'<text x="{x:.1f}" y="{top - 8:.1f}" '
                f'transform="rotate(-45 {x:.1f} {top - 8:.1f})">{escape(name)}</text>'
            )
        else:
            parts.append(_text(x, top - 8, name, "middle"))
    for row, (name, counts) in enumerate(zip(names, matrix.counts, strict=True)):
        y = top + row * cell
        parts.append(_text(left - 8, y + cell / 2 + 4, name, "end"))
        total = max(1, sum(counts))
        for column, count in enumerate(counts):
            x, share = left + column * cell, count / total
            kind = "one" if row == column else "three"
            size = f'x="{x + 1:.1f}" y="{y + 1:.1f}" width="{cell - 2}" height="{cell - 2}" rx="4"'
            parts.append(f'<rect class="track" {size}/>')
            if count:
                parts.append(
                    f'<rect class="{kind}" {size} fill-opacity="{0.12 + 0.88 * share:.2f}"/>'
                )
                over = "on middle" if share > 0.6 else "middle"
                parts.append(_text(x + cell / 2, y + cell / 2 + 4, str(count), over))
    width = left + cell * len(columns) + 60
    said = "Confusion matrix of " + ", ".join(names)
    return _svg(round(width), round(top + cell * len(names) + 8), said, parts)


def lengths(counts: Sequence[tuple[int, int]]) -> str | None:
    """How long the rows are: bars over the tokens, each up to its upper bound."""
    if not counts or not any(count for _, count in counts):
        return None
    high = _round_up(max(count for _, count in counts))
    width = (_WIDTH - _LEFT - _RIGHT) / len(counts)
    parts = [_grid(high, "")]
    every = max(1, math.ceil(len(counts) / 10))
    for index, (top, count) in enumerate(counts):
        x = _LEFT + index * width
        tall = count / high * (_HEIGHT - _TOP - _BOTTOM)
        if count:
            parts.append(
                f'<rect class="one" x="{x + 1:.1f}" y="{_HEIGHT - _BOTTOM - tall:.1f}" '
                f'width="{max(1, width - 2):.1f}" height="{tall:.1f}" rx="2"/>'
            )
        if (index + 1) % every == 0 or len(counts) == 1:
            parts.append(_text(x + width, _HEIGHT - 20, str(top), "muted middle"))
    parts.append(
        _text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 4, "tokens of a row", "muted middle")
    )
    total = sum(count for _, count in counts)
    return _svg(_WIDTH, _HEIGHT, f"Lengths of {total} rows, up to {counts[-1][0]} tokens", parts)


# --- parts --------------------------------------------------------------------------------------


def _svg(width: int, height: int, said: str, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(said)}"><title>{escape(said)}</title><style>{_style()}</style>'
        + "".join(parts)
        + "</svg>"
    )


def _style() -> str:
    themes = colours()

    def rules(theme: str) -> str:
        c = themes[theme]
        return (
            f"text{{fill:{c['text']}}}.muted{{fill:{c['muted']}}}.on{{fill:{c['on_accent']}}}"
            f".grid{{stroke:{c['border']}}}rect.track{{fill:{c['track']}}}"
            f"rect.quiet{{fill:{c['muted']}}}rect.one{{fill:{c['series_1']}}}"
            f"rect.two{{fill:{c['series_2']}}}rect.three,circle.three{{fill:{c['series_3']}}}"
            f"polyline.one{{stroke:{c['series_1']}}}polyline.three{{stroke:{c['series_3']}}}"
        )

    return (
        "text{font:13px system-ui,'Segoe UI',sans-serif}.middle{text-anchor:middle}"
        ".end{text-anchor:end}polyline{fill:none;stroke-width:2}.thin{stroke-opacity:.3;"
        "stroke-width:1}"
        + rules("light")
        + "@media(prefers-color-scheme:dark){"
        + rules("dark")
        + "}"
    )


def _grid(high: float, unit: str) -> str:
    parts = []
    for tick in range(_TICKS + 1):
        y = _TOP + (1 - tick / _TICKS) * (_HEIGHT - _TOP - _BOTTOM)
        value = f"{high * tick / _TICKS:.3g}{unit}"
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            + _text(_LEFT - 8, y + 4, value, "muted end")
        )
    return "".join(parts)


def _legend(names: Sequence[tuple[str, str]]) -> str:
    parts, x = [], _WIDTH - _RIGHT - sum(7 * len(name) + 34 for _, name in names)
    for kind, name in names:
        parts.append(f'<rect class="{kind}" x="{x}" y="{_TOP + 2}" width="14" height="4" rx="2"/>')
        parts.append(_text(x + 20, _TOP + 9, name, ""))
        x += 7 * len(name) + 34
    return "".join(parts)


def _text(x: float, y: float, text: str, kind: str) -> str:
    mark = f' class="{kind}"' if kind else ""
    return f'<text{mark} x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _line(points: Sequence[tuple[float, float]], kind: str) -> str:
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline class="{kind}" points="{joined}"/>'


def _thinned(points: Points, most: int = 400) -> list[tuple[float, float]]:
    """At most *most* points, the means of their neighbours."""
    size = math.ceil(len(points) / most)
    groups = [points[i : i + size] for i in range(0, len(points), size)]
    return [
        (sum(s for s, _ in group) / len(group), sum(v for _, v in group) / len(group))
        for group in groups
    ]


def _smoothed(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Each point as the mean of its neighbourhood."""
    reach = max(1, len(points) // 40)
    found = []
    for index, (step, _) in enumerate(points):
        near = [value for _, value in points[max(0, index - reach) : index + reach + 1]]
        found.append((step, sum(near) / len(near)))
    return found


def _round_up(value: float) -> float:
    """The next of 1, 1.5, 2, 3, 4, 5, 6, 8 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    steps = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)
    return next(step * power for step in steps if step * power >= value * 0.9999)


def _short(label: str) -> str:
    one = " ".join(label.split()) or "(empty)"
    return one if len(one) <= _LABEL_CHARACTERS else one[: _LABEL_CHARACTERS - 1] + "…"
