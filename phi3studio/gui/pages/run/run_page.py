"""The page of one run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import psutil
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from phi3studio.domain.errors import UserFacingError
from phi3studio.domain.recipe import Recipe
from phi3studio.domain.run import LIVE_STATES, RunView
from phi3studio.domain.watchdog import StallReason
from phi3studio.gui.context import Context
from phi3studio.gui.pages.home.run_actions import ask_cancel
from phi3studio.gui.pages.home.run_entries import RunEntry
from phi3studio.gui.pages.run.cloud_card import CloudCard, is_cloud
from phi3studio.gui.pages.run.curve_card import CurveCard
from phi3studio.gui.pages.run.figures import RunFigures
from phi3studio.gui.pages.run.log_view import LogCard
from phi3studio.gui.pages.run.outcome_card import OutcomeCard
from phi3studio.gui.pages.run.progress_card import ProgressCard
from phi3studio.gui.pages.run.result import ResultView
from phi3studio.gui.pages.run.sharing.elsewhere import ElsewhereDialog, places
from phi3studio.gui.pages.run.watch import RunWatch, Snapshot
from phi3studio.gui.texts import words
from phi3studio.gui.texts.run_words import recipe_line, stage_title, state_words
from phi3studio.gui.widgets.basic import Button, Callout, Card, Level, clear
from phi3studio.gui.widgets.page_frame import Page
from phi3studio.gui.widgets.states import ErrorState, Skeleton
from phi3studio.gui.widgets.stepper import Step, Stepper, StepState
from phi3studio.runs import launch
from phi3studio.runs.continuing import (
    continue_run,
    continued,
    faster,
    rebuild_run,
    rebuilt,
    retry_run,
)
from phi3studio.runs.preflight import check_before_start
from phi3studio.runs.shown.outcome import longer_epochs, suggested_rate
from phi3studio.runs.shown.run_notes import read_notes
from phi3studio.runs.store import RunFolder

T = TypeVar("T")
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
        self._going_on = False
        self._build_actions()
        theme = context.theme
        self._stepper = Stepper(theme)
        self.below_title.addWidget(self._stepper)
        self._notes = QVBoxLayout()
        self._notes.setSpacing(8)
        self.content.addLayout(self._notes)
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
                "longer": self._train_longer,
                "rate": self._try_a_higher_rate,
                "quality": self._rebuild,
                "data": lambda: self.data_wanted.emit(self.run),
                "own_data": self.own_data_wanted.emit,
            },
        )
        self._remarks = Card(self.tr("Notices"))
        self._log = LogCard(theme, context.tasks)
        for widget in (
            self.outcome,
            # Below what asks for it: there it is seen.
            self._result.export,
            self._result.upload,
            self.cloud,
            self._progress,
            self._result,
            self._remarks,
            self._figures,
            self._curves,
            self._log,
        ):
            body.addWidget(widget)
        body.addStretch(1)
        self._body.hide()
        self.content.addWidget(self._body)
        self.content.addStretch(1)
        self._notes_shown: tuple[object, ...] = ()
        self._curves_drawn = 0.0

    @property
    def run(self) -> RunFolder | None:
        """The run that is shown."""
        return self._watch.run if self._watch else None

    def show_run(self, run: RunFolder) -> None:
        """Show another run."""
        if self.run == run:
            self._body_visible(self._watch is not None and self._watch.snapshot is not None)
            return
        self._let_go()
        self._notes_shown = ()
        self._curves_drawn = 0.0
        clear(self._notes)
        try:
            self._recipe = run.recipe()
        except UserFacingError as error:
            self._recipe = None
            self._fail(error)
        own = read_notes(run).name
        self.title.setText(own or (self._recipe.name if self._recipe else run.name))
        self.set_subtitle(recipe_line(self._recipe) if self._recipe else "")
        for button in self._changing:
            button.hide()
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
        self._elsewhere = Button(theme, self.tr("Use it elsewhere"), icon="right")
        self._elsewhere.clicked.connect(self._show_places)
        self._changing = (
            self._repeat,
            self._resume,
            self._pause,
            self._cancel,
            self._export,
            self._elsewhere,
            self._chat,
        )
        for button in (back, *self._changing):
            self.buttons.addWidget(button)

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
        self._elsewhere.setVisible(usable)
        # The ways to export and chat stand with the outcome, where there is one.
        self._export.setVisible(usable and "export" not in self.outcome.buttons)
        self._chat.setVisible(usable and "chat" not in self.outcome.buttons)
        started = view.started_at
        parts = [state_words(state).text]  # first: a narrow window cuts the end off
        if self._recipe:
            parts.append(recipe_line(self._recipe))
        if started:
            parts.append(self.tr("started {time}").format(time=words.moment(started)))
        self.set_subtitle(" · ".join(parts))
        self._draw_steps(snapshot)
        self._draw_notes(snapshot)
        self._progress.setVisible(live)
        self._progress.show_run(snapshot)
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

    def _draw_steps(self, snapshot: Snapshot) -> None:
        view, state = snapshot.view, snapshot.state
        stages = view.stages
        if not view.attempt and self._recipe is not None:
            stages = self._recipe.stages
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
        self._stepper.show_steps(steps)

    def _draw_notes(self, snapshot: Snapshot) -> None:
        view = snapshot.view
        ending = view.finished
        why = snapshot.stall
        # Of a completed run the outcome speaks first; what was noticed on the way is below.
        notices = [n for n in view.notices if n.level != "info"][-3:]
        remarks = []
        if snapshot.state == "completed":
            remarks = [n for n in notices if n.level != "error" and n.code not in _judged(view)]
            notices = [n for n in notices if n.level == "error"]
        key = (snapshot.state, ending, why, tuple(notices), self._asked)
        if key == self._notes_shown:
            return
        self._notes_shown = key
        clear(self._notes)
        theme = self._context.theme
        error = ending.error if ending is not None else None
        if error is not None:
            self._notes.addWidget(ErrorState(theme, error))
        if why is not None:
            level: Level = "warning" if why in {"dead", "swapping", "stuck"} else "info"
            text, hint = self._stall_words(why)
            self._notes.addWidget(Callout(theme, level, text, hint))
        clear(self._remarks.body)
        self._remarks.setVisible(bool(remarks))
        for remark in remarks:
            self._remarks.body.addWidget(ErrorState(theme, remark, "warning"))
        for notice in notices:
            level = "error" if notice.level == "error" else "warning"
            self._notes.addWidget(ErrorState(theme, notice, level))
        if snapshot.state == "interrupted" and view.left:
            self._notes.addWidget(
                Callout(
                    theme,
                    "info",
                    self.tr("The session ended: the work is kept. Resume continues from there."),
                )
            )
        if snapshot.state == "paused" and not is_cloud(self._recipe):
            self._notes.addWidget(
                Callout(
                    theme, "info", self.tr("Paused: the work is kept. Resume continues from there.")
                )
            )

    def _stall_words(self, why: StallReason) -> tuple[str, str]:
        match why:
            case "dead":
                return (
                    self.tr("The worker stopped unexpectedly."),
                    self.tr(
                        "The log below may say why. Resume continues from the last checkpoint."
                    ),
                )
            case "queued":
                return (
                    self.tr("Another run uses the machine."),
                    self.tr(
                        "This one starts automatically; its position can be changed under Queue."
                    ),
                )
            case "downloading":
                return self.tr("Waiting for a download."), ""
            case "tokenising":
                return self.tr("Turning the rows into tokens."), ""
            case "compiling":
                return self.tr("Preparing the model; this step reports no progress."), ""
            case "swapping":
                return (
                    self.tr("The memory is full and the system swaps to disk: this is very slow."),
                    self.tr("Close other programs, or cancel and choose a smaller batch."),
                )
            case "stuck":
                return (
                    self.tr("No progress: no report, no computation, no download."),
                    self.tr("Pause and resume the run; its work is kept."),
                )
            case _:
                return self.tr("Computing; the next report may take a while."), ""

    def _ask_pause(self) -> None:
        if self.run is not None:
            launch.request_pause(self.run)
            self._asked = "pause"
            self._look()

    def _ask_resume(self) -> None:
        if self.run is not None:
            self._once(partial(launch.resume, self.run), lambda _: self._look())

    def _once(self, work: Callable[[], T], done: Callable[[T], object]) -> None:
        """Do *work* in a thread; a second click before it has ended does nothing."""

        def ended(result: T) -> None:
            self._going_on = False
            done(result)

        def failed(error: UserFacingError) -> None:
            self._going_on = False
            self._fail(error)

        if not self._going_on:
            self._going_on = True
            self._context.tasks.run(asyncio.to_thread(work), ended, failed)

    def _show_places(self) -> None:
        snapshot = self._watch.snapshot if self._watch is not None else None
        if self.run is not None:
            proofs = snapshot.view.proofs if snapshot is not None else {}
            shown = places(self.run, proofs)
            result = self._result
            theme = self._context.theme
            ElsewhereDialog(self, theme, shown, result.export.ask, result.upload.ask).open()

    def _train_longer(self) -> None:
        if self._recipe is not None:
            epochs = longer_epochs(self._recipe)
            self._go_on_from(
                continued(self._recipe, epochs, None),
                lambda run: continue_run(self._context.store, run, epochs),
            )

    def _try_a_higher_rate(self) -> None:
        snapshot = self._watch.snapshot if self._watch is not None else None
        rate = suggested_rate(snapshot.view) if snapshot is not None else None
        if self._recipe is not None and rate is not None:
            self._go_on_from(
                faster(self._recipe, rate),
                lambda run: retry_run(self._context.store, run, rate),
            )

    def _rebuild(self) -> None:
        if self._recipe is not None:
            self._go_on_from(
                rebuilt(self._recipe), lambda run: rebuild_run(self._context.store, run)
            )

    def _go_on_from(self, recipe: Recipe, make: Callable[[RunFolder], RunFolder]) -> None:
        run = self.run
        if run is None:
            return

        def begin() -> RunFolder:
            check_before_start(recipe, self._context.home)
            made = make(run)
            launch.start(made)
            return made

        self._once(begin, self.created.emit)

    def _ask_cancel(self) -> None:
        snapshot = self._watch.snapshot if self._watch is not None else None
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
            if self._watch.snapshot is not None:
                self._draw(self._watch.snapshot)

    def _fail(self, error: UserFacingError) -> None:
        self._asked = None
        self._notes.addWidget(ErrorState(self._context.theme, error))
        self._skeleton.hide()


def _judged(view: RunView) -> set[str | None]:
    """The codes of what the verdict says itself."""
    verdict = view.verdict
    return {found.code for found in (*verdict.reasons, *verdict.remarks)} if verdict else set()
