"""The page Data."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from phi3studio.gui.base_model_list import BaseModel
from phi3studio.gui.context import Context
from phi3studio.gui.downloads import Downloader
from phi3studio.gui.pages.wizard.data.check_card import CheckCard, StatisticsCard
from phi3studio.gui.pages.wizard.data.inspection import Inspection
from phi3studio.gui.pages.wizard.data.preview_card import PreviewCard
from phi3studio.gui.pages.wizard.data.source_card import SourceCard
from phi3studio.gui.pages.wizard.data.split_card import SplitCard
from phi3studio.gui.pages.wizard.data.template_card import TemplateCard
from phi3studio.gui.pages.wizard.session import WizardSession
from phi3studio.gui.texts import words
from phi3studio.gui.texts.messages import explain_error
from phi3studio.gui.widgets.basic import Button, Callout, clear
from phi3studio.gui.widgets.download_bar import DownloadButtons, DownloadProgress
from phi3studio.gui.widgets.page_frame import Columns
from phi3studio.wizard.flow import with_answers_alone, with_shape
from phi3studio.wizard.optional_steps import with_training

_SHOWN_ELSEWHERE = frozenset({"source", "prompt", "completion", "messages"})


class DataPage(QWidget):
    """Source and template at the left, what follows from them at the right."""

    def __init__(
        self,
        context: Context,
        session: WizardSession,
        inspection: Inspection,
        downloader: Downloader,
    ) -> None:
        super().__init__()
        self._context = context
        self._downloader = downloader
        downloader.ended.connect(session.ask_model)
        self._session = session
        self._inspection = inspection
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(14)
        self.source = SourceCard(context, session, inspection)
        self.furnished = False
        self._columns = Columns(9, 10)
        self._wide = QVBoxLayout()
        self._notes = QVBoxLayout()
        outer.addLayout(self._wide)
        outer.addLayout(self._notes)
        outer.addWidget(self._columns)
        outer.addStretch(1)
        self._wide.addWidget(self.source)
        self._columns.hide()
        session.changed.connect(self._draw)
        inspection.looked.connect(self._draw)

    def _furnish(self) -> None:
        """Make the cards that say something of a source, once there is one: it takes a while."""
        context, session, inspection = self._context, self._session, self._inspection
        self.furnished = True
        self.source.furnish()
        self.template = TemplateCard(context, session, inspection)
        self.preview = PreviewCard(context, session, inspection)
        self.check = CheckCard(context, session, inspection)
        self.statistics = StatisticsCard(context, inspection)
        self.split = SplitCard(context, session, inspection)
        self.source.row_chosen.connect(self.preview.show_row)
        self.check.row_wanted.connect(self.source.rows.go_to)
        self.check.finding_wanted.connect(inspection.show_finding)
        self._columns.left.addWidget(self.template)
        self._columns.left.addWidget(self.split)
        self._columns.left.addStretch(1)
        for card in (self.preview, self.check, self.statistics):
            self._columns.right.addWidget(card)
        self._columns.right.addStretch(1)
        # What has just been made hears of the draft for the first time.
        session.changed.emit()

    def _draw(self) -> None:
        if not self.furnished:
            if self._session.draft.source is None:
                self._draw_notes(empty=True)
                return
            self._furnish()
        empty = self._inspection.source is None
        # Alone on the page, the drop zone takes the whole width.
        parent = self.source.parentWidget()
        if empty and self._wide.indexOf(self.source) < 0:
            self._wide.addWidget(self.source)
        elif not empty and (self._wide.indexOf(self.source) >= 0 or parent is None):
            self._wide.removeWidget(self.source)
            self._columns.left.insertWidget(0, self.source)
        self._columns.setVisible(not empty)
        self._draw_notes(empty)

    def _draw_notes(self, empty: bool) -> None:
        clear(self._notes)
        if not self._session.draft.trains:
            self._notes.addWidget(self._untrained())
        waits_for = self._inspection.waits_for
        if waits_for is not None and not empty:
            self._notes.addWidget(self._download(waits_for))
        for problem in self._session.problems("data"):
            if problem.level == "warning" or (problem.where not in _SHOWN_ELSEWHERE and not empty):
                said = explain_error(problem.says)
                note = Callout(self._context.theme, problem.level, said.message, said.hint)
                self._offer_remedy(note, problem.code)
                self._notes.addWidget(note)

    def _offer_remedy(self, note: Callout, code: str) -> None:
        """A button for what is the wrong way round: pairs that are not compared, or none to
        compare."""
        session = self._session
        pairs = session.facts.data.pairs if session.facts.data is not None else None
        if code in ("draft.not_pairs", "draft.no_worse_answer", "draft.no_ratings"):
            alone = Button(self._context.theme, self.tr("Learn the answers"), kind="link")
            alone.clicked.connect(lambda: session.take(with_answers_alone(session.draft)))
            note.buttons.addWidget(alone)
        unread = ("draft.pairs_unused", "draft.no_worse_answer", "draft.no_ratings")
        if code in unread and pairs is not None:
            prefer = Button(self._context.theme, self.tr("Train on the preferences"), kind="link")
            prefer.clicked.connect(lambda: session.take(with_shape(session.draft, pairs)))
            note.buttons.addWidget(prefer)

    def _download(self, model: BaseModel) -> Callout:
        """What has to come from the network before the model can read the rows."""
        note = Callout(
            self._context.theme,
            "info",
            self.tr("{name} is not on this computer yet.").format(name=model.title),
            self.tr(
                "It is needed to show what the model will see and to check the rows: {size} from "
                "{host}, once."
            ).format(size=words.size(model.to_download), host=model.host),
        )
        note.words.addWidget(DownloadProgress(model, self._downloader))
        note.buttons.addWidget(DownloadButtons(self._context.theme, model, self._downloader))
        return note

    def _untrained(self) -> Callout:
        note = Callout(
            self._context.theme,
            "info",
            self.tr("This run trains nothing."),
            self.tr("Rows, if there are any, only measure the model and calibrate its weights."),
        )
        train = Button(self._context.theme, self.tr("Train after all"), kind="link")
        train.clicked.connect(lambda: self._session.take(with_training(self._session.draft)))
        note.buttons.addWidget(train)
        return note
