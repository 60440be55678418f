"""The sample files that come with the program, and the files that were used last."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QCoreApplication

from phi3studio.gui.preferences import PreferencesFile

_MOST = 8


@dataclass(frozen=True)
class Sample:
    """A file of the program's own, and what a model learns from it."""

    title: str
    file: Path


def samples(resources: Path) -> tuple[Sample, ...]:
    """All of them, the demo's first."""
    translate = QCoreApplication.translate
    folder = resources / "samples"
    return (
        Sample(translate("Samples", "Emotions in a sentence"), folder / "emotions.jsonl"),
        Sample(translate("Samples", "Questions and answers"), folder / "faq.csv"),
        Sample(translate("Samples", "Support conversations"), folder / "support_chat.jsonl"),
        Sample(translate("Samples", "Preferred answers"), folder / "customer_answers.jsonl"),
        Sample(translate("Samples", "Reviews in Italian"), folder / "recensioni_it.jsonl"),
    )


def recent_files(preferences: PreferencesFile) -> list[Path]:
    """The data files that were used last and are still there, newest first; blocking."""
    return [path for name in preferences.value.recent.split("\n") if (path := Path(name)).is_file()]


def remember_file(preferences: PreferencesFile, file: str) -> None:
    """Put a file first in the list."""
    others = [name for name in preferences.value.recent.split("\n") if name not in (file, "")]
    if "\n" not in file:
        preferences.change(recent="\n".join([file, *others][:_MOST]))
