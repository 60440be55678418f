"""The page of one run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import psutil
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from phi3studio.domain.errors import UserFacingError
from phi3studio.domain.recipe import Limits, Recipe
from phi3studio.domain.run import LIVE_STATES
from phi3studio.gui.context import Context
from phi3studio.gui.pages.home.run_actions import ask_cancel
from phi3studio.gui.pages.home.run_entries import RunEntry
from phi3studio.gui.pages.run.cloud_card import CloudCard, is_cloud
from phi3studio.gui.pages.run.curve_card import CurveCard
from phi3studio.gui.pages.run.figures import RunFigures
from phi3studio.gui.pages.run.log_view import LogCard
from phi3studio.gui.pages.run.next_runs import NextRuns
from phi3studio.gui.pages.run.outcome_card import OutcomeCard
from phi3studio.gui.pages.run.progress_card import ProgressCard
from phi3studio.gui.pages.run.result import ResultView
from phi3studio.gui.pages.run.run_notices import RunNotices
from phi3studio.gui.pages.run.searching.search_card import SearchCard
from phi3studio.gui.pages.run.searching.search_dialog import SearchDialog
from phi3studio.gui.pages.run.sharing.elsewhere import ElsewhereDialog, Place, places
from phi3studio.gui.pages.run.watch import RunWatch, Snapshot
from phi3studio.gui.tasks import Latest, in_thread
from phi3studio.gui.texts import words
from phi3studio.gui.texts.run_words import recipe_line, stage_title, state_words
from phi3studio.gui.widgets.basic import Button
from phi3studio.gui.widgets.page_frame import Page
from phi3studio.gui.widgets.states import Skeleton
from phi3studio.gui.widgets.stepper import Step, Stepper, StepState
from phi3studio.runs import launch
from phi3studio.runs.shown.outcome import search_time
from phi3studio.runs.shown.run_notes import read_notes
from phi3studio.runs.store import RunFolder

_ASKED_GRACE_S = 10.0
_CURVES_S = 0.8


class RunPage(Page):
    """Draws a run's snapshot and passes on what the user asks of the run."""

    chat_wanted = Signal(object)
    repeat_wanted = Signal(object)
    data_wanted = Signal(object)
    own_data_wanted = Signal()
    created = Signal(object)
    """Carries a new run that goes on from this one, to be started."""
    closed = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__("")
        self._context = context
        self._watch: RunWatch | None = None
        self._recipe: Recipe | None = None
        self._asked: str | None = None
        self._places = Latest(context.tasks, self)
        self._next = NextRuns(context, self)
        self._next.created.connect(self.created)
        self._next.resumed.connect(self._look)
        self._next.failed.connect(self._fail)
        self._build_actions()
        theme = context.theme
        self._stepper = Stepper(theme)
        self.below_title.addWidget(self._stepper)
        self._notices = RunNotices(theme)
        self.content.addWidget(self._notices)
        self._skeleton = Skeleton(theme, 6)
        self.content.addWidget(self._skeleton)
        self._body = QWidget()
        body = QVBoxLayout(self._body)
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(14)
        self._progress = ProgressCard()
        self.cloud = CloudCard(theme)
        self._figures = RunFigures(psutil.virtual_memory().total)
        self._curves = CurveCard(theme)
        self._result = ResultView(context)
        self.outcome = OutcomeCard(
            theme,
            {
                "chat": lambda: self.chat_wanted.emit(self.run),
                "export": lambda: self._result.export.ask(),
                "elsewhere": self._show_places,
                "longer": lambda: self._of_run(self._next.train_longer),
                "rate": self._try_a_higher_rate,
                "quality": lambda: self._of_run(self._next.rebuild),
                "data": lambda: self.data_wanted.emit(self.run),
                "own_data": self.own_data_wanted.emit,
            },
        )
        self.searching = SearchCard(context)
        self.searching.taken.connect(self._look)
        self._log = LogCard(theme, context.tasks)
        for widget in (
            self.outcome,
            # Below what asks for it: there it is seen.
            self._result.export,
            self._result.upload,
            self.cloud,
            self._progress,
            self.searching,
            self._result,
            self._notices.remarks,
            self._figures,
            self._curves,
            self._log,
        ):
            body.addWidget(widget)
        body.addStretch(1)
        self._body.hide()
        self.content.addWidget(self._body)
        self.content.addStretch(1)
        self._curves_drawn = 0.0

    @property
    def run(self) -> RunFolder | None:
        """The run that is shown."""
        return self._watch.run if self._watch else None

    @property
    def _snapshot(self) -> Snapshot | None:
        return self._watch.snapshot if self._watch is not None else None

    def show_run(self, run: RunFolder) -> None:
        """Show another run."""
        if self.run == run:
            self._body_visible(self._snapshot is not None)
            return
        self._let_go()
        self._curves_drawn = 0.0
        self._notices.forget()
        try:
            self._recipe = run.recipe()
        except UserFacingError as error:
            self._recipe = None
            self._fail(error)
        own = read_notes(run).name
        self.title.setText(own or (self._recipe.name if self._recipe else run.name))
        self.set_subtitle(recipe_line(self._recipe) if self._recipe else "")
        self._hide_changing()
        self._body_visible(False)
        self._watch = RunWatch(run, self._context.tasks, self)
        self._watch.changed.connect(self._draw)
        self._watch.failed.connect(self._fail)
        self._watch.start()
        self._log.follow(run.log_file)
        self._curves.plot.show_all()

    def left(self) -> None:
        self._let_go()

    def _let_go(self) -> None:
        if self._watch is not None:
            self._watch.stop()
            self._watch.deleteLater()
            self._watch = None
        self._log.stop()
        self._asked = None

    def _build_actions(self) -> None:
        theme = self._context.theme
        back = Button(theme, self.tr("All runs"), icon="left")
        back.clicked.connect(self.closed)
        self._pause = Button(theme, self.tr("Pause"), icon="pause")
        self._pause.clicked.connect(self._ask_pause)
        self._resume = Button(theme, self.tr("Resume"), icon="play")
        self._resume.clicked.connect(self._ask_resume)
        self._cancel = Button(theme, self.tr("Cancel"), icon="stop")
        self._cancel.clicked.connect(self._ask_cancel)
        self._repeat = Button(theme, self.tr("Run again with changes"), icon="refresh")
        self._repeat.clicked.connect(lambda: self.repeat_wanted.emit(self.run))
        self._chat = Button(theme, self.tr("Chat"), kind="primary", icon="chat")
        self._chat.clicked.connect(lambda: self.chat_wanted.emit(self.run))
        self._export = Button(theme, self.tr("Export"), icon="save")
        self._export.clicked.connect(lambda: self._result.export.ask())
        self._search = Button(theme, self.tr("Search exports…"), icon="search")
        self._search.clicked.connect(self._ask_search)
        self._elsewhere = Button(theme, self.tr("Use it elsewhere"), icon="right")
        self._elsewhere.clicked.connect(self._show_places)
        self._changing = (
            self._repeat,
            self._resume,
            self._pause,
            self._cancel,
            self._search,
            self._export,
            self._elsewhere,
            self._chat,
        )
        for button in (back, *self._changing):
            self.buttons.addWidget(button)
        self._hide_changing()

    def _hide_changing(self) -> None:
        for button in self._changing:
            button.hide()

    def _body_visible(self, visible: bool) -> None:
        self._body.setVisible(visible)
        self._skeleton.setVisible(not visible)

    def _draw(self, snapshot: Snapshot) -> None:
        view, state = snapshot.view, snapshot.state
        live = state in LIVE_STATES
        if self._asked and not live:
            self._asked = None
        run = self.run
        if run is not None:
            self.cloud.show_run(run, self._recipe, snapshot)
        cloud = is_cloud(self._recipe)
        resumable = state in launch.RESUMABLE and self._recipe is not None
        self._pause.setVisible(live and self._asked != "cancel")
        self._pause.setEnabled(self._asked is None)
        pause = self.tr("Stop following") if cloud else self.tr("Pause")
        self._pause.rename(self.tr("Pausing…") if self._asked == "pause" else pause)
        # A job may go on although following it has failed.
        left_alone = cloud and state == "failed" and self.cloud.may_go_on
        self._cancel.setVisible(live or left_alone or state in {"paused", "interrupted"})
        self._cancel.setEnabled(self._asked != "cancel")
        self._cancel.rename(
            self.tr("Cancelling…") if self._asked == "cancel" else self.tr("Cancel")
        )
        self._resume.setVisible(resumable)
        self._repeat.setVisible(not live and self._recipe is not None)
        if run is not None:
            self.outcome.show_run(run, view, self._recipe)
        usable = state == "completed" and run is not None and run.model.is_dir()
        # The ways on stand with the outcome, where it has them.
        for step, button in (
            ("elsewhere", self._elsewhere),
            ("export", self._export),
            ("chat", self._chat),
        ):
            button.setVisible(usable and step not in self.outcome.buttons)
        self._search.setVisible(state == "completed" and run is not None and self._can_search(run))
        started = view.started_at
        parts = [state_words(state).text]  # first: a narrow window cuts the end off
        if self._recipe:
            parts.append(recipe_line(self._recipe))
        if started:
            parts.append(self.tr("started {time}").format(time=words.moment(started)))
        self.set_subtitle(" · ".join(parts))
        self._stepper.show_steps(_steps(snapshot, self._recipe))
        self._notices.show_run(snapshot, asked=self._asked, in_cloud=cloud)
        self._progress.setVisible(live)
        if run is not None:
            self.searching.show_run(run, self._recipe, snapshot)
        self._progress.show_run(snapshot, timed=not self.searching.is_timed)
        self._result.setVisible(state == "completed" or bool(view.metrics and not live))
        if run is not None and not self._result.isHidden():
            self._result.show_run(run, view)
        trained = bool(snapshot.curves.loss.points)
        self._figures.setVisible((live and "train" in view.stages) or trained)
        # Axes without a line say nothing.
        self._curves.setVisible(trained)
        self._figures.show_run(view, snapshot.curves)
        # Thousands of points are not drawn again five times a second.
        if not live or snapshot.now - self._curves_drawn >= _CURVES_S:
            self._curves_drawn = snapshot.now
            self._curves.show_curves(snapshot.curves)
        last = view.last_event_at
        said = ""
        if last and live:
            seconds = max(0, round(snapshot.now - last))
            said = self.tr("last event {seconds} s ago").format(seconds=seconds)
        self._log.say(said)
        self._body_visible(True)

    def _ask_pause(self) -> None:
        if self.run is not None:
            launch.request_pause(self.run)
            self._asked = "pause"
            self._look()

    def _ask_resume(self) -> None:
        if self.run is not None:
            self._next.resume(self.run)

    def _of_run(self, begin: Callable[..., object], *more: object) -> None:
        if self.run is not None and self._recipe is not None:
            begin(self.run, self._recipe, *more)

    def _try_a_higher_rate(self) -> None:
        if self._snapshot is not None:
            self._of_run(self._next.try_a_higher_rate, self._snapshot.view)

    def _can_search(self, run: RunFolder) -> bool:
        """Whether there is an adapter to export again, and rows to measure it on."""
        recipe = self._recipe
        if recipe is None or recipe.data is None or is_cloud(recipe):
            return False
        return run.adapter.is_dir() or recipe.model.adapter is not None

    def _ask_search(self) -> None:
        run, recipe, snapshot = self.run, self._recipe, self._snapshot
        if run is None or recipe is None or snapshot is None:
            return

        def search(limits: Limits) -> None:
            self._next.search(run, limits)

        seconds = search_time(snapshot.view, recipe)
        SearchDialog(self, self._context, recipe, seconds, search).open()

    def _show_places(self) -> None:
        run, snapshot = self.run, self._snapshot
        if run is None:
            return

        def show(found: tuple[Place, ...]) -> None:
            if self.run == run:
                result = self._result
                theme = self._context.theme
                ElsewhereDialog(self, theme, found, result.export.ask, result.upload.ask).open()

        # It looks at the run's files.
        proofs = snapshot.view.proofs if snapshot is not None else {}
        self._places.ask(lambda: in_thread(lambda: places(run, proofs)), show, self._fail)

    def _ask_cancel(self) -> None:
        snapshot = self._snapshot
        if self.run is not None and snapshot is not None:
            entry = RunEntry(self.run, self._recipe, snapshot.view, snapshot.state)
            ask_cancel(self, self._context, entry, self.cancel_run)

    def cancel_run(self) -> None:
        """Ask the worker to stop; end it by force when it does not."""
        if self.run is not None:
            self._asked = "cancel"
            self._look()
            self._context.tasks.run(
                asyncio.to_thread(launch.cancel, self.run, _ASKED_GRACE_S),
                lambda _: self._look(),
                self._fail,
            )

    def _look(self) -> None:
        if self._watch is not None:
            self._watch.look_again()
            if self._snapshot is not None:
                self._draw(self._snapshot)

    def _fail(self, error: UserFacingError) -> None:
        self._asked = None
        self._notices.show_error(error)
        self._skeleton.hide()


def _steps(snapshot: Snapshot, recipe: Recipe | None) -> list[Step]:
    """The stages of the run as far as they are."""
    view, state = snapshot.view, snapshot.state
    stages = view.stages
    if not view.attempt and recipe is not None:
        stages = recipe.stages
    at = stages.index(view.stage) if view.stage in stages else 0
    steps = []
    for index, name in enumerate(stages):
        look: StepState = "todo"
        if state == "completed" or (view.stage and index < at):
            look = "done"
        elif index == at and view.stage:
            look = "failed" if state == "failed" else "active"
            if name in view.timings and not snapshot.view.progress and state in LIVE_STATES:
                look = "done"
        steps.append(Step(stage_title(name), look))
    return steps
