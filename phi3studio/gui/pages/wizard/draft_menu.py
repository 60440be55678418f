"""The drafts that were put aside, as a menu of the wizard."""

from __future__ import annotations

import time

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMenu

from phi3studio.gui.context import Context
from phi3studio.gui.tasks import Latest, in_thread
from phi3studio.gui.texts import words
from phi3studio.gui.widgets.basic import Button
from phi3studio.runs.draft_shelf import DraftShelf, ShelvedDraft


class DraftMenu(Button):
    """Lists them by name and time; ``chosen`` carries one of them, ``new_wanted`` a fresh one."""

    chosen = Signal(object)
    new_wanted = Signal()

    def __init__(self, context: Context, shelf: DraftShelf) -> None:
        super().__init__(context.theme, "")
        self._shelf = shelf
        self._question = Latest(context.tasks, self)
        self._menu = QMenu(self)
        self.setMenu(self._menu)
        self.hide()
        self._draw([])

    def look(self) -> None:
        """Read the shelf again."""
        self._question.ask(lambda: in_thread(self._shelf.all), self._draw, lambda _: None)

    def _draw(self, drafts: list[ShelvedDraft]) -> None:
        self.setVisible(bool(drafts))
        self.rename(self.tr("%Ln draft(s) put aside", None, len(drafts)))
        self._menu.clear()
        now = time.time()
        for draft in drafts:
            title = f"{draft.name} · {words.ago(draft.changed, now)}"
            self._menu.addAction(title.replace("&", "&&")).triggered.connect(
                lambda _=False, d=draft: self.chosen.emit(d)
            )
        self._menu.addSeparator()
        self._menu.addAction(self.tr("New fine-tune")).triggered.connect(self.new_wanted)
