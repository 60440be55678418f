"""Where everything is kept, and how it gets to another place."""

from __future__ import annotations

import asyncio
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QVBoxLayout

from phi3studio.app.files import folder_bytes
from phi3studio.domain.errors import UserFacingError
from phi3studio.gui.context import Context
from phi3studio.gui.tasks import Latest, in_thread
from phi3studio.gui.texts import words
from phi3studio.gui.widgets.ask import Question
from phi3studio.gui.widgets.basic import Button, Callout, Card, Elided, clear, label, row
from phi3studio.gui.widgets.dialogs.file_dialogs import choose_folder
from phi3studio.gui.widgets.dialogs.open_place import open_path
from phi3studio.gui.widgets.states import ErrorState
from phi3studio.models.hub_cache import cache_folder
from phi3studio.runs import relocate


class FoldersCard(Card):
    """The folders with their sizes, each to be opened; the data directory can be changed."""

    def __init__(self, context: Context) -> None:
        super().__init__(" ")
        self.title.setText(self.tr("Folders"))
        self.setAccessibleName(self.tr("Folders"))
        self._context = context
        self._size_question = Latest(context.tasks, self)
        home = context.home
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(1, 1)
        self._sizes: dict[Path, QLabel] = {}
        self._known: dict[Path, int] = {}
        for line, (title, folder) in enumerate(
            (
                (self.tr("Data directory"), home.root),
                (self.tr("Runs"), home.runs),
                (self.tr("Your models"), home.models),
                (self.tr("Cache"), home.cache),
                (self.tr("Hub models"), cache_folder()),
            )
        ):
            grid.addWidget(label(title), line, 0)
            path = Elided(words.path(folder), "mono")
            path.setMinimumWidth(60)
            grid.addWidget(path, line, 1)
            size = label("", "small")
            size.setMinimumWidth(64)
            size.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self._sizes[folder] = size
            grid.addWidget(size, line, 2)
            opened = Button(
                context.theme,
                self.tr("Open {folder}").format(folder=title),
                kind="icon",
                icon="folder",
            )
            opened.clicked.connect(lambda _=False, f=folder: self._show(f))
            grid.addWidget(opened, line, 3)
        self.body.addLayout(grid)
        self.change = Button(context.theme, self.tr("Change the data directory…"))
        self.change.clicked.connect(self._choose)
        self.body.addLayout(row(self.change, 1))
        self._notes = QVBoxLayout()
        self.body.addLayout(self._notes)
        if context.home_from_environment:
            self.change.setEnabled(False)
            self.body.addWidget(
                label(
                    self.tr(
                        "The environment variable PHI3STUDIO_HOME decides where the "
                        "data directory is."
                    ),
                    "small",
                    wrap=True,
                )
            )
        else:
            self._draw_plan()

    def look(self) -> None:
        """Measure the folders."""
        self._size_question.ask(lambda: in_thread(_measure, list(self._sizes)), self._measured)

    def _measured(self, sizes: dict[Path, int]) -> None:
        self._known = sizes
        for folder, size in sizes.items():
            self._sizes[folder].setText(words.size(size) if size else "–")

    def _show(self, folder: Path) -> None:
        # The nearest one that is there: some are made when first needed.
        while not folder.exists() and folder.parent != folder:
            folder = folder.parent
        open_path(self, self._context.theme, folder)

    def _choose(self) -> None:
        choose_folder(
            self, self.tr("Choose the new data directory"), lambda path: self.ask(Path(path))
        )

    def ask(self, folder: Path) -> None:
        """Ask what becomes of what lies in the present home."""
        clear(self._notes)
        question = Question(
            self,
            self._context.theme,
            self.tr("Keep everything in {folder}?").format(folder=words.path(folder)),
            self.tr(
                "This takes effect when the window is started again. “Move” takes all "
                "runs, models, transcripts and settings along ({size}) and removes the "
                "old folder. “Use it as it is” moves nothing: what you have now stays "
                "in the old folder and is not shown until you choose that one again."
            ).format(size=words.size(self._known.get(self._context.home.root, 0))),
        )
        question.add(self.tr("Use it as it is"), lambda: self._plan(folder, move=False))
        question.add(self.tr("Move"), lambda: self._plan(folder, move=True), kind="primary")
        question.open()

    def _plan(self, folder: Path, *, move: bool) -> None:
        def plan() -> None:
            relocate.check_new_home(folder, self._context.home.root, move=move)
            relocate.plan(folder, move=move)

        self._context.tasks.run(asyncio.to_thread(plan), lambda _: self._draw_plan(), self._refuse)

    def _refuse(self, error: UserFacingError) -> None:
        clear(self._notes)
        self._notes.addWidget(ErrorState(self._context.theme, error))

    def _draw_plan(self) -> None:
        clear(self._notes)
        planned = relocate.pending()
        if planned is None:
            return
        place = words.path(planned.home)
        said = (
            self.tr("At the next start everything moves to {folder}.")
            if planned.move
            else self.tr("The next start uses {folder}.")
        )
        note = Callout(
            self._context.theme,
            "info",
            said.format(folder=place),
            self.tr("Close the window and start it again; runs must have ended by then.")
            if planned.move
            else "",
        )
        undo = Button(self._context.theme, self.tr("Undo"), kind="link")
        undo.clicked.connect(self._forget)
        note.buttons.addWidget(undo)
        self._notes.addWidget(note)

    def _forget(self) -> None:
        self._context.tasks.run(
            asyncio.to_thread(relocate.forget_plan), lambda _: self._draw_plan(), self._refuse
        )


def _measure(folders: list[Path]) -> dict[Path, int]:
    return {folder: _bytes(folder) for folder in folders}


def _bytes(folder: Path) -> int:
    try:
        return folder_bytes(folder) if folder.is_dir() else 0
    except OSError:
        return 0
