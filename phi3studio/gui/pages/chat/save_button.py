"""Saves what was said in the chat as a file."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMenu

from phi3studio.app.files import write_atomically
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import Button, Callout
from phi3studio.gui.widgets.dialogs.file_dialogs import choose_target
from phi3studio.runs.shown.transcript import Transcript, to_json_lines, to_markdown


class SaveButton(Button):
    """Asks for the form and the place; ``ended`` carries a :class:`Callout` of the result."""

    ended = Signal(object)

    def __init__(self, theme: Theme, transcripts: Callable[[], list[Transcript]]) -> None:
        super().__init__(theme, "", icon="save")
        self.rename(self.tr("Save transcript"))
        self._theme = theme
        self._transcripts = transcripts
        menu = QMenu(self)
        menu.addAction("Markdown").triggered.connect(lambda: self._choose_file("md"))
        menu.addAction("JSON lines").triggered.connect(lambda: self._choose_file("jsonl"))
        self.setMenu(menu)

    def save_to(self, file: Path) -> None:
        """Write all transcripts; the suffix says in which form."""
        said = [transcript for transcript in self._transcripts() if transcript.turns]
        text = to_json_lines(said) if file.suffix == ".jsonl" else to_markdown(said, time.time())
        try:
            write_atomically(file, text)
            note = Callout(self._theme, "good", self.tr("Saved as {file}").format(file=file))
        except OSError as error:
            why = error.strerror or str(error)
            note = Callout(
                self._theme,
                "error",
                self.tr("The file could not be written: {why}").format(why=why),
                self.tr("Choose another folder."),
            )
        self.ended.emit(note)

    def _choose_file(self, suffix: str) -> None:
        choose_target(
            self,
            self.tr("Save transcript"),
            f"chat.{suffix}",
            lambda path: self.save_to(Path(path)),
        )
