"""Findings about the data, their repairs, and the statistics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from phi3studio.domain.datasets import check_report
from phi3studio.domain.datasets.check_report import Finding, Report
from phi3studio.domain.errors import UserFacingError
from phi3studio.domain.rows.repairs import Repair
from phi3studio.domain.rows.row_edits import ROW_EDITS, AddRow, DeleteRow, EditCell
from phi3studio.gui.context import Context
from phi3studio.gui.pages.wizard.data.inspection import Inspection
from phi3studio.gui.pages.wizard.session import WizardSession
from phi3studio.gui.texts import words
from phi3studio.gui.texts.messages import explain_error
from phi3studio.gui.widgets.bars import Histogram, LabelBars
from phi3studio.gui.widgets.basic import (
    Button,
    Callout,
    Card,
    Elided,
    Level,
    clear,
    label,
    links,
    row,
)
from phi3studio.gui.widgets.states import ErrorState
from phi3studio.wizard.flow import (
    with_column,
    with_ignored,
    with_repair,
    with_repairs,
    without_repair,
)

_LEVELS: dict[check_report.Level, Level] = {"error": "error", "warning": "warning", "info": "info"}
# Their numbers are those of lines, not of rows.
_OF_LINES = frozenset({"broken_lines", "odd_lines"})


class CheckCard(Card):
    """What harms the result, and one button for each remedy. ``row_wanted``: a row is to be shown,
    ``finding_wanted``: all rows of a finding."""

    row_wanted = Signal(int)
    finding_wanted = Signal(str)

    def __init__(self, context: Context, session: WizardSession, inspection: Inspection) -> None:
        super().__init__(" ")
        self.title.setText(self.tr("Check"))
        self.setAccessibleName(self.tr("Check"))
        self._context = context
        self._session = session
        self._inspection = inspection
        self._shown: object = None
        self.fix_all = Button(context.theme, self.tr("Fix all"))
        self.fix_all.setToolTip(
            self.tr("Apply the repairs of all findings that need no decision; Undo takes them back")
        )
        self.fix_all.clicked.connect(self._fix_all)
        self.header.addWidget(self.fix_all)
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
        elif self._inspection.waits_for is not None:
            self.detail.setText(self.tr("when the model is here"))
        else:
            self.detail.setText(self.tr("when the template is complete"))
        safe = report.safe_repairs if report is not None and not busy else ()
        self.fix_all.setVisible(bool(safe))
        repairs = self._session.draft.repairs
        ignored = self._session.draft.ignore
        key = (id(report), repairs, ignored)
        if key != self._shown:
            self._shown = key
            self._draw_findings(report, repairs)

    def _fix_all(self) -> None:
        report = self._inspection.report
        if report is not None:
            self._session.take(with_repairs(self._session.draft, report.safe_repairs))

    def _draw_findings(self, report: Report | None, repairs: tuple[Repair, ...]) -> None:
        clear(self._list)
        theme = self._context.theme
        edits = [repair for repair in repairs if isinstance(repair, ROW_EDITS)]
        if edits:
            self._list.addWidget(self._edited(edits))
        for repair in repairs:
            if isinstance(repair, ROW_EDITS):
                continue
            chosen = Callout(theme, "good", explain_error(repair.says).message)
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
            counted = (
                self.tr("%Ln line(s)", None, found.rows)
                if found.code in _OF_LINES
                else self.tr("%Ln row(s)", None, found.rows)
            )
            rows = counted + ": " if found.rows else ""
            card = Callout(theme, _LEVELS[found.level], rows + said.message, said.hint)
            self._link_rows(card, found)
            # Below the text, which they would squeeze at its right.
            remedies = [*self._repairs(found), *self._uses_of_unread(found)]
            if remedies:
                card.words.addLayout(links(*remedies))
            self._list.addWidget(card)
        figures = report.statistics
        if not any(found.code == "cut_off" for found in report.findings):
            length = self._session.draft.training.sequence_length
            text = self.tr(
                "No row is truncated: the longest has {longest} of {length} tokens"
            ).format(longest=words.count(figures.longest), length=words.count(length))
            if not figures.cut_off_rows:
                self._list.addWidget(Callout(theme, "good", text))

    def _link_rows(self, card: Callout, found: Finding) -> None:
        """The first row of a finding as a link, and the way to all of them."""
        if not found.examples:
            return
        example = found.examples[0]
        said = explain_error(example.says).message if example.says else example.text
        excerpt = Elided(said, "muted")
        parts: list[QWidget] = [excerpt]
        if found.code not in _OF_LINES:
            caption = self.tr("First: row {row}").format(row=words.count(example.row + 1))
            link = Button(self._context.theme, caption, kind="link")
            link.clicked.connect(lambda _=False: self.row_wanted.emit(example.row))
            parts.insert(0, link)
        if len(found.places) > 1:
            every = Button(self._context.theme, self.tr("Show all"), kind="link")
            every.clicked.connect(lambda _=False: self.finding_wanted.emit(found.code))
            parts.append(every)
        line = row(*parts) if found.code in _OF_LINES else links(*parts, spacing=6)
        line.setStretchFactor(excerpt, 1000)
        card.words.addLayout(line)

    def _repairs(self, found: Finding) -> Iterator[Button]:
        """A link for each remedy of a finding."""
        for offer in found.repairs:
            fix = Button(self._context.theme, explain_error(offer.repair.says).message, kind="link")
            fix.clicked.connect(
                lambda _=False, r=offer.repair: self._session.take(
                    with_repair(self._session.draft, r)
                )
            )
            yield fix

    def _edited(self, edits: Sequence[Repair]) -> Callout:
        """How many rows were edited by hand."""
        cells = {e.row for e in edits if isinstance(e, EditCell)}
        deleted = {e.row for e in edits if isinstance(e, DeleteRow)}
        added = sum(isinstance(e, AddRow) for e in edits)
        parts = [
            said
            for count, said in (
                (len(cells - deleted), self.tr("%Ln row(s) edited", None, len(cells - deleted))),
                (len(deleted), self.tr("%Ln row(s) left out", None, len(deleted))),
                (added, self.tr("%Ln row(s) added", None, added)),
            )
            if count
        ]
        session = self._session
        card = Callout(self._context.theme, "good", self.tr("By hand: ") + ", ".join(parts))
        undo = Button(self._context.theme, self.tr("Undo"), kind="link")
        undo.clicked.connect(
            lambda: session.edit(
                "data",
                repairs=tuple(r for r in session.draft.repairs if not isinstance(r, ROW_EDITS)),
            )
        )
        card.buttons.addWidget(undo)
        return card

    def _uses_of_unread(self, found: Finding) -> Iterator[Button]:
        """Use a column that the model does not see, or ignore it knowingly."""
        theme, session = self._context.theme, self._session
        facts = session.facts.data
        column = found.unread[0] if len(found.unread) == 1 else ""
        template = found.code.startswith("unread:") and session.draft.shape == "columns"
        if template and facts is not None and column in facts.columns:
            use = Button(theme, self.tr("Use in the prompt"), kind="link")
            use.clicked.connect(lambda: session.take(with_column(session.draft, column)))
            yield use
        if found.unread:
            ignore = Button(theme, self.tr("Ignore"), kind="link")
            ignore.clicked.connect(lambda: session.take(with_ignored(session.draft, found.unread)))
            yield ignore

    def _ignored(self) -> Callout:
        """What the user has said that the model need not see."""
        theme, session = self._context.theme, self._session
        names = ", ".join(session.draft.ignore)
        card = Callout(theme, "good", self.tr("Ignored: {names}").format(names=names))
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
            state.callout.buttons.addWidget(again)
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
        without = figures.rows - figures.kept
        if without:
            said += "\n" + self.tr(
                "%Ln row(s) from which nothing is learned do not count", None, without
            )
        self._figures.setText(said)
        bins = [(b.lower, b.upper, b.rows) for b in figures.histogram]
        self._lengths.show_bins(bins, None, said)
        self._labels.show_labels([(entry.label, entry.rows) for entry in figures.labels])
        for widget in (self._labels, self._labels_title):
            widget.setVisible(bool(figures.labels))
