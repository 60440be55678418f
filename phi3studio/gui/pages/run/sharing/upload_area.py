"""A run's result on its way to the hub: how far it is, and what came of it."""

from __future__ import annotations

from typing import Any

from PySide6.QtGui import QGuiApplication

from phi3studio.domain.errors import UserFacingError
from phi3studio.gui.context import Context
from phi3studio.gui.pages.run.sharing.upload_question import Upload, UploadQuestion
from phi3studio.gui.pages.run.sharing.work_area import WorkArea
from phi3studio.gui.texts import words
from phi3studio.gui.widgets.basic import Button, Callout
from phi3studio.gui.widgets.dialogs.open_place import open_address
from phi3studio.gui.widgets.states import ErrorState
from phi3studio.runs.store import RunFolder
from phi3studio.services.run_push import Pushed, push_files


class UploadArea(WorkArea):
    """Asks, uploads in the background, says how far it is and what came of it. Another run may be
    shown meanwhile."""

    def __init__(self, context: Context) -> None:
        super().__init__(context, "up")
        self._run: RunFolder | None = None
        self._name = ""
        self.button.rename(self.tr("Upload…"))
        self.button.clicked.connect(lambda: self.ask())

    def show_run(self, run: RunFolder) -> None:
        """Take a run's results; what was said of another run is gone."""
        if run != self._run:
            self._run, self._name = run, ""
            self.forget_notes()
        there = (run.model, run.merged, run.adapter)
        self.button.setVisible(any(folder.is_dir() for folder in there))

    def ask(self) -> None:
        """Ask what goes where, with every file of it."""
        run = self._run
        if run is not None and not self.busy:
            name = self._name or run.recipe().slug
            question = UploadQuestion(self, self._context, run, name)
            question.wished.connect(self.upload)
            question.open()

    def upload(self, wish: Upload, token: str | None) -> None:
        """Upload what the user has seen."""
        if self._run is None or self.busy:
            return
        self._name = wish.name
        self.begin(
            self.tr("Uploading to {name}").format(name=wish.name),
            self.tr("Progress of the upload"),
            push_files(
                self._context.home,
                wish.name,
                wish.files,
                private=wish.private,
                token=token,
                on_item=self._follow,
            ),
            lambda made: self._uploaded(made, wish.private),
            self._refuse,
        )

    def cancelled_words(self) -> str:
        return self.tr(
            "The upload was cancelled: the repository has no new files. It may have been made."
        )

    def _follow(self, item: dict[str, Any]) -> None:
        said = self.tr("{file}, {number} of {count} · {done} of {total}").format(
            file=item["path"],
            number=int(item["step"]) + 1,
            count=item["total"],
            done=words.size(item["done_bytes"]),
            total=words.size(item["total_bytes"]),
        )
        self.show_progress(said, int(item["done_bytes"]), int(item["total_bytes"]))

    def _uploaded(self, made: Pushed, private: bool) -> None:
        theme = self._context.theme
        said = (
            self.tr("Uploaded to {name}: private, for you and the people you invite.")
            if private
            else self.tr("Uploaded to {name}: public, everybody may read it.")
        )
        note = Callout(theme, "good", said.format(name=made.name), made.url)
        copy = Button(theme, self.tr("Copy"), kind="link", icon="copy")
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(made.url))
        opened = Button(theme, self.tr("Open in the browser"), kind="link")
        opened.clicked.connect(lambda: open_address(self, theme, made.url))
        note.buttons.addWidget(copy)
        note.buttons.addWidget(opened)
        self.show_notes(note)

    def _refuse(self, error: UserFacingError) -> None:
        failed = ErrorState(self._context.theme, error)
        again = Button(self._context.theme, self.tr("Try again…"), kind="link")
        again.clicked.connect(lambda: self.ask())
        failed.callout.buttons.addWidget(again)
        self.show_notes(failed)
