"""Name, tags and note of a run."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from phi3studio.gui.pages.home.run_entries import RunEntry
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.ask import Question
from phi3studio.gui.widgets.basic import LineEdit, label
from phi3studio.gui.widgets.editors import GrowingEdit
from phi3studio.runs.shown.run_notes import RunNotes, parse_tags

Keep = Callable[[RunNotes], object]


class NotesDialog(Question):
    """Edits what its owner says of a run; *keep* is given the result."""

    def __init__(self, parent: QWidget, theme: Theme, entry: RunEntry, keep: Keep) -> None:
        super().__init__(
            parent,
            theme,
            self.tr("Name, tags and note"),
            self.tr("The recipe of the run stays as it is."),
        )
        notes = entry.notes
        self.name = LineEdit(entry.title)
        self.name.setMaxLength(80)
        self.tags = LineEdit(", ".join(notes.tags))
        self.tags.setPlaceholderText(self.tr("good, for Anna"))
        self.note = GrowingEdit(theme, mono=False, least=3, most=8)
        self.note.setPlainText(notes.note)
        for title, field in (
            (self.tr("Name"), self.name),
            (self.tr("Tags, with commas between"), self.tags),
            (self.tr("Note"), self.note),
        ):
            caption = label(title, "muted")
            caption.setBuddy(field)
            field.setAccessibleName(title)
            self.extra.addWidget(caption)
            self.extra.addWidget(field)
        own = entry.recipe.name if entry.recipe else entry.run.name

        def answer() -> None:
            name = " ".join(self.name.text().split())
            keep(
                RunNotes(
                    "" if name == own else name,
                    parse_tags(self.tags.text()),
                    self.note.toPlainText().strip(),
                    notes.pinned,
                )
            )

        save = self.add(self.tr("Save"), answer, kind="primary")
        self.name.returnPressed.connect(save.click)
        self.tags.returnPressed.connect(save.click)
        self.name.selectAll()
        self.name.setFocus()
