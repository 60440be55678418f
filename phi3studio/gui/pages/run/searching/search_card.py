"""A run's search for an export: how far it is, what it found, and the way to another one."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout

from phi3studio.domain.errors import UserFacingError
from phi3studio.domain.recipe import Recipe
from phi3studio.domain.run import LIVE_STATES, RunState, RunView
from phi3studio.domain.search.search_choice import Choice, choose
from phi3studio.domain.search.search_points import Search, SearchRecord
from phi3studio.domain.search.search_steps import expected_steps, seconds_left
from phi3studio.gui.context import Context
from phi3studio.gui.pages.run.searching.pareto_plot import Across, ParetoPlot
from phi3studio.gui.pages.run.searching.point_table import PointTable
from phi3studio.gui.pages.run.watch import Snapshot
from phi3studio.gui.tasks import Latest, in_thread
from phi3studio.gui.texts import words
from phi3studio.gui.texts.limit_words import doing_words, goal_words, kind_words
from phi3studio.gui.texts.messages import explain_error
from phi3studio.gui.widgets.basic import Callout, Card, ComboBox, Level, announce, clear, label
from phi3studio.gui.widgets.in_turns import InTurns
from phi3studio.gui.widgets.states import ErrorState
from phi3studio.runs.measuring.search_file import read_search
from phi3studio.runs.store import RunFolder
from phi3studio.services.taking import take_export

_ACROSS: tuple[Across, ...] = ("size", "first_token", "speed")


class SearchCard(Card):
    """Follows ``search.json`` of the run that is shown; hidden for a run without limits."""

    taken = Signal()
    """Another export is the run's model now."""

    def __init__(self, context: Context) -> None:
        super().__init__(" ")
        self._context = context
        self._run: RunFolder | None = None
        self._record: SearchRecord | None = None
        self._read: object = None
        self._live: bool | None = None
        self._timed = False
        self._told = ""
        self._state: RunState | None = None
        self._taking = False
        self._question = Latest(context.tasks, self)
        self._turns = InTurns(self)
        self.title.setText(self.tr("Export search"))
        self.setAccessibleName(self.tr("Export search"))
        self.now = label("", wrap=True)
        self.body.addWidget(self.now)
        self._said = QVBoxLayout()
        self.body.addLayout(self._said)
        theme = context.theme
        self.across = ComboBox()
        self.across.setAccessibleName(self.tr("What the picture compares the score with"))
        for title in (self.tr("Size"), self.tr("First token"), self.tr("Tokens a second")):
            self.across.addItem(title)
        self.header.addWidget(self.across)
        self._plot: ParetoPlot | None = None
        self._plot_place = QVBoxLayout()
        self.across.currentIndexChanged.connect(lambda at: self.plot.set_across(_ACROSS[at]))
        self.body.addLayout(self._plot_place)
        self.points = PointTable(theme)
        self.points.take_wanted.connect(self.take)
        self.body.addWidget(self.points)
        self.hide()

    @property
    def record(self) -> SearchRecord | None:
        """What the search has found so far."""
        return self._record

    @property
    def plot(self) -> ParetoPlot:
        """The picture; made when there is something to see, as most runs have searched nothing."""
        if self._plot is None:
            self._plot = ParetoPlot(self._context.theme)
            self._plot_place.addWidget(self._plot)
        return self._plot

    @property
    def busy(self) -> bool:
        """Whether parts of it are still to be drawn."""
        return self._turns.busy

    @property
    def is_timed(self) -> bool:
        """Whether it says how long a search that goes on still takes."""
        return self._timed

    def show_run(self, run: RunFolder, recipe: Recipe | None, snapshot: Snapshot) -> None:
        """Draw the search of *run*; its file is read again when it was written again."""
        if run != self._run:
            self._run, self._record, self._read, self._told = run, None, None, ""
            self._live = None
            clear(self._said)
        self._state = snapshot.state
        self._timed = False
        searches = recipe is not None and recipe.limits is not None
        self.setVisible(searches and (self._record is not None or _is_searching(snapshot)))
        if not searches or recipe is None or recipe.limits is None:
            return
        self.detail.setText(goal_words(recipe.limits))
        written = _written(run)
        if written is not None and (run, written) != self._read:
            self._read = (run, written)
            self._question.ask(lambda: in_thread(read_search, run), self._learn, self._fail)
        self._draw(snapshot.view)

    def take(self, number: int) -> None:
        """Make another export the run's model."""
        run = self._run
        if run is None or self._taking:
            return
        self._taking = True
        self._draw_points()

        def done(_: object) -> None:
            self._taking = False
            self.taken.emit()  # the record is read again

        def failed(error: UserFacingError) -> None:
            self._taking = False
            self._draw_points()
            self._fail(error)

        self._context.tasks.run(take_export(run, number), done, failed)

    def _learn(self, record: SearchRecord | None) -> None:
        self._record = record
        if record is not None:
            self.show()
            self._draw_points()

    def _fail(self, error: UserFacingError) -> None:
        clear(self._said)
        self._said.addWidget(ErrorState(self._context.theme, error))
        self.show()

    def _draw(self, view: RunView) -> None:
        live, record = self._state in LIVE_STATES, self._record
        if live != self._live:
            self._live = live
            self._draw_points()
        said = self._progress(view, record) if live and not (record and record.done) else ""
        self.now.setVisible(bool(said))
        self.now.setText(said)

    def _progress(self, view: RunView, record: SearchRecord | None) -> str:
        doing = doing_words(view.progress, record.space if record is not None else ())
        parts = [doing] if doing else []
        if record is not None and record.points:
            search = Search.of(record)
            built = self.tr("{done} of %Ln kind(s) built", None, len(record.space))
            tried = built.format(done=words.count(len(record.points)))
            left = self.tr("about %Ln step(s) left", None, expected_steps(search))
            parts.append(f"{tried}, {left}")
            seconds = seconds_left(search)
            if seconds is not None:
                self._timed = True
                parts.append(self.tr("{time} left").format(time=words.about(seconds)))
        return " · ".join(parts) or self.tr("The search begins.")

    def _draw_points(self) -> None:
        if self._record is not None:
            self._turns.begin(self._points_of(self._record))

    def _points_of(self, record: SearchRecord) -> Iterator[None]:
        search = Search.of(record)
        whole = any(point.whole is not None for point in record.points)
        self.across.setVisible(whole)
        choice = choose(search) if record.done else None
        if choice is not None:
            self._tell(record, choice)
        yield
        self.points.setVisible(bool(record.points))
        can_take = record.done and self._state not in LIVE_STATES and not self._taking
        self.points.show_search(record, can_take=can_take)
        yield
        if whole or self._plot is not None:
            self.plot.setVisible(whole)
        yield
        if whole:
            self.plot.show_search(search, record.taken)

    def _tell(self, record: SearchRecord, choice: Choice) -> None:
        why = explain_error(choice.why)
        hint = "" if choice.met else self._ways_on()
        if choice.runner_up is not None:
            second = self.tr("The runner-up is export {number}: {kind}.").format(
                number=choice.runner_up.number, kind=kind_words(choice.runner_up.kind)
            )
            hint = f"{second} {hint}".strip()
        text = why.message
        if record.taken is not None and record.taken != choice.chosen.number:
            text += " " + self.tr("You have taken export {number} instead.").format(
                number=record.taken
            )
        self._say("good" if choice.met else "warning", text, hint)

    def _ways_on(self) -> str:
        return self.tr(
            "Search again with looser limits (Search exports…), or take another one from the table."
        )

    def _say(self, level: Level, text: str, hint: str) -> None:
        clear(self._said)
        self._said.addWidget(Callout(self._context.theme, level, text, hint))
        if text != self._told:
            self._told = text
            announce(self, text)


def _is_searching(snapshot: Snapshot) -> bool:
    return snapshot.state in LIVE_STATES and snapshot.view.stage == "quantise"


def _written(run: RunFolder) -> int | None:
    try:
        return run.search_file.stat().st_mtime_ns
    except OSError:
        return None
