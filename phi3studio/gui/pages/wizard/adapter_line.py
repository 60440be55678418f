"""Starting from an adapter that was trained before: of a run, or any PEFT folder."""

from __future__ import annotations

import asyncio
from pathlib import Path

from PySide6.QtWidgets import QMenu, QVBoxLayout, QWidget

from phi3studio.domain.errors import UserFacingError
from phi3studio.gui.context import Context
from phi3studio.gui.pages.wizard.session import WizardSession
from phi3studio.gui.texts import words
from phi3studio.gui.widgets.basic import Button, Callout, clear
from phi3studio.gui.widgets.dialogs.file_dialogs import choose_folder
from phi3studio.gui.widgets.states import ErrorState
from phi3studio.models.adapters import Adapter, read_adapter
from phi3studio.runs.store import RunFolder
from phi3studio.wizard.optional_steps import with_adapter

_MOST_RUNS = 15


class AdapterLine(QWidget):
    """What the draft starts from; ``button`` is for the page's own line of buttons."""

    def __init__(self, context: Context, session: WizardSession) -> None:
        super().__init__()
        self._context = context
        self._session = session
        self.button = Button(context.theme, self.tr("Start from an adapter"), icon="plus")
        self._menu = QMenu(self.button)
        self._menu.aboutToShow.connect(self._fill)
        self.button.setMenu(self._menu)
        self._notes = QVBoxLayout(self)
        self._notes.setContentsMargins(0, 0, 0, 0)
        self._shown: tuple[str | None, bool] | None = None
        session.changed.connect(self._draw)
        self._draw()

    def use_folder(self, folder: str) -> None:
        """Take the adapter in *folder*, over the base model that is chosen."""
        self._read(Path(folder), None)

    def use_run(self, run: RunFolder) -> None:
        """Take a run's adapter together with its base model."""
        try:
            base = run.recipe().model.source
        except UserFacingError as error:
            self._refuse(error)
            return
        self._read(run.adapter, base)

    def _read(self, folder: Path, base: str | None) -> None:
        def known(adapter: Adapter) -> None:
            self._shown = None
            self._session.take(with_adapter(self._session.draft, str(adapter.folder), base))
            self._draw()

        self._context.tasks.run(asyncio.to_thread(read_adapter, folder), known, self._refuse)

    def _fill(self) -> None:
        self._menu.clear()
        found = [run for run in self._context.store.all()[:200] if run.adapter.is_dir()]
        for run in found[:_MOST_RUNS]:
            self._menu.addAction(run.name).triggered.connect(lambda _=False, r=run: self.use_run(r))
        if not found:
            nothing = self._menu.addAction(self.tr("No run has an adapter yet"))
            nothing.setEnabled(False)
        self._menu.addSeparator()
        self._menu.addAction(self.tr("Adapter folder…")).triggered.connect(self._choose)

    def _choose(self) -> None:
        choose_folder(self, self.tr("Choose the folder of an adapter"), self.use_folder)

    def _refuse(self, error: UserFacingError) -> None:
        # Below what the draft starts from; it stays until that changes or another folder is chosen.
        self._shown = None
        self._draw()
        self.show()
        self._notes.addWidget(ErrorState(self._context.theme, error))

    def _draw(self) -> None:
        draft = self._session.draft
        key = (draft.adapter, draft.trains)
        if key == self._shown:
            return
        self._shown = key
        clear(self._notes)
        self.setVisible(draft.adapter is not None)
        if draft.adapter is None:
            return
        place = words.path(Path(draft.adapter))
        note = Callout(
            self._context.theme,
            "info",
            self.tr("Starts from the adapter in {folder}").format(folder=place),
            self.tr("Its training continues. It must belong to the chosen base model.")
            if draft.trains
            else self.tr("It is merged as it is into the chosen base model."),
        )
        drop = Button(self._context.theme, self.tr("Start from scratch"), kind="link")
        drop.clicked.connect(lambda: self._session.take(with_adapter(self._session.draft, None)))
        note.buttons.addWidget(drop)
        self._notes.addWidget(note)
