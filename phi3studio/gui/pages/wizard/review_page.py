"""The page Review: everything at a glance, and the recipe as it will be stored."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QShowEvent
from PySide6.QtWidgets import (
    QGridLayout,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from phi3studio.app.files import write_atomically
from phi3studio.domain.errors import InputError, UserFacingError
from phi3studio.domain.recipe import Recipe
from phi3studio.gui.context import Context
from phi3studio.gui.pages.wizard.estimate_card import EstimateCard
from phi3studio.gui.pages.wizard.session import WizardSession
from phi3studio.gui.pages.wizard.start_card import StartCard
from phi3studio.gui.pages.wizard.summary import summary_lines
from phi3studio.gui.tasks import Latest
from phi3studio.gui.texts import words
from phi3studio.gui.texts.messages import explain_error
from phi3studio.gui.widgets.basic import Button, Callout, Card, ComboBox, LineEdit, clear, label
from phi3studio.gui.widgets.dialogs.file_dialogs import choose_target
from phi3studio.gui.widgets.page_frame import Columns
from phi3studio.wizard.flow import Draft, display_name, to_recipe

_OLIVE_MS = 400

OliveConfig = Callable[[Recipe], Awaitable[str]]
"""The Olive config of a recipe, as text: asked of the olive service, takes seconds."""


class ReviewPage(QWidget):
    """The last look before the start."""

    def __init__(self, context: Context, session: WizardSession, olive_config: OliveConfig) -> None:
        super().__init__()
        self._context = context
        self._session = session
        self._olive = Latest(context.tasks, self, _OLIVE_MS)
        self._olive_of: Recipe | None = None
        self._olive_text = ""
        theme = context.theme
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(14)
        self._notes = QVBoxLayout()
        self._notes.setSpacing(8)
        layout.addLayout(self._notes)
        columns = Columns()
        layout.addWidget(columns)
        layout.addStretch(1)
        name = Card(self.tr("Name"))
        self.name = LineEdit()
        self.name.setAccessibleName(self.tr("Name of the run"))
        self.name.setMaxLength(80)
        self.name.textEdited.connect(lambda text: session.edit("review", name=text))
        name.body.addWidget(self.name)
        columns.left.addWidget(name)
        self._summary = Card(self.tr("Summary"))
        columns.left.addWidget(self._summary)
        columns.left.addWidget(EstimateCard(theme, session))
        self.start = StartCard(session)
        columns.left.addWidget(self.start)
        columns.left.addStretch(1)
        self._text = QPlainTextEdit()
        self._olive_config = olive_config
        self._viewer = Card(self.tr("Files"))
        self._which = ComboBox()
        self._which.setAccessibleName(self.tr("Which file"))
        self._which.addItem(self.tr("Recipe"), "recipe.json")
        self._which.addItem(self.tr("Olive config"), "olive-config.json")
        self._which.currentIndexChanged.connect(self._draw_text)
        self._viewer.header.addWidget(self._which)
        copy = Button(theme, self.tr("Copy"), icon="copy")
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self._text.toPlainText()))
        save = Button(theme, self.tr("Save…"), icon="save")
        save.clicked.connect(self._choose_file)
        self._fold = Button(theme, self.tr("Show"), icon="down")
        self._fold.clicked.connect(lambda: self._show_files(self._text.isHidden()))
        self._folded = (self._which, copy, save, self._text)
        for widget in (copy, save, self._fold):
            self._viewer.header.addWidget(widget)
        self._viewer.detail.setText(self.tr("the recipe, and the config for Microsoft Olive"))
        self._text.setReadOnly(True)
        self._text.setProperty("mono", True)
        self._text.setFont(theme.mono())
        self._text.setTabChangesFocus(True)
        self._text.setMinimumHeight(440)
        self._text.setAccessibleName(self.tr("Content of the file"))
        self._viewer.body.addWidget(self._text)
        self._show_files(False)
        columns.right.addWidget(self._viewer)
        columns.right.addStretch(1)
        session.changed.connect(self._draw)

    def _show_files(self, shown: bool) -> None:
        for widget in self._folded:
            widget.setVisible(shown)
        self._fold.rename(self.tr("Hide") if shown else self.tr("Show"))
        self._fold.set_icon("up" if shown else "down")
        self._viewer.detail.setVisible(not shown)
        self._draw_text()

    def _choose_file(self) -> None:
        choose_target(self, self.tr("Save the file"), self._which.currentData(), self.save_to)

    def save_to(self, file: str) -> None:
        """Write the recipe into a file."""
        try:
            write_atomically(Path(file), self._text.toPlainText() + "\n")
            said = Callout(
                self._context.theme, "good", self.tr("Saved as {file}").format(file=file)
            )
        except OSError as error:
            said = Callout(
                self._context.theme,
                "error",
                self.tr("The file could not be written: {why}").format(
                    why=error.strerror or str(error)
                ),
                self.tr("Choose another folder."),
            )
        self._notes.addWidget(said)

    def _draw(self) -> None:
        draft = self._session.draft
        if not self.name.hasFocus():
            self.name.setText(draft.name or display_name(draft))
        clear(self._notes)
        for problem in self._session.problems("review"):
            said = explain_error(problem.says)
            self._notes.addWidget(
                Callout(self._context.theme, problem.level, said.message, said.hint)
            )
        self._draw_text()
        self._draw_summary(draft)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self.start.start_at() is None:
            # Yesterday's offers have passed.
            self.start.reset()
        self._draw_text()

    def _draw_text(self) -> None:
        try:
            recipe = to_recipe(self._session.draft)
        except InputError:
            self._forget_olive()
            self._put("")
            return
        if self._which.currentIndex() == 0:
            self._put(json.dumps(recipe.to_json(), ensure_ascii=False, indent=2))
        elif self._text.isVisible():
            self._draw_olive(recipe)

    def _draw_olive(self, recipe: Recipe) -> None:
        # Olive knows no name: a run that is renamed has the same config.
        unnamed = recipe.model_copy(update={"name": "fine-tune"})
        if unnamed == self._olive_of:
            self._put(self._olive_text)
            return
        self._olive_of = unnamed
        self._show_olive(self.tr("Writing the Olive config; this takes a few seconds…"))

        def refuse(error: UserFacingError) -> None:
            why = explain_error(error)
            self._show_olive(f"{why.message}\n{why.hint}")

        self._olive.ask(lambda: self._olive_config(unnamed), self._show_olive, refuse)

    def _show_olive(self, text: str) -> None:
        self._olive_text = text
        if self._which.currentIndex() == 1:
            self._put(text)

    def _forget_olive(self) -> None:
        self._olive_of = None
        self._olive.withdraw()

    def _put(self, text: str) -> None:
        if text != self._text.toPlainText():
            self._text.setPlainText(text)

    def _draw_summary(self, draft: Draft) -> None:
        clear(self._summary.body)
        grid = QGridLayout()
        grid.setHorizontalSpacing(18)
        grid.setVerticalSpacing(9)
        grid.setColumnStretch(1, 1)
        lines = summary_lines(draft, self._session.facts)
        base = self._session.base
        if base is not None and base.to_download and draft.brings_model and not draft.in_cloud:
            said = self.tr("{size} from {host}, before the training")
            said = said.format(size=words.size(base.to_download), host=base.host)
            lines.append((self.tr("Downloads"), said))
        for index, (title, text) in enumerate(lines):
            grid.addWidget(label(title, "muted"), index, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(label(text, wrap=True), index, 1)
        self._summary.body.addLayout(grid)
