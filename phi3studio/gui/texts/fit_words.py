"""Whether a base model fits this computer, in words."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from phi3studio.gui.texts import words
from phi3studio.wizard.machine_fit import Fit, FitLevel

translate = QCoreApplication.translate


def fit_words(level: FitLevel) -> tuple[str, str]:
    """The verdict, and the role that it is shown in."""
    match level:
        case "fits":
            return "✓ " + translate("FitWords", "fits"), "good"
        case "tight":
            return "▲ " + translate("FitWords", "tight"), "warning"
        case _:
            return "✗ " + translate("FitWords", "does not fit"), "danger"


def need_words(found: Fit) -> str:
    """What training and merging take, and what is free, a line each."""
    lines = (
        translate("FitWords", "training about {size}").format(size=words.size(found.training)),
        translate("FitWords", "merging about {size}").format(size=words.size(found.need)),
        translate("FitWords", "{free} of memory free").format(free=words.size(found.free)),
    )
    return "\n".join(lines)
