"""What has to be said of a run as it is now: its error, why it stands still, what was noticed."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from phi3studio.domain.errors import UserFacingError
from phi3studio.domain.run import RunView
from phi3studio.domain.watchdog import StallReason
from phi3studio.gui.pages.run.watch import Snapshot
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import Callout, Card, Level, clear
from phi3studio.gui.widgets.states import ErrorState


class RunNotices(QWidget):
    """What is urgent; ``remarks`` is a card for the rest, which its owner places further down."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._list = QVBoxLayout(self)
        self._list.setContentsMargins(0, 0, 0, 0)
        self._list.setSpacing(8)
        self.remarks = Card(self.tr("Notices"))
        self._shown: tuple[object, ...] = ()
        self.hide()

    def forget(self) -> None:
        """Say nothing any more: another run is shown."""
        self._shown = ()
        clear(self._list)
        self.hide()

    def show_error(self, error: UserFacingError) -> None:
        """Say what could not be done, until the run or what is asked of it changes."""
        self._add(ErrorState(self._theme, error))

    def show_run(self, snapshot: Snapshot, *, asked: str | None, in_cloud: bool) -> None:
        """Draw what is said of the run; *asked*: what the user wants of it just now. Cheap when
        nothing changed."""
        view = snapshot.view
        ending = view.finished
        why = snapshot.stall
        # Of a completed run the outcome speaks first; what was noticed on the way is below.
        notices = [n for n in view.notices if n.level != "info"][-3:]
        remarks = []
        if snapshot.state == "completed":
            remarks = [n for n in notices if n.level != "error" and n.code not in _judged(view)]
            notices = [n for n in notices if n.level == "error"]
        key = (snapshot.state, ending, why, tuple(notices), asked)
        if key == self._shown:
            return
        self._shown = key
        clear(self._list)
        self.hide()
        theme = self._theme
        error = ending.error if ending is not None else None
        if error is not None:
            self._add(ErrorState(theme, error))
        if why is not None:
            level: Level = "warning" if why in {"dead", "swapping", "stuck"} else "info"
            text, hint = self._stall_words(why)
            self._add(Callout(theme, level, text, hint))
        clear(self.remarks.body)
        self.remarks.setVisible(bool(remarks))
        for remark in remarks:
            self.remarks.body.addWidget(ErrorState(theme, remark, "warning"))
        for notice in notices:
            level = "error" if notice.level == "error" else "warning"
            self._add(ErrorState(theme, notice, level))
        if snapshot.state == "interrupted" and view.left:
            self._add(
                Callout(
                    theme,
                    "info",
                    self.tr("The session ended: the work is kept. Resume continues from there."),
                )
            )
        if snapshot.state == "paused" and not in_cloud:
            self._add(
                Callout(
                    theme, "info", self.tr("Paused: the work is kept. Resume continues from there.")
                )
            )

    def _add(self, note: QWidget) -> None:
        self._list.addWidget(note)
        self.show()

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


def _judged(view: RunView) -> set[str | None]:
    """The codes of what the verdict and the card of the search say themselves."""
    verdict = view.verdict
    said = (*verdict.reasons, *verdict.remarks) if verdict is not None else ()
    return {"search.none", *(found.code for found in said)}
