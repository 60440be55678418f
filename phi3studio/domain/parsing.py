"""JSON and YAML that somebody else wrote: a value, or one kind of error, whatever is in it."""

from __future__ import annotations

import json
import math
from typing import Any


def parse_json(text: str | bytes) -> Any:
    """The value; raises :class:`ValueError` for all that is no JSON, and for what Python's reader
    would fail on otherwise: nesting without end, numbers of thousands of digits, infinities.

    Where its place is known it is a :class:`json.JSONDecodeError`.
    """
    try:
        return json.loads(text, parse_float=_finite, parse_constant=_finite)
    except RecursionError as exc:
        raise ValueError("it is nested too deeply") from exc


def parse_yaml(text: str) -> Any:
    """The value; raises :class:`yaml.YAMLError` also for what YAML's reader fails on otherwise:
    dates that no calendar has, nesting without end."""
    import yaml

    try:
        return yaml.safe_load(text)
    except RecursionError as exc:
        raise yaml.YAMLError("it is nested too deeply") from exc
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError) as exc:
        raise yaml.YAMLError(str(exc)) from exc


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits[:20]} is no number")
    return number
