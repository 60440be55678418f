"""What the model will see of one row."""

from __future__ import annotations

from itertools import dropwhile

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QVBoxLayout

from phi3studio.domain.datasets.source_report import Preview
from phi3studio.domain.errors import UserFacingError
from phi3studio.domain.rows.repairs import SkipBroken
from phi3studio.gui.context import Context
from phi3studio.gui.pages.wizard.data.inspection import Inspection
from phi3studio.gui.pages.wizard.session import WizardSession
from phi3studio.gui.texts import words
from phi3studio.gui.texts.messages import explain_error
from phi3studio.gui.widgets.basic import Button, Callout, Card, LineEdit, clear, label, row
from phi3studio.gui.widgets.number_edit import parse_row
from phi3studio.gui.widgets.states import ErrorState, Skeleton
from phi3studio.gui.widgets.tokens_view import MOST, Legend, TokensView


class PreviewCard(Card):
    """Tokens of one row, live, with a stepper through the rows."""

    def __init__(self, context: Context, session: WizardSession, inspection: Inspection) -> None:
        super().__init__(" ")
        self.title.setText(self.tr("What the model will see"))
        self.setAccessibleName(self.tr("What the model will see"))
        self._context = context
        self._session = session
        self._inspection = inspection
        theme = context.theme
        before = Button(theme, self.tr("Previous row"), kind="icon", icon="left")
        after = Button(theme, self.tr("Next row"), kind="icon", icon="right")
        before.clicked.connect(lambda: self._step(-1))
        after.clicked.connect(lambda: self._step(1))
        self._rows = 1
        self._number = LineEdit("1")
        self._number.setAccessibleName(self.tr("Row"))
        self._number.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._number.setFixedWidth(64)
        self._number.editingFinished.connect(self._typed)
        self._of = label("", "muted")
        for widget in (before, self._number, self._of, after):
            self.header.addWidget(widget)
        self._trouble = QVBoxLayout()
        self.body.addLayout(self._trouble)
        self._skeleton = Skeleton(theme, 3)
        self.body.addWidget(self._skeleton)
        self.tokens = TokensView(theme)
        self.body.addWidget(self.tokens)
        self._worse = label(self.tr("The worse answer, after the same prompt"), "muted")
        self.rejected = TokensView(theme)
        for shown in (self._worse, self.rejected):
            shown.hide()
            self.body.addWidget(shown)
        self._counts = label("", "muted")
        legend = Legend(theme)
        self.body.addSpacing(2)
        self.body.addLayout(row(legend, 1))
        self.body.addWidget(self._counts)
        inspection.previewed.connect(self._draw)
        inspection.looked.connect(self._draw)
        inspection.failed.connect(self._fail)
        session.changed.connect(self._draw_range)

    def show_row(self, index: int) -> None:
        """Go to a row of the data."""
        row = max(0, min(index, self._rows - 1))
        self._number.setText(str(row + 1))
        if row != self._inspection.row:
            self._inspection.go_to_row(row)

    def _typed(self) -> None:
        self.show_row(parse_row(self._number.text()) - 1)

    def _step(self, by: int) -> None:
        self.show_row(self._inspection.row + by)

    def _draw_range(self) -> None:
        facts = self._session.facts.data
        rows = facts.rows if facts else 0
        self._rows = max(1, rows)
        self.setVisible(self._inspection.source is not None)
        self._of.setText(self.tr("of {rows}").format(rows=words.count(rows)))

    def _draw(self) -> None:
        self._draw_range()
        preview = self._inspection.preview
        self._skeleton.setVisible(preview is None and self._inspection.busy("preview"))
        self.tokens.setVisible(preview is not None)
        rejected = preview.rejected if preview is not None else None
        for widget in (self._worse, self.rejected):
            widget.setVisible(rejected is not None)
        if rejected is not None:
            answer = dropwhile(lambda token: token.kind == "masked", rejected.tokens)
            self.rejected.show_tokens(tuple(answer), rejected.completion)
        if not self._inspection.busy("preview"):
            clear(self._trouble)
        if preview is None:
            self._counts.setText("")
            return
        if not self._number.hasFocus():
            self._number.setText(str(self._inspection.row + 1))
        said = self._said(preview)
        self.tokens.show_tokens(preview.tokens, f"{preview.rendered}. {said}")
        self._counts.setText(said)
        if preview.dropped and not self._inspection.busy("preview"):
            chosen = self._session.draft.repairs
            same = [r for r in chosen if r.kind == preview.dropped]
            same = [r for r in same if getattr(r, "row", preview.row + 1) == preview.row + 1]
            repair = same[0] if same else SkipBroken()
            why = explain_error(repair.says).message
            text = self.tr("A repair leaves this row out: {why}").format(why=why)
            self._trouble.addWidget(Callout(self._context.theme, "info", text))

    def _said(self, preview: Preview) -> str:
        total = len(preview.tokens)
        parts = [
            self.tr("%Ln token(s)", None, total),
            self.tr("%Ln learned", None, preview.trained_tokens),
        ]
        if preview.good is not None:
            parts.append(self.tr("rated good") if preview.good else self.tr("rated bad"))
        if preview.cut_off:
            parts.append(self.tr("%Ln truncated", None, preview.cut_off))
        if total > MOST:
            parts.append(self.tr("the first {n} are shown").format(n=MOST))
        return ", ".join(parts)

    def _fail(self, what: str, error: UserFacingError) -> None:
        if what != "preview":
            return
        clear(self._trouble)
        state = ErrorState(self._context.theme, error)
        again = Button(self._context.theme, self.tr("Try again"), kind="link")
        again.clicked.connect(lambda: self._inspection.go_to_row(self._inspection.row))
        state.callout.buttons.addWidget(again)
        self._trouble.addWidget(state)
        self._skeleton.hide()
        for widget in (self.tokens, self._worse, self.rejected):
            widget.hide()
