"""Runs that are thrown away: into the trash, and back."""

from __future__ import annotations

import asyncio

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from phi3studio.domain.errors import UserFacingError
from phi3studio.gui.context import Context
from phi3studio.gui.pages.home.run_entries import RunEntry, read_entry
from phi3studio.gui.pages.home.runs_model import RunsModel
from phi3studio.gui.pages.home.trash_dialog import TrashDialog
from phi3studio.gui.widgets.basic import Button, Callout, clear
from phi3studio.runs.store import RunFolder


class RunTrash(QWidget):
    """Shows the offer to take back what was thrown away last. ``undone`` when it was taken;
    ``failed`` carries why something could not be done."""

    undone = Signal()
    failed = Signal(object)

    def __init__(self, context: Context, runs: RunsModel) -> None:
        super().__init__()
        self._context = context
        self._runs = runs
        self._offer = QVBoxLayout(self)
        self._offer.setContentsMargins(0, 0, 0, 0)
        self.hide()

    def discard(self, runs: list[RunFolder]) -> None:
        """Put runs that are not at work into the trash, and offer to take them back."""
        at_rest = [run for run in runs if (e := self._runs.entry(run)) is None or not e.live]
        # Where all are at work, the store says so.
        at_rest = at_rest or runs
        if not at_rest:
            return
        first = self._runs.entry(at_rest[0])
        title = first.title if first is not None else at_rest[0].name

        def discard() -> list[RunFolder]:
            return [self._context.store.discard(run) for run in at_rest]

        def done(thrown: list[RunFolder]) -> None:
            for run in at_rest:
                self._runs.forget(run)
            self._offer_back(thrown, title)

        self._context.tasks.run(asyncio.to_thread(discard), done, self._fail)

    def hide_offer(self) -> None:
        """Take back the offer; the runs stay in the trash."""
        clear(self._offer)
        self.hide()

    def look_into(self, window: QWidget) -> None:
        """Show what is in the trash, in a dialog over *window*."""
        store = self._context.store

        def look() -> list[RunEntry]:
            return [read_entry(run) for run in store.trashed()]

        def show(thrown: list[RunEntry]) -> None:
            TrashDialog(
                window,
                self._context.theme,
                thrown,
                lambda run: self._restore([run]),
                lambda: self._context.tasks.run(
                    asyncio.to_thread(store.empty_trash), None, self.failed.emit
                ),
            ).open()

        self._context.tasks.run(asyncio.to_thread(look), show, self.failed.emit)

    def _offer_back(self, thrown: list[RunFolder], title: str) -> None:
        self.hide_offer()
        theme = self._context.theme
        said = (
            self.tr("“{name}” is in the trash.").format(name=title)
            if len(thrown) == 1
            else self.tr("%Ln run(s) are in the trash.", None, len(thrown))
        )
        note = Callout(theme, "info", said)
        undo = Button(theme, self.tr("Undo"), kind="link", icon="undo")
        undo.clicked.connect(lambda: self._restore(thrown))
        undo.heir = self.undone.emit
        note.buttons.addWidget(undo)
        self._offer.addWidget(note)
        self.show()

    def _restore(self, thrown: list[RunFolder]) -> None:
        self.hide_offer()

        def restore() -> None:
            for run in thrown:
                self._context.store.restore(run)

        self._context.tasks.run(
            asyncio.to_thread(restore), lambda _: self._runs.refresh(), self._fail
        )

    def _fail(self, error: UserFacingError) -> None:
        self.failed.emit(error)
        self._runs.list_now()
