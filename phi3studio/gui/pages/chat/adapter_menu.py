"""Where a further adapter comes from: another run over the same base, or a folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMenu

from phi3studio.gui.pages.chat.model_column import ModelColumn
from phi3studio.gui.pages.home.run_entries import RunEntry
from phi3studio.gui.widgets.dialogs.file_dialogs import choose_folder

_MOST = 40


def fitting(own: RunEntry, entries: Iterable[RunEntry]) -> list[RunEntry]:
    """Those of *entries* that have trained an adapter over the base model of *own*."""
    if own.recipe is None:
        return []
    base = own.recipe.model
    found = [
        entry
        for entry in entries
        if entry.recipe is not None
        and (entry.recipe.model.source, entry.recipe.model.revision) == (base.source, base.revision)
        and entry.run != own.run
        and not entry.live
        and entry.run.adapter.is_dir()
    ]
    return found[:_MOST]


class AdapterMenu(QMenu):
    """Puts what is chosen next to the model of *column*. Goes when it is closed."""

    def __init__(self, column: ModelColumn, entries: Iterable[RunEntry]) -> None:
        super().__init__(column)
        self._column = column
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for entry in entries:
            self.addAction(entry.title).triggered.connect(
                lambda _=False, e=entry: column.attach(e.run.adapter, e.title)
            )
        self.addSeparator()
        self.addAction(self.tr("Adapter folder…")).triggered.connect(self._choose)

    def _choose(self) -> None:
        column = self._column
        choose_folder(
            column,
            self.tr("Choose a folder with a LoRA adapter"),
            lambda path: column.attach(Path(path), Path(path).name),
        )
