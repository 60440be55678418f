"""What commands print: text for people, one JSON document for programs."""

from __future__ import annotations

import json
import sys
from typing import Any

from phi3studio.domain.errors import UserFacingError
from phi3studio.domain.messages.formatting import duration as duration


def print_json(value: Any) -> None:
    """Print one JSON document on standard output, escaped where its encoding lacks a character."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value, indent=2)
    sys.stdout.write(text + "\n")


def print_error(error: UserFacingError, as_json: bool) -> None:
    """Say what happened and what to do next: on standard error, or as the JSON document."""
    if as_json:
        print_json({"error": error.to_json()})
        return
    sys.stderr.write(f"Error: {error.message}\n{error.hint}\n[{error.code}]\n")


def size(count: float) -> str:
    """A number of bytes in the unit that fits, decimal as systems show it."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            exact = unit in ("B", "kB") or value >= 100
            return f"{value:.0f} {unit}" if exact else f"{value:.3g} {unit}"
        value /= 1000
    raise AssertionError


def percent(share: float) -> str:
    """A share as a percentage: one decimal below ten, none above."""
    value = 100 * share
    return f"{value:.0f} %" if value >= 9.95 or value == 0 else f"{value:.1f} %"
