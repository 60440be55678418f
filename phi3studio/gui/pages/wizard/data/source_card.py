"""Where the rows come from: drop zone, or the chosen file with its rows and their shape."""

from __future__ import annotations

from functools import partial
from pathlib import Path, PurePath

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QMenu,
    QVBoxLayout,
    QWidget,
)

from phi3studio.domain.datasets.source_report import ShapeProposal, SourceReport
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import Phrase
from phi3studio.gui.context import Context
from phi3studio.gui.pages.wizard.data.inspection import Inspection
from phi3studio.gui.pages.wizard.data.rows_pager import RowsPager
from phi3studio.gui.pages.wizard.data.sample_list import recent_files, remember_file, samples
from phi3studio.gui.pages.wizard.session import WizardSession
from phi3studio.gui.texts import words
from phi3studio.gui.texts.messages import explain_error
from phi3studio.gui.widgets.basic import (
    Button,
    Callout,
    Card,
    ComboBox,
    Icon,
    LineEdit,
    clear,
    label,
    row,
)
from phi3studio.gui.widgets.deck import Deck
from phi3studio.gui.widgets.dialogs.file_dialogs import choose_file
from phi3studio.gui.widgets.editors import DropZone
from phi3studio.gui.widgets.states import ErrorState, Skeleton
from phi3studio.wizard.flow import (
    Draft,
    visit,
    with_shape,
    with_source,
)
from phi3studio.wizard.optional_steps import without_data

_SHAPE_MOST = 310
_FILTER = (
    "*.json *.jsonl *.ndjson *.csv *.tsv *.tab *.xlsx *.xls *.ods *.yaml *.yml *.parquet *.arrow "
    "*.feather *.txt *.md *.gz *.zst *.bz2 *.xz *.zip"
)


class SourceCard(QWidget):
    """Choose a source; see its first rows and why it was read as it was."""

    row_chosen = Signal(int)
    files_given = Signal(list)

    def __init__(self, context: Context, session: WizardSession, inspection: Inspection) -> None:
        super().__init__()
        self._context = context
        self._session = session
        self._inspection = inspection
        self._shown: SourceReport | None = None
        self._deck = Deck()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._deck)
        self._empty = self._build_empty()
        self._deck.add(self._empty)
        self._deck.show_only(self._empty)
        self._furnished = False
        inspection.looked.connect(self._draw)
        session.changed.connect(self._draw_shape)
        session.source_changed.connect(self._draw)

    def furnish(self) -> None:
        """Make the part that shows a source; nothing is drawn before."""
        self._deck.add(self._build_card())
        self._furnished = True
        self._draw()

    def choose_file(self) -> None:
        """Ask for a file."""
        filters = (self.tr("Data files") + f" ({_FILTER})", self.tr("All files") + " (*)")
        choose_file(self, self.tr("Choose the data"), self.take_file, filters)

    def take_file(self, path: str) -> None:
        """Hand on a file that was chosen: it may be more than data."""
        self.files_given.emit([path])

    def _build_empty(self) -> QWidget:
        theme = self._context.theme
        zone = DropZone()
        zone.dropped.connect(self.files_given)
        layout = QVBoxLayout(zone)
        layout.setContentsMargins(24, 36, 24, 28)
        layout.setSpacing(10)
        center = Qt.AlignmentFlag.AlignHCenter
        layout.addWidget(Icon(theme, "file", "accent_text", 34), 0, center)
        layout.addWidget(label(self.tr("Drop a data file here"), "cardTitle"), 0, center)
        layout.addWidget(
            label(self.tr("JSON, CSV, Excel, OpenDocument, YAML, Parquet, Arrow or text"), "muted"),
            0,
            center,
        )
        choose = Button(theme, self.tr("Choose file…"), kind="primary", icon="folder")
        choose.clicked.connect(self.choose_file)
        self.choose_button = choose
        recent = Button(theme, self.tr("Recent files"))
        self._recent = QMenu(recent)
        self._recent.aboutToShow.connect(self._fill_recent)
        recent.setMenu(self._recent)
        layout.addSpacing(4)
        layout.addLayout(row(1, choose, recent, 1, spacing=10))
        layout.addSpacing(6)
        layout.addWidget(label(self.tr("or one of the samples"), "small"), 0, center)
        offered = []
        for sample in samples(self._context.resources):
            button = Button(theme, sample.title, kind="link")
            button.clicked.connect(partial(self.take_file, str(sample.file)))
            offered.append(button)
        half = (len(offered) + 1) // 2
        for some in (offered[:half], offered[half:]):
            layout.addLayout(row(1, *some, 1, spacing=14))
        layout.addSpacing(12)
        layout.addWidget(
            label(
                self.tr("or a data set of the Hugging Face hub (downloaded from there)"), "small"
            ),
            0,
            center,
        )
        self._hub = LineEdit()
        self._hub.setPlaceholderText(self.tr("owner/name"))
        self._hub.setAccessibleName(self.tr("Hugging Face data set"))
        self._hub.setFixedWidth(240)
        look = Button(theme, self.tr("Look up"))
        look.setEnabled(False)
        self._hub.textChanged.connect(lambda text: look.setEnabled("/" in text.strip("/ ")))
        look.clicked.connect(self._take_hub)
        self._hub.returnPressed.connect(look.click)
        layout.addLayout(row(1, self._hub, look, 1))
        layout.addSpacing(12)
        self._no_data = Button(
            theme, self.tr("Without data: export or merge a model…"), kind="link"
        )
        self._no_data.clicked.connect(self._go_without)
        layout.addWidget(self._no_data, 0, center)
        return zone

    def _remember(self) -> None:
        """What could be read is offered again."""
        source = self._session.draft.source
        assert source is not None
        ours = self._context.resources / "samples"
        if source.format != "hub" and Path(source.source).parent != ours:
            remember_file(self._context.preferences, source.source)

    def _fill_recent(self) -> None:
        self._recent.clear()
        for path in recent_files(self._context.preferences):
            used = self._recent.addAction(f"{path.name}  –  {words.path(path.parent)}")
            used.triggered.connect(partial(self.take_file, str(path)))
        if self._recent.isEmpty():
            self._recent.addAction(self.tr("No file has been used yet")).setEnabled(False)

    def _go_without(self) -> None:
        self._session.take(visit(without_data(self._session.draft), "model"))

    def _take_hub(self) -> None:
        self._session.take(with_source(self._session.draft, self._hub.text().strip(), hub=True))

    def _build_card(self) -> QWidget:
        theme = self._context.theme
        self._card = Card(" ")
        change = Button(theme, self.tr("Change file…"))
        change.clicked.connect(self.choose_file)
        self._card.header.addWidget(change)
        self._trouble = QVBoxLayout()
        self._card.body.addLayout(self._trouble)
        self._skeleton = Skeleton(theme, 5)
        self._card.body.addWidget(self._skeleton)
        self.rows = RowsPager(self._context, self._session, self._inspection)
        self.rows.row_chosen.connect(self.row_chosen)
        self._card.body.addWidget(self.rows)
        self._reason = label("", "muted", wrap=True)
        self._shape = ComboBox()
        self._shape.setAccessibleName(self.tr("Shape of the rows"))
        # It is filled after it was first shown.
        self._shape.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self._shape.setMaximumWidth(_SHAPE_MOST)
        self._shape.activated.connect(self._take_shape)
        line = row(self._reason)
        line.addWidget(self._shape, 0, Qt.AlignmentFlag.AlignTop)
        self._card.body.addLayout(line)
        return self._card

    def _draw(self) -> None:
        if not self._furnished:
            return
        source = self._session.draft.source
        self._deck.show_only(self._empty if source is None else self._card)
        if source is None:
            return
        self._card.title.setText(PurePath(source.source).name or source.source)
        self._card.title.setToolTip(source.source)
        report = self._inspection.source
        facts = self._session.facts.data
        error = facts.error if facts else None
        self._skeleton.setVisible(report is None and error is None)
        self.rows.setVisible(report is not None and bool(report.first))
        clear(self._trouble)
        self._card.detail.setText("")
        if error is not None and self._session.draft.rows_in_cloud:
            said = explain_error(Phrase("draft.rows_in_cloud"))
            self._trouble.addWidget(Callout(self._context.theme, "info", said.message, said.hint))
        elif error is not None:
            self._trouble.addWidget(self._error(error))
        elif report is not None and report.obstacle is not None:
            obstacle = InputError.from_json(report.obstacle)
            self._trouble.addWidget(ErrorState(self._context.theme, obstacle))
        if report is not None:
            self._draw_report(report)
        self._draw_shape()

    def _error(self, error: object) -> ErrorState:
        state = ErrorState(self._context.theme, error)  # type: ignore[arg-type]
        again = Button(self._context.theme, self.tr("Try again"), kind="link")
        again.clicked.connect(self._inspection.again)
        state.callout.buttons.addWidget(again)
        return state

    def _draw_report(self, report: SourceReport) -> None:
        rows = words.count(report.rows)
        parts = [
            self.tr("%Ln row(s)", None, report.rows)
            if report.rows_exact
            else self.tr("about {rows} rows").format(rows=rows),
            report.format.upper(),
        ]
        if report.compression:
            parts.append(report.compression)
        if report.encoding:
            sure = "" if report.encoding_sure else self.tr(" (guessed)")
            parts.append(report.encoding.upper() + sure)
        if report.delimiter:
            sign = self.tr("tab") if report.delimiter == "\t" else report.delimiter
            parts.append(self.tr("delimiter {sign}").format(sign=sign))
        if report.header is False:
            parts.append(self.tr("columns without names"))
        if report.sheet:
            parts.append(self.tr("sheet {name}").format(name=report.sheet))
        if report.records:
            parts.append(self.tr("rows in {name}").format(name=report.records))
        if report.bytes:
            parts.append(words.size(report.bytes))
        self._card.detail.setText(" · ".join(parts))
        for remark in report.remarks:
            said = explain_error(remark)
            self._trouble.addWidget(Callout(self._context.theme, "info", said.message, said.hint))
        if report is not self._shown:
            self._shown = report
            self._remember()
            self._shape.clear()
            for proposal in report.shapes:
                self._shape.addItem(self._shape_item(proposal), proposal)

    def _draw_shape(self) -> None:
        if not self._furnished:
            return
        report, draft = self._inspection.source, self._session.draft
        several = report is not None and len(report.shapes) > 1
        several = several or (report is not None and draft.shape is None and bool(report.shapes))
        self._shape.setVisible(several)
        if report is None:
            self._reason.setText("")
            return
        index = _chosen(report.shapes, draft)
        if index is None:
            self._shape.setCurrentIndex(-1)
            if not report.shapes:
                said = self.tr("No shape was recognised: write the template below yourself.")
            else:
                said = self.tr(
                    "It is not clear what is to be learned: choose it here, or write "
                    "the template below."
                )
            self._reason.setText(said)
            return
        self._shape.setCurrentIndex(index)
        proposal = report.shapes[index]
        said = " ".join(explain_error(reason).message for reason in proposal.reasons)
        missed = ", ".join(item.name for item in proposal.unread if item.is_missed)
        text = f"{self._shape_title(proposal)}: {said}"
        if missed:
            text += " " + self.tr("Not seen by the model: {names}.").format(names=missed)
        self._reason.setText(text)

    def _take_shape(self, index: int) -> None:
        proposal = self._shape.itemData(index)
        self._session.take(with_shape(self._session.draft, proposal))

    def _shape_item(self, proposal: ShapeProposal) -> str:
        """A title for the list; the places tell apart what has the same title."""
        title = self._shape_title(proposal)
        same = [p for p in self._inspection.source.shapes if p.shape == proposal.shape]  # type: ignore[union-attr]
        if len(same) < 2:
            return title
        places = [proposal.messages or proposal.completion, proposal.rejected, proposal.rating]
        return f"{title}: {' / '.join(place for place in places if place)}"

    def _shape_title(self, proposal: ShapeProposal) -> str:
        if proposal.rejected is not None:
            return self.tr("Pairs of a better and a worse answer")
        if proposal.rating is not None:
            return self.tr("Answers rated good or bad")
        return {
            "columns": self.tr("Columns with a template"),
            "prompt_completion": self.tr("Prompt and completion"),
            "instruction": self.tr("Instruction, input and output"),
            "question_answer": self.tr("Question and answer"),
            "messages": self.tr("Conversations"),
            "sharegpt": self.tr("Conversations (ShareGPT)"),
            "text": self.tr("Plain text"),
        }[proposal.shape]


def _chosen(shapes: tuple[ShapeProposal, ...], draft: Draft) -> int | None:
    """Which proposal the draft follows; an edited template follows the first of its kind."""
    for index, shape in enumerate(shapes):
        if ((shape.rejected or ""), (shape.rating or "")) != (draft.rejected, draft.rating):
            continue
        if shape.messages and draft.shape == "messages" and shape.messages == draft.messages:
            return index
        if not shape.messages and (shape.prompt, shape.completion) == (
            draft.prompt,
            draft.completion,
        ):
            return index
    same = [i for i, s in enumerate(shapes) if bool(s.messages) == (draft.shape == "messages")]
    return same[0] if same and draft.shape is not None else None
