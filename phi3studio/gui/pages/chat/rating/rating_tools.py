"""What the chat page has of ratings: two buttons in its header, the view to compare in, and the
list of what was rated."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from phi3studio.domain.ratings.preference_rows import rows_to_train
from phi3studio.domain.ratings.rating import Rating
from phi3studio.gui.context import Context
from phi3studio.gui.pages.chat.model_column import ModelColumn
from phi3studio.gui.pages.chat.rating.blind_view import BlindView
from phi3studio.gui.pages.chat.rating.rating_desk import RatingDesk
from phi3studio.gui.pages.chat.rating.ratings_dialog import RatingsDialog
from phi3studio.gui.tasks import in_thread
from phi3studio.gui.widgets.basic import Button, Callout
from phi3studio.runs.shown.rating_shelf import Exported
from phi3studio.services.chat_client import Chat


class RatingTools(QObject):
    """``noted`` carries a widget that says how something went; ``train_wanted`` what was written
    to train on (:class:`Exported`) and the name of the model that gave the answers."""

    noted = Signal(object)
    failed = Signal(object)
    train_wanted = Signal(object, str)

    def __init__(
        self, context: Context, engine: Chat, page: QWidget, title: Callable[[str], str]
    ) -> None:
        super().__init__(page)
        self._context = context
        self._page = page
        self._title = title
        self.desk = RatingDesk(context, engine, self)
        self.desk.failed.connect(self.failed)
        self.view = BlindView(context, self.desk)
        self.compare = Button(context.theme, self.tr("Compare blind"), icon="compare")
        self.compare.setCheckable(True)
        self.list = Button(context.theme, self.tr("Ratings"), kind="icon", icon="good")
        self.list.clicked.connect(self.open_list)
        self.desk.changed.connect(self._allow)
        self._allow()

    def follow(self, column: ModelColumn) -> None:
        """Show and take the ratings of a model's answers."""
        column.shown.connect(lambda: self._show(column))
        column.rated.connect(lambda depth, verdict: self._rate(column, depth, verdict))
        self.desk.changed.connect(column.shown)

    def open_list(self) -> RatingsDialog:
        """Show what was rated."""
        theme = self._context.theme
        dialog = RatingsDialog(
            self._page, theme, self.desk, self._title, self.save_to, self.train_on
        )
        dialog.open()
        return dialog

    def save_to(self, ratings: list[Rating], file: Path) -> None:
        """Write *ratings* into a file of the user's."""
        self._run(
            lambda: self.desk.shelf.export(ratings, file),
            lambda done: self.noted.emit(self._saved(done)),
        )

    def train_on(self, ratings: list[Rating]) -> None:
        """Write *ratings* into a file of ours, and let the wizard begin with it."""
        home = self._context.home
        name = f"ratings-{time.strftime('%Y%m%d-%H%M%S')}.jsonl"
        newest = max(ratings, key=lambda rating: rating.time)
        self._run(
            lambda: self.desk.shelf.export(
                ratings, home.made(home.root / "ratings" / "training") / name, rows_to_train
            ),
            lambda done: self.train_wanted.emit(done, newest.model),
        )

    def _run(self, export: Callable[[], Exported], then: Callable[[Exported], None]) -> None:
        self._context.tasks.run(in_thread(export), then, self.failed.emit)

    def _saved(self, done: Exported) -> Callout:
        rows = done.rows
        text = (
            self.tr("%Ln pair(s) in {file}.", None, len(rows.pairs)).format(file=done.file)
            if rows.pairs
            else ""
        )
        labels = (
            self.tr("%Ln answer(s) with a label in {file}.", None, len(rows.labelled)).format(
                file=done.labels or done.file
            )
            if rows.labelled
            else ""
        )
        return Callout(self._context.theme, "good", text or labels, labels if text else "")

    def _show(self, column: ModelColumn) -> None:
        turns = column.transcript.turns
        for depth, (view, turn) in enumerate(zip(column.views, turns, strict=False)):
            question = column.question_at(depth)
            view.thumbs.show_verdict(self.desk.verdict_of(question, column.folder, turn.answer))

    def _rate(self, column: ModelColumn, depth: int, verdict: object) -> None:
        answer = column.views[depth].turn.answer
        self.desk.rate(column.question_at(depth), column.folder, answer, verdict)  # type: ignore[arg-type]

    def _allow(self) -> None:
        self.list.setVisible(bool(self.desk.known.ratings or self.desk.known.damaged))
