"""The ratings that were given: looked through, turned round, deleted, saved, trained on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QWidget

from phi3studio.domain.ratings.rating import Rating
from phi3studio.gui.pages.chat.rating.rating_desk import RatingDesk
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.ask import Question
from phi3studio.gui.widgets.basic import Button, ComboBox, label, row
from phi3studio.gui.widgets.dialogs.file_dialogs import choose_target
from phi3studio.gui.widgets.rows_table import RowsTable
from phi3studio.wizard.row_view import ShownRow

_MOST = 200
_WIDE = 860

Title = Callable[[str], str]
"""What a model of the ratings is called in the window."""


class RatingsDialog(Question):
    """*save* is given the ratings that are listed and a file, *train* the ratings alone."""

    def __init__(
        self,
        parent: QWidget,
        theme: Theme,
        desk: RatingDesk,
        title: Title,
        save: Callable[[list[Rating], Path], object],
        train: Callable[[list[Rating]], object],
    ) -> None:
        super().__init__(
            parent,
            theme,
            self.tr("Ratings"),
            self.tr(
                "Comparisons are pairs of a better and a worse answer. Thumbs make a pair where "
                "the same question has a good and a bad answer; the others are saved with a label."
            ),
        )
        self._desk = desk
        self._title = title
        self._save = save
        self._train = train
        self.listed: list[Rating] = []
        self._model = ComboBox()
        self._model.setAccessibleName(self.tr("Model"))
        self._model.activated.connect(lambda _: self._draw())
        self._count = label("", "muted")
        self.extra.addLayout(row(self._model, self._count, 1))
        self.table = RowsTable(self.tr("Ratings"), rows_shown=10)
        self.table.edit_wanted.connect(self.turn)
        self.table.remove_wanted.connect(self.remove)
        self.table.row_chosen.connect(lambda _: self._allow())
        self.extra.addWidget(self.table)
        self._turn = Button(theme, self.tr("Turn round"), icon="refresh")
        self._turn.setToolTip(self.tr("Good becomes bad, the worse answer the better one"))
        self._turn.clicked.connect(self.turn)
        self._delete = Button(theme, self.tr("Delete"), icon="trash")
        self._delete.clicked.connect(self.remove)
        self.extra.addLayout(row(self._turn, self._delete, 1))
        self.cancel.rename(self.tr("Close"))
        self.save_button = self.add_kept(self.tr("Export…"), self._choose_file)
        self.train_button = self.add(
            self.tr("Train on these"), lambda: self._train(self.listed), kind="primary"
        )
        self.widen(_WIDE)
        desk.changed.connect(self._fill)
        # It is deleted some time after it was closed.
        self.finished.connect(lambda _: desk.changed.disconnect(self._fill))
        self._fill()

    def turn(self) -> None:
        """Rate the chosen answer the other way round."""
        rating = self._chosen
        if rating is not None:
            self._desk.turn(rating)

    def remove(self) -> None:
        """Take the chosen rating back."""
        rating = self._chosen
        if rating is not None:
            self._desk.delete(rating)

    @property
    def _chosen(self) -> Rating | None:
        row = self.table.current
        return self.listed[row.place] if row is not None else None

    def _fill(self) -> None:
        wanted = self._model.currentData()
        names = {r.model: None for r in self._desk.known.ratings}
        self._model.clear()
        self._model.addItem(self.tr("All models"), None)
        for name in names:
            self._model.addItem(self._title(name), name)
        self._model.setCurrentIndex(max(0, self._model.findData(wanted)))
        self._draw()

    def _draw(self) -> None:
        model = self._model.currentData()
        self.listed = [
            rating
            for rating in self._desk.known.ratings
            if model in (None, rating.model, rating.rejected_model)
        ]
        columns = (
            self.tr("Rated"),
            self.tr("Question"),
            self.tr("Answer"),
            self.tr("Worse answer"),
            self.tr("Model"),
        )
        rows = [
            ShownRow(at, rating.id, dict(zip(columns, self._cells(rating), strict=True)))
            for at, rating in enumerate(self.listed[:_MOST])
        ]
        self.table.show_rows(columns, rows)
        said = self.tr("%Ln rating(s)", None, len(self.listed))
        if len(self.listed) > _MOST:
            said += ", " + self.tr("the newest {n} are shown").format(n=_MOST)
        damaged = self._desk.known.damaged
        if damaged:
            said += ", " + self.tr("%Ln damaged line(s) passed over", None, damaged)
        self._count.setText(said)
        for button in (self.save_button, self.train_button):
            button.setEnabled(bool(self.listed))
        self._allow()

    def _cells(self, rating: Rating) -> tuple[str, ...]:
        pair = rating.verdict == "pair"
        return (
            {"up": self.tr("good"), "down": self.tr("bad"), "pair": self.tr("better")}[
                rating.verdict
            ],
            rating.question.shown.strip(),
            rating.answer.strip() or "∅",
            (rating.rejected.strip() or "∅") if pair else "",
            self._title(rating.model),
        )

    def _allow(self) -> None:
        for button in (self._turn, self._delete):
            button.setEnabled(self._chosen is not None)

    def _choose_file(self) -> None:
        choose_target(
            self,
            self.tr("Export the ratings"),
            "ratings.jsonl",
            lambda path: self._save(self.listed, Path(path)),
        )
