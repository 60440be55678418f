"""How much of the processor is used."""

from __future__ import annotations

import os
from collections.abc import Callable

import psutil
from PySide6.QtWidgets import QCheckBox, QVBoxLayout

from phi3studio.app.settings import (
    THREADS_VARIABLE,
    read_settings,
    set_keep_awake,
    set_resume_runs,
    set_threads,
)
from phi3studio.domain.errors import UserFacingError
from phi3studio.gui.context import Context
from phi3studio.gui.widgets.basic import Button, Callout, Card, ComboBox, clear, label, row
from phi3studio.gui.widgets.states import ErrorState


class ComputingCard(Card):
    """The number of threads for runs, chats and evaluations."""

    def __init__(self, context: Context) -> None:
        super().__init__(" ")
        self.title.setText(self.tr("Computing"))
        self.setAccessibleName(self.tr("Computing"))
        self._context = context
        self.threads = ComboBox()
        self.threads.setAccessibleName(self.tr("Threads"))
        self.threads.setMinimumWidth(180)
        self.threads.addItem(self.tr("Automatic"), None)
        chosen = read_settings(context.home).threads
        most = max(_cores(), chosen or 0)
        for number in range(1, most + 1):
            self.threads.addItem(self.tr("at most %Ln thread(s)", None, number), number)
        self.threads.setCurrentIndex(max(0, self.threads.findData(chosen)))
        self.threads.activated.connect(self._take)
        caption = label(self.tr("Threads"))
        caption.setBuddy(self.threads)
        self.body.addLayout(row(caption, 1, self.threads))
        self.body.addWidget(
            label(
                self.tr(
                    "Automatic uses every core that other programs leave free, and "
                    "gives it back when they need it. With fewer threads the computer "
                    "stays cooler and the run is slower."
                ),
                "small",
                wrap=True,
            )
        )
        self.resume_runs = QCheckBox(self.tr("Resume interrupted runs at the next start"))
        self.resume_runs.setChecked(read_settings(context.home).resume_runs)
        self.resume_runs.clicked.connect(self._take_resume_runs)
        self.body.addWidget(self.resume_runs)
        self.keep_awake = QCheckBox(self.tr("Do not let the computer sleep while a run works"))
        self.keep_awake.setChecked(read_settings(context.home).keep_awake)
        self.keep_awake.clicked.connect(self._take_keep_awake)
        self.body.addWidget(self.keep_awake)
        self._notes = QVBoxLayout()
        self.body.addLayout(self._notes)
        if os.environ.get(THREADS_VARIABLE):
            self.threads.setEnabled(False)
            self._note(
                Callout(
                    context.theme,
                    "info",
                    self.tr("The environment variable {name} decides.").format(
                        name=THREADS_VARIABLE
                    ),
                )
            )

    def _take(self, index: int) -> None:
        threads = self.threads.itemData(index)
        if self._keep(lambda: set_threads(self._context.home, threads)):
            self._note(
                Callout(
                    self._context.theme,
                    "info",
                    self.tr("Applies to every run started from now on."),
                )
            )

    def _take_resume_runs(self, wanted: bool) -> None:
        if self._keep(lambda: set_resume_runs(self._context.home, wanted)):
            clear(self._notes)

    def _take_keep_awake(self, wanted: bool) -> None:
        if self._keep(lambda: set_keep_awake(self._context.home, wanted)):
            clear(self._notes)

    def _keep(self, change: Callable[[], object]) -> bool:
        """Whether it could be written; says why it could not."""
        try:
            change()
        except (UserFacingError, OSError) as error:
            shown = (
                error
                if isinstance(error, UserFacingError)
                else UserFacingError(
                    "disk.not_writable",
                    variant="file",
                    path=error.filename,
                    reason=error.strerror or error,
                )
            )
            self._note(ErrorState(self._context.theme, shown))
            return False
        return True

    def _note(self, widget: Callout | ErrorState | Button) -> None:
        clear(self._notes)
        self._notes.addWidget(widget)


def _cores() -> int:
    return psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
