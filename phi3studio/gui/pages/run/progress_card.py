"""How far a live run is."""

from __future__ import annotations

from PySide6.QtWidgets import QProgressBar

from phi3studio.gui.pages.run.cloud_card import DOWNLOADING, activity_words
from phi3studio.gui.pages.run.watch import Snapshot
from phi3studio.gui.texts import words
from phi3studio.gui.texts.run_words import left_words, step_words, waiting_words
from phi3studio.gui.widgets.basic import Card, announce, label


class ProgressCard(Card):
    """One bar for the whole run, the time that is left, and what is done just now."""

    def __init__(self) -> None:
        super().__init__(" ")
        self._left = label("", "muted")
        self.header.addWidget(self._left)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 1000)
        self._bar.setAccessibleName(self.tr("Progress"))
        self.body.addWidget(self._bar)
        self._told: tuple[object, ...] | None = None

    def show_run(self, snapshot: Snapshot, *, timed: bool = True) -> None:
        """Draw how far the whole run is, and its present step; not *timed*: the time that is left
        is said elsewhere."""
        view = snapshot.view
        progress = view.progress
        self._left.setText("")
        self.detail.setText("")
        self._bar.setRange(0, 1000)
        if snapshot.state == "queued":
            timed = view.start_at is not None
            self.title.setText(waiting_words(view) if timed else self.tr("Waiting for its turn"))
            self._bar.setValue(0)
            return
        if progress is not None and progress.activity == DOWNLOADING and progress.total:
            self.title.setText(activity_words(DOWNLOADING).rstrip("."))
            self.detail.setText(
                self.tr("{done} of {total}").format(
                    done=words.size(progress.step), total=words.size(progress.total)
                )
            )
            self._bar.setValue(round(1000 * min(1.0, progress.step / progress.total)))
            return
        if view.stage is None:
            self.title.setText(self.tr("Starting"))
            self._bar.setRange(0, 0)
            return
        self._bar.setValue(round(1000 * snapshot.overall.share))
        self.title.setText(words.percent(snapshot.overall.share))
        self.detail.setText(step_words(view))
        left = left_words(snapshot.overall) if timed else ""
        self._left.setText(left)
        said = ", ".join(part for part in (self.title.text(), step_words(view), left) if part)
        self._bar.setAccessibleDescription(said)
        # A screen reader hears each stage and each tenth, not every step.
        mark = (view.started_at, view.stage, int(10 * snapshot.overall.share))
        if self._told is not None and mark != self._told:
            announce(self._bar, said)
        self._told = mark
