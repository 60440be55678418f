"""Limits of an export and what a search for it does, in the language of the window."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast

from PySide6.QtCore import QCoreApplication

from phi3studio.domain.events.payload import Doing
from phi3studio.domain.events.run_events import Progress
from phi3studio.domain.recipe import Limits
from phi3studio.domain.search.export_kinds import ExportKind
from phi3studio.gui.texts import words
from phi3studio.gui.texts.messages import explain_error

translate = QCoreApplication.translate

# Version 0.1 recorded this text alone.
_ACTIVITY = re.compile(r"(building|looking at|measuring) export (\d+):")


def limit_words(limits: Limits) -> list[str]:
    """Each limit that is set."""
    texts = {
        "size_mb": translate("Search", "at most {value} MB on disk"),
        "memory_mb": translate("Search", "at most {value} MB of memory"),
        "first_token_ms": translate("Search", "the first token within {value} ms"),
        "tokens_per_s": translate("Search", "at least {value} tokens a second"),
        "score": translate("Search", "a score of at least {value} %"),
        "points_lost": translate("Search", "at most {value} points lost"),
    }
    return [
        texts[name].format(value=words.number(value, 6))
        for name, value in limits.model_dump(exclude_none=True).items()
    ]


def goal_words(limits: Limits) -> str:
    """Which export a search takes."""
    said = ", ".join(limit_words(limits))
    if not said:
        return translate("Search", "the smallest faithful export")
    if limits.quality:
        return translate("Search", "the smallest export with {limits}").format(limits=said)
    return translate("Search", "the most exact export with {limits}").format(limits=said)


def kind_words(kind: ExportKind) -> str:
    """What a kind of export is called."""
    return explain_error(kind.phrase).message


def doing_words(progress: Progress | None, space: Sequence[ExportKind]) -> str:
    """What a search does just now, by what its run reports; empty where that is not known."""
    if progress is None:
        return ""
    doing, number = progress.doing, progress.export
    activity = progress.activity or ""
    if doing is None and (found := _ACTIVITY.match(activity)):
        doing, number = cast(Doing, found[1]), int(found[2])
    if doing is None or number is None:
        if activity.startswith("measuring the "):
            return translate("Search", "Measuring the merged model, to compare with")
        return ""
    said = {
        "building": translate("Search", "Building export {number}: {kind}"),
        "looking at": translate("Search", "Comparing export {number} on a few rows: {kind}"),
        "measuring": translate("Search", "Measuring export {number} on all held-out rows: {kind}"),
    }[doing]
    if not 0 < number <= len(space):
        return ""  # its record is not read yet
    return said.format(number=number, kind=kind_words(space[number - 1]))
