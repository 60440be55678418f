"""The trash: deleted runs, to be taken back or removed for good."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from phi3studio.gui.pages.home.run_entries import RunEntry
from phi3studio.gui.texts import words
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.ask import Question
from phi3studio.gui.widgets.basic import Button, Elided, label, row
from phi3studio.gui.widgets.in_turns import InTurns
from phi3studio.runs.store import RunFolder


class TrashDialog(Question):
    """Lists what was deleted; *restore* is given a run, *empty* removes all for good."""

    def __init__(
        self,
        parent: QWidget,
        theme: Theme,
        thrown: list[RunEntry],
        restore: Callable[[RunFolder], object],
        empty: Callable[[], object],
    ) -> None:
        self._restore = restore
        size = words.size(sum(entry.bytes for entry in thrown))
        super().__init__(
            parent,
            theme,
            self.tr("Trash"),
            self.tr("Deleted runs stay here for a week. They take {size}.").format(size=size)
            if thrown
            else self.tr("The trash is empty."),
        )
        self.cancel.rename(self.tr("Close"))
        InTurns(self).begin(map(self._add_line, thrown))
        if thrown:
            self.add(self.tr("Empty the trash"), empty, kind="danger")

    def _add_line(self, entry: RunEntry) -> None:
        back = Button(self._theme, self.tr("Put back"), icon="undo")
        back.setAccessibleName(self.tr("Put back {name}").format(name=entry.title))

        def answer() -> None:
            self.accept()
            self._restore(entry.run)

        back.clicked.connect(answer)
        line = row(Elided(entry.title), label(words.size(entry.bytes), "muted"), back)
        line.setStretch(0, 1)
        self.extra.addLayout(line)
