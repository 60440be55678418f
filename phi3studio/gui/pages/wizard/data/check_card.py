"""Findings about the data, their repairs, and the statistics."""

from __future__ import annotations

from PySide6.QtWidgets import QProgressBar, QVBoxLayout

from phi3studio.domain import dataset
from phi3studio.domain.errors import UserFacingError
from phi3studio.gui.context import Context
from phi3studio.gui.pages.wizard.data.inspection import Inspection
from phi3studio.gui.pages.wizard.session import WizardSession
from phi3studio.gui.texts import words
from phi3studio.gui.texts.messages import explain_error
from phi3studio.gui.widgets.bars import Histogram, LabelBars
from phi3studio.gui.widgets.basic import Button, Card, Finding, Level, clear, label
from phi3studio.gui.widgets.states import ErrorState
from phi3studio.wizard.flow import with_column, with_ignored, with_repair, without_repair

_LEVELS: dict[dataset.Level, Level] = {"error": "error", "warning": "warning", "info": "info"}


class CheckCard(Card):
    """What harms the result, and one button for each remedy."""

    def __init__(self, context: Context, session: WizardSession, inspection: Inspection) -> None:
        super().__init__(" ")
        self.title.setText(self.tr("Check"))
        self.setAccessibleName(self.tr("Check"))
        self._context = context
        self._session = session
        self._inspection = inspection
        self._shown: object = None
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(self.tr("Progress of the check"))
        self.body.addWidget(self._bar)
        self._list = QVBoxLayout()
        self._list.setSpacing(8)
        self.body.addLayout(self._list)
        inspection.check_moved.connect(self._draw)
        inspection.failed.connect(self._fail)
        session.changed.connect(self._draw)

    def _draw(self) -> None:
        report = self._inspection.report
        busy = self._inspection.busy("check")
        progress = self._inspection.progress
        self.setVisible(self._inspection.source is not None)
        self._bar.setVisible(busy)
        if busy and progress is not None and progress.total:
            self._bar.setRange(0, 1000)
            self._bar.setValue(round(1000 * min(1.0, progress.done / progress.total)))
        elif busy:
            self._bar.setRange(0, 0)
        if busy:
            rows = progress.rows if progress else 0
            self.detail.setText(
                self.tr("%Ln row(s) read", None, rows) if rows else self.tr("reading all rows…")
            )
        elif report is not None:
            count = len(report.findings)
            self.detail.setText(self.tr("%Ln finding(s)", None, count))
        else:
            self.detail.setText(self.tr("when the template is complete"))
        repairs = self._session.draft.repairs
        ignored = self._session.draft.ignore
        key = (id(report), repairs, ignored)
        if key != self._shown:
            self._shown = key
            self._draw_findings(report, repairs)

    def _draw_findings(
        self, report: dataset.Report | None, repairs: tuple[dataset.Repair, ...]
    ) -> None:
        clear(self._list)
        theme = self._context.theme
        for repair in repairs:
            chosen = Finding(theme, "good", explain_error(repair.says).message)
            undo = Button(theme, self.tr("Undo"), kind="link")
            undo.clicked.connect(
                lambda _=False, r=repair: self._session.take(without_repair(self._session.draft, r))
            )
            chosen.buttons.addWidget(undo)
            self._list.addWidget(chosen)
        if self._session.draft.ignore:
            self._list.addWidget(self._ignored())
        if report is None:
            return
        for found in report.findings:
            said = explain_error(found.says)
            hint = said.hint
            if found.examples:
                example = found.examples[0]
                text = explain_error(example.says).message if example.says else example.text
                hint += " " + self.tr("First: row {row}, “{text}”.").format(
                    row=words.count(example.row + 1), text=text[:80]
                )
            rows = self.tr("%Ln row(s)", None, found.rows) + ": " if found.rows else ""
            card = Finding(theme, _LEVELS[found.level], rows + said.message, hint.strip())
            for offer in found.repairs:
                fix = Button(theme, explain_error(offer.repair.says).message, kind="link")
                fix.clicked.connect(
                    lambda _=False, r=offer.repair: self._session.take(
                        with_repair(self._session.draft, r)
                    )
                )
                card.buttons.addWidget(fix)
            self._offer_unread(card, found)
            self._list.addWidget(card)
        figures = report.statistics
        if not any(found.code == "cut_off" for found in report.findings):
            length = self._session.draft.training.sequence_length
            text = self.tr(
                "No row is cut off: the longest has {longest} of {length} tokens"
            ).format(longest=words.count(figures.longest), length=words.count(length))
            if not figures.cut_off_rows:
                self._list.addWidget(Finding(theme, "good", text))

    def _offer_unread(self, card: Finding, found: dataset.Finding) -> None:
        """Use a column that the model does not see, or ignore it knowingly."""
        theme, session = self._context.theme, self._session
        facts = session.facts.data
        column = found.unread[0] if len(found.unread) == 1 else ""
        template = found.code.startswith("unread:") and session.draft.shape == "columns"
        if template and facts is not None and column in facts.columns:
            use = Button(theme, self.tr("Use in the prompt"), kind="link")
            use.clicked.connect(lambda: session.take(with_column(session.draft, column)))
            card.buttons.addWidget(use)
        if found.unread:
            ignore = Button(theme, self.tr("Ignore"), kind="link")
            ignore.clicked.connect(lambda: session.take(with_ignored(session.draft, found.unread)))
            card.buttons.addWidget(ignore)

    def _ignored(self) -> Finding:
        """What the user has said that the model need not see."""
        theme, session = self._context.theme, self._session
        names = ", ".join(session.draft.ignore)
        card = Finding(theme, "good", self.tr("Ignored: {names}").format(names=names))
        undo = Button(theme, self.tr("Undo"), kind="link")
        undo.clicked.connect(lambda: session.edit("data", ignore=()))
        card.buttons.addWidget(undo)
        return card

    def _fail(self, what: str, error: UserFacingError) -> None:
        if what == "check":
            clear(self._list)
            self._bar.hide()
            state = ErrorState(self._context.theme, error)
            again = Button(self._context.theme, self.tr("Try again"), kind="link")
            again.clicked.connect(self._inspection.again)
            state.finding.buttons.addWidget(again)
            self._list.addWidget(state)


class StatisticsCard(Card):
    """Lengths and labels."""

    def __init__(self, context: Context, inspection: Inspection) -> None:
        super().__init__(" ")
        self.title.setText(self.tr("Statistics"))
        self.setAccessibleName(self.tr("Statistics"))
        self._inspection = inspection
        self._lengths = Histogram(context.theme)
        self._figures = label("", "muted", wrap=True)
        self._labels = LabelBars(context.theme)
        self._labels_title = label(self.tr("Labels"), "strong")
        self.body.addWidget(label(self.tr("Length of the rows"), "strong"))
        self.body.addWidget(self._lengths)
        self.body.addWidget(self._figures)
        self.body.addWidget(self._labels_title)
        self.body.addWidget(self._labels)
        inspection.check_moved.connect(self._draw)
        self.hide()

    def _draw(self) -> None:
        report = self._inspection.report
        self.setVisible(report is not None)
        if report is None:
            return
        figures = report.statistics
        self.detail.setText(self.tr("%Ln token(s)", None, figures.tokens))
        said = self.tr("half have up to {median}, 95 % up to {p95}, the longest {longest}").format(
            median=words.count(figures.median),
            p95=words.count(figures.p95),
            longest=words.count(figures.longest),
        )
        self._figures.setText(said)
        bins = [(b.lower, b.upper, b.rows) for b in figures.histogram]
        self._lengths.show_bins(bins, None, said)
        self._labels.show_labels([(entry.label, entry.rows) for entry in figures.labels])
        for widget in (self._labels, self._labels_title):
            widget.setVisible(bool(figures.labels))
