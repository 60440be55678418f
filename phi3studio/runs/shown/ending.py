"""What is said of a run that has ended, to somebody who looks elsewhere."""

from __future__ import annotations

import locale
import os
from pathlib import Path
from typing import Any

from phi3studio.app.files import read_object
from phi3studio.domain.messages import Phrase, say
from phi3studio.domain.run import RunState
from phi3studio.runs.relocate import hold
from phi3studio.runs.shown import desktop_note
from phi3studio.runs.shown.run_notes import read_notes
from phi3studio.runs.store import RunFolder

_SAID: dict[RunState, str] = {
    "completed": "run.note_done",
    "failed": "run.note_failed",
    "interrupted": "run.note_interrupted",
}


def ending(state: RunState) -> Phrase | None:
    """The note on an end that nobody asked for, or that was waited for; of any other ``None``.

    It says nothing of data, answers or folders: a note is seen by whoever passes the screen.
    """
    code = _SAID.get(state)
    return Phrase(code) if code is not None else None


def title_of(run: RunFolder) -> str:
    """The name that its user gave the run, else that of its recipe."""
    return read_notes(run).name or run.recipe().name


def tell_desktop(run: RunFolder) -> bool:
    """Show the note of a run that has ended, where its user wants one and no window is open.

    Returns whether there was one.
    """
    root = run.path.parent.parent
    wishes = read_object(root / "window.json")
    said = ending(run.state())
    if said is None or wishes.get("notify") == "off" or not _no_window(root):
        return False
    text = say(said, _language(wishes)).message
    return desktop_note.show(title_of(run), text)


def _no_window(root: Path) -> bool:
    lock = hold(root)
    if lock is None:
        return False  # the window has it, and tells of it itself
    lock.release()
    return True


def _language(wishes: dict[str, Any]) -> str:
    """The window's language, else the system's."""
    variables = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    named = wishes.get("language") or next(filter(None, variables), None) or locale.getlocale()[0]
    return "it" if str(named).casefold().startswith("it") else "en"
