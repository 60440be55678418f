"""What one can talk to: finished runs, their base models, a folder."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMenu, QWidget

from phi3studio.gui.pages.chat.untuned_base import Base
from phi3studio.gui.pages.home.runs_model import RunsModel
from phi3studio.gui.widgets.dialogs.file_dialogs import choose_folder

_MOST_RUNS = 40


class ModelMenu(QMenu):
    """Lists them again each time it opens. *here*: the model folders that take part already;
    *bases*: the base models of those."""

    run_chosen = Signal(object)
    base_chosen = Signal(object)
    folder_chosen = Signal(object)

    def __init__(
        self,
        parent: QWidget,
        runs: RunsModel,
        here: Callable[[], Collection[Path]],
        bases: Callable[[], Iterable[Base]],
    ) -> None:
        super().__init__(parent)
        self._window = parent
        self._runs = runs
        self._here = here
        self._bases = bases
        self.aboutToShow.connect(self.fill)

    def fill(self) -> None:
        """List what there is now."""
        self.clear()
        here = self._here()
        for entry in self._runs.entries()[:_MOST_RUNS]:
            if entry.state == "completed" and entry.run.model not in here:
                self.addAction(entry.title).triggered.connect(
                    lambda _=False, run=entry.run: self.run_chosen.emit(run)
                )
        self.addSeparator()
        for base in self._bases():
            self.addAction(
                self.tr("Base model, untuned: {name}").format(name=base.title)
            ).triggered.connect(lambda _=False, b=base: self.base_chosen.emit(b))
        self.addAction(self.tr("Model folder…")).triggered.connect(self._choose_folder)

    def _choose_folder(self) -> None:
        choose_folder(
            self._window,
            self.tr("Choose a folder with an exported model"),
            lambda path: self.folder_chosen.emit(Path(path)),
        )
