"""How far a live run is."""

from __future__ import annotations

from PySide6.QtWidgets import QProgressBar

from phi3studio.gui.pages.run.cloud_card import FETCHING, activity_words
from phi3studio.gui.pages.run.watch import Snapshot
from phi3studio.gui.texts import words
from phi3studio.gui.texts.run_words import stage_title
from phi3studio.gui.widgets.basic import Card, label


class ProgressCard(Card):
    """Step, stage and time left; a moving bar while nothing can be counted."""

    def __init__(self) -> None:
        super().__init__(" ")
        self._left = label("", "muted")
        self.header.addWidget(self._left)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 1000)
        self._bar.setAccessibleName(self.tr("Progress"))
        self.body.addWidget(self._bar)

    def show_run(self, snapshot: Snapshot) -> None:
        """Draw the present step."""
        view = snapshot.view
        progress = view.progress
        if snapshot.state == "queued":
            self.title.setText(self.tr("Waiting for its turn"))
            self._bar.setValue(0)
            self._left.setText("")
            return
        stage = stage_title(view.stage) if view.stage else self.tr("Starting")
        if progress is None or not progress.total:
            self.title.setText(stage)
            self.detail.setText("")
            self._left.setText("")
            self._bar.setRange(0, 0)
            return
        self._bar.setRange(0, 1000)
        self._bar.setValue(round(1000 * min(1.0, progress.step / progress.total)))
        if progress.activity == FETCHING:
            self.title.setText(activity_words(FETCHING).rstrip("."))
            self.detail.setText(
                self.tr("{done} of {total}").format(
                    done=words.size(progress.step), total=words.size(progress.total)
                )
            )
            self._left.setText("")
            return
        self.title.setText(
            self.tr("Step {step} of {total}").format(
                step=words.count(progress.step), total=words.count(progress.total)
            )
        )
        self.detail.setText(stage)
        eta = progress.eta_s
        self._left.setText(
            self.tr("{time} left").format(time=words.about(eta)) if eta is not None else ""
        )
