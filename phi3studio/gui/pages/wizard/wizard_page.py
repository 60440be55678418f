"""The wizard's frame: stepper, one page at a time, and the line with Back and Continue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from phi3studio.domain.errors import UserFacingError
from phi3studio.domain.recipe import Recipe
from phi3studio.gui.context import Context
from phi3studio.gui.downloads import Downloader
from phi3studio.gui.pages.wizard.azure.azure_desk import AzureDesk
from phi3studio.gui.pages.wizard.data.data_page import DataPage
from phi3studio.gui.pages.wizard.data.inspection import Inspection
from phi3studio.gui.pages.wizard.draft_menu import DraftMenu
from phi3studio.gui.pages.wizard.estimate_card import present_estimate
from phi3studio.gui.pages.wizard.model_page import ModelPage
from phi3studio.gui.pages.wizard.opening.file_opening import FileOpening
from phi3studio.gui.pages.wizard.opening.open_fields import field_of
from phi3studio.gui.pages.wizard.review_page import OliveConfig, ReviewPage
from phi3studio.gui.pages.wizard.session import WizardSession
from phi3studio.gui.pages.wizard.target_page import TargetPage
from phi3studio.gui.pages.wizard.tuning_page import TuningPage
from phi3studio.gui.texts import words
from phi3studio.gui.texts.messages import explain_error
from phi3studio.gui.widgets.ask import Question
from phi3studio.gui.widgets.basic import Button, clear, label
from phi3studio.gui.widgets.deck import Deck
from phi3studio.gui.widgets.page_frame import Page
from phi3studio.gui.widgets.states import ErrorState
from phi3studio.gui.widgets.stepper import Step, Stepper, StepState
from phi3studio.runs.draft_shelf import ShelvedDraft
from phi3studio.services.inspector_client import Inspector
from phi3studio.wizard.flow import (
    Draft,
    PageName,
    display_name,
    is_begun,
    next_page,
    pages_of,
    previous_page,
    to_recipe,
    with_source,
)
from phi3studio.wizard.tuning_presets import total_steps

# The page that was asked for is drawn first.
_AHEAD_MS = 400


class WizardPage(Page):
    """Shows the draft's page and passes on what the user wants. ``started`` carries a recipe, and
    the time before which it is not to begin, if any."""

    started = Signal(object, object)

    def __init__(
        self,
        context: Context,
        inspector: Inspector,
        downloader: Downloader,
        olive_config: OliveConfig,
        azure: AzureDesk,
    ) -> None:
        super().__init__(self.tr("New fine-tune"))
        self._context = context
        self.session = WizardSession(context, self)
        self.inspection = Inspection(self.session, inspector, context.tasks)
        self.drafts = DraftMenu(context, self.session.shelf)
        self.drafts.chosen.connect(self._take_from_shelf)
        self.drafts.new_wanted.connect(self.begin_anew)
        self.session.shelved.connect(self.drafts.look)
        self.buttons.addWidget(self.drafts)
        self._stepper = Stepper(context.theme, clickable=True)
        self._stepper.step_chosen.connect(
            lambda index: self.session.visit(pages_of(self.session.draft)[index])
        )
        self.below_title.addWidget(self._stepper)
        self._trouble = QVBoxLayout()
        self.content.addLayout(self._trouble)
        self._opening = FileOpening(context, self)
        self._opening.draft_made.connect(self._take_made)
        self._opening.data_given.connect(self._take_data)
        self._opening.failed.connect(self.show_error)
        self._as_new = self._run_started = False
        self._deck = Deck()
        self._pages: dict[PageName, QWidget] = {}
        self._factories: dict[PageName, Callable[[], QWidget]] = {
            "data": lambda: self._data_page(downloader),
            "model": lambda: ModelPage(context, self.session, downloader),
            "tuning": lambda: TuningPage(context, self.session),
            "target": lambda: TargetPage(context, self.session, azure),
            "review": lambda: ReviewPage(context, self.session, olive_config),
        }
        self.content.addWidget(self._deck)
        self.content.addStretch(1)
        self._build_action_line()
        self._shown: PageName | None = None
        self._ahead = QTimer(self)
        self._ahead.setSingleShot(True)
        self._ahead.setInterval(_AHEAD_MS)
        self._ahead.timeout.connect(self._build_ahead)
        self.session.changed.connect(self._draw)
        # The data page is built at once: it must hear the first answers.
        self.view("data")
        self.session.load()

    def view(self, page: PageName) -> QWidget:
        """One of the five pages, built if need be."""
        if page not in self._pages:
            view = self._factories[page]()
            self._pages[page] = view
            self._deck.add(view)
            if page != "data":
                self.session.changed.emit()
        return self._pages[page]

    def _build_ahead(self) -> None:
        """Build the next page while this one is read."""
        following = next_page(self.session.draft.page, self.session.draft)
        if following is not None and self.isVisible() and is_begun(self.session.draft):
            self.view(following)

    def take_draft(self, draft: Draft) -> None:
        """Go on with another draft: a run is repeated with changes."""
        self.session.put_aside(draft)

    def begin_anew(self) -> None:
        """A new fine-tune, from its first page."""
        self.take_draft(Draft())

    def open_files(self, paths: list[str], *, as_new: bool = True) -> None:
        """A recipe or an Olive config becomes a draft; data begin one (*as_new*) or are the rows of
        the present one."""
        clear(self._trouble)
        self._as_new = as_new
        self._opening.open(paths)

    def take_dropped(self, paths: list[str]) -> bool:
        page = self.session.draft.page
        view = self.view(page)
        if isinstance(view, ModelPage) and Path(paths[0]).is_dir():
            view.use_folder(paths[0])
        else:
            self.open_files(paths, as_new=page != "data")
        return True

    def _data_page(self, downloader: Downloader) -> DataPage:
        page = DataPage(self._context, self.session, self.inspection, downloader)
        page.source.files_given.connect(lambda paths: self.open_files(paths, as_new=False))
        return page

    def _take_data(self, paths: list[str]) -> None:
        if self._as_new:
            self.take_draft(with_source(Draft(), *paths))
        else:
            self.session.choose_source(*paths)

    def _take_made(self, draft: Draft, key: str) -> None:
        self.take_draft(draft)
        field = field_of(self.view(draft.page), key)
        if field is not None:
            field.setFocus()

    def entered(self) -> None:
        self.drafts.look()

    def _take_from_shelf(self, shelved: ShelvedDraft) -> None:
        self._context.tasks.run(
            asyncio.to_thread(self.session.shelf.take, shelved), self.take_draft, self.show_error
        )

    def show_error(self, error: UserFacingError) -> None:
        """Why the run could not be started."""
        clear(self._trouble)
        self._trouble.addWidget(ErrorState(self._context.theme, error))
        self._continue.setEnabled(True)

    def left(self) -> None:
        if self._run_started:
            self._run_started = False
            self.session.start_over()
            review = self.view("review")
            assert isinstance(review, ReviewPage)
            review.start.reset()
        self.session.save_now()

    def _build_action_line(self) -> None:
        theme = self._context.theme
        self._over = Button(theme, self.tr("Start over"))
        self._over.clicked.connect(self._ask_start_over)
        self._summary = label("", "muted")
        self._summary.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._back = Button(theme, self.tr("Back"))
        self._back.clicked.connect(self._go_back)
        self._continue = Button(theme, self.tr("Continue"), kind="primary")
        self._continue.clicked.connect(self._go_on)
        self.action_line.addWidget(self._over)
        self.action_line.addWidget(self._summary, 1)
        self.action_line.addWidget(self._back)
        self.action_line.addWidget(self._continue)
        self._summary.setAlignment(self._summary.alignment().AlignRight | self._summary.alignment())
        self.show_action_line()

    def _draw(self) -> None:
        draft = self.session.draft
        page = draft.page
        if page != self._shown:
            self._shown = page
            if page in self._pages:
                self._bring_forward(page)
            else:
                self.view(page)
                QTimer.singleShot(0, self, partial(self._bring_forward, page))
        self._stepper.show_steps([self._step(name) for name in pages_of(draft)])
        self._back.setVisible(previous_page(page, draft) is not None)
        last = next_page(page, draft) is None
        self._continue.rename(self.tr("Start") if last else self.tr("Continue"))
        allowed = self.session.can_continue(page)
        self._continue.setEnabled(allowed)
        self.set_subtitle(display_name(draft) if is_begun(draft) else "")
        self._over.setVisible(draft.source is not None or not draft.trains)
        self._summary.setText(self._said(page, allowed))

    def _bring_forward(self, page: PageName) -> None:
        """Show a page, unless another is wanted by now: a new one an event after it was built, as
        both at once hold the window up."""
        if page == self._shown:
            self._deck.show_only(self.view(page))
            self._ahead.start()
            if self.scroll_area is not None:
                self.scroll_area.verticalScrollBar().setValue(0)

    def _step(self, name: PageName) -> Step:
        draft = self.session.draft
        title = {
            "data": self.tr("Data"),
            "model": self.tr("Model"),
            "tuning": self.tr("Tuning"),
            "target": self.tr("Target"),
            "review": self.tr("Review"),
        }[name]
        state: StepState = "todo"
        if name == draft.page:
            state = "active"
        elif name in draft.touched and self._worth_a_look(name):
            state = "touched"
        elif name in draft.visited and name != "review":
            state = "done" if self.session.can_continue(name) else "failed"
            if name == "data" and self.session.facts.data is None and draft.source is not None:
                state = "done"
        reachable = self.session.reachable(name) or name in draft.visited
        return Step(title, state, reachable)

    def _worth_a_look(self, name: PageName) -> bool:
        """Whether a later change may ask for a decision: a preset follows it without one."""
        own_settings = name == "tuning" and self.session.draft.preset is None
        return own_settings or bool(self.session.problems(name))

    def _said(self, page: PageName, allowed: bool) -> str:
        if not allowed:
            wrong = [p for p in self.session.problems(page) if p.level == "error"]
            if wrong:
                first = wrong[0]
                return explain_error(first.says).message
            return self.tr("Reading the data…") if self.session.draft.source else ""
        data = self.session.facts.data
        parts = []
        if data is not None and data.tokens:
            parts.append(self.tr("%Ln token(s)", None, data.tokens))
        steps = total_steps(self.session.draft, self.session.facts)
        if steps and self.session.draft.trains:
            parts.append(self.tr("about {n} steps").format(n=words.count(steps)))
            found = None if self.session.draft.in_cloud else present_estimate(self.session)
            if found is not None:
                parts.append(words.about(found.total_seconds))
        return " · ".join(parts)

    def _go_back(self) -> None:
        before = previous_page(self.session.draft.page, self.session.draft)
        if before is not None:
            self.session.visit(before)

    def _go_on(self) -> None:
        after = next_page(self.session.draft.page, self.session.draft)
        if after is not None:
            self.session.visit(after)
            return
        clear(self._trouble)
        try:
            recipe: Recipe = to_recipe(self.session.draft)
        except UserFacingError as error:
            self.show_error(error)
            return
        self._continue.setEnabled(False)
        review = self.view("review")
        assert isinstance(review, ReviewPage)
        self.started.emit(recipe, review.start.start_at())

    def run_started(self) -> None:
        """The run is on its way: once its page is in front, the next fine-tune begins with a new
        draft."""
        self._run_started = True

    def _ask_start_over(self) -> None:
        question = Question(
            self,
            self._context.theme,
            self.tr("Start over?"),
            self.tr("The data, the template and all settings of this draft are discarded."),
        )
        question.cancel.rename(self.tr("Keep the draft"))
        question.add(self.tr("Start over"), self.session.start_over, kind="danger")
        question.open()
