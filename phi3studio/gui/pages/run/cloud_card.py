"""A run that is a job in Azure ML: which job, where its page is, how it stands."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QGuiApplication

from phi3studio.domain.recipe import Recipe
from phi3studio.domain.run import LIVE_STATES, RunState
from phi3studio.gui.pages.run.watch import Snapshot
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import Button, Card, label
from phi3studio.gui.widgets.dialogs.open_place import open_address
from phi3studio.runs.azure_job import KnownJob, known_job
from phi3studio.runs.store import RunFolder

# The service's own page of a job; nothing else is opened from what a file says.
_STUDIO = "https://ml.azure.com/"
DOWNLOADING = "downloading the results"
"""What the follower says while bytes arrive: its step and total are bytes."""


def is_cloud(recipe: Recipe | None) -> bool:
    """Whether the run's work is done in Azure ML."""
    return recipe is not None and recipe.target.train_on == "azureml"


class CloudCard(Card):
    """Job, state and what may be done meanwhile; hidden for a run of this computer."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(" ")
        self.title.setText(self.tr("Job in Azure ML"))
        self.setAccessibleName(self.tr("Job in Azure ML"))
        self._theme = theme
        self.job: KnownJob | None = None
        self._read_of: tuple[RunFolder, int] | None = None
        self.studio = Button(theme, self.tr("Open in the studio"), icon="right")
        self.studio.setToolTip(self.tr("The job's page, in the browser."))
        self.studio.clicked.connect(self._open)
        self._copy = Button(theme, self.tr("Copy the job's name"), kind="icon", icon="copy")
        self._copy.clicked.connect(self._copy_name)
        for button in (self._copy, self.studio):
            self.header.addWidget(button)
        self.said = label("", wrap=True)
        self.body.addWidget(self.said)
        self.note = label("", "muted", wrap=True)
        self.body.addWidget(self.note)

    def show_run(self, run: RunFolder, recipe: Recipe | None, snapshot: Snapshot) -> None:
        """Draw the job of *run*; its file is read again when it was written again."""
        self.setVisible(is_cloud(recipe))
        if recipe is None or recipe.azure is None or self.isHidden():
            return
        read = (run, _written(run))
        if read != self._read_of:
            self._read_of = read
            self.job = known_job(run)
        job = self.job
        self.detail.setText(job.name if job is not None else recipe.azure.where)
        self._copy.setVisible(job is not None)
        self.studio.setVisible(job is not None and (job.studio or "").startswith(_STUDIO))
        self.said.setText(self._state(snapshot, recipe))
        self.note.setText(self._advice(snapshot.state))
        self.note.setVisible(bool(self.note.text()))

    @property
    def may_go_on(self) -> bool:
        """Whether the job may still compute (and cost) without anybody following it."""
        return self.job is not None and self.job.submitted and not self.job.cancel_sent

    def _state(self, snapshot: Snapshot, recipe: Recipe) -> str:
        assert recipe.azure is not None
        view, where = snapshot.view, recipe.azure.where
        if snapshot.state in LIVE_STATES:
            activity = view.progress.activity if view.progress is not None else None
            if activity is not None and (said := activity_words(activity)):
                return said
            if view.stage is not None:
                return self.tr("Running on {where}.").format(where=where)
            return self.tr("Starting…")
        match snapshot.state:
            case "completed":
                return self.tr("Done on {where}; the results are here.").format(where=where)
            case "paused" | "interrupted":
                return self.tr("Not being followed at the moment.")
            case "cancelled":
                return self.tr("Cancelled.")
            case _:
                return self.tr("Ended with an error.")

    def _advice(self, state: RunState) -> str:
        job = self.job
        sent = job is not None and job.submitted
        if state in LIVE_STATES:
            if not sent:
                return self.tr("Keep this computer on until the job is submitted.")
            return self.tr(
                "You can close this window and switch the computer off: the job goes "
                "on, and this page follows it again later."
            )
        if state in ("paused", "interrupted") and sent:
            return self.tr(
                "The job is still running in Azure ML and is billed there. Resume "
                "follows it again; Cancel stops it."
            )
        if state in ("failed", "cancelled") and sent:
            return self.tr(
                "Resume follows the job again if it is still running. Otherwise it "
                "submits a new one, which continues from the last checkpoint of the "
                "old one."
            )
        return ""

    def _open(self) -> None:
        if self.job is not None and self.job.studio is not None:
            open_address(self, self._theme, self.job.studio)

    def _copy_name(self) -> None:
        if self.job is not None:
            QGuiApplication.clipboard().setText(self.job.name)


def _written(run: RunFolder) -> int:
    try:
        return run.job_file.stat().st_mtime_ns
    except OSError:
        return 0


def activity_words(activity: str) -> str:
    """What the follower of a job says that it is doing; empty for what the job itself does."""
    translate = QCoreApplication.translate
    known = {
        "signing in to Azure": translate("Azure", "Signing in to Azure."),
        "looking at the workspace": translate("Azure", "Checking the workspace."),
        "looking for checkpoints of the job before": translate(
            "Azure", "Looking for checkpoints of the previous job."
        ),
        "packing the job": translate("Azure", "Packing the job."),
        "uploading what the job needs": translate("Azure", "Uploading what the job needs."),
        "waiting for Azure ML to take the job": translate(
            "Azure", "Waiting for Azure ML to take the job."
        ),
        "Azure ML starts the job": translate("Azure", "Azure ML starts the job."),
        "Azure ML starts the machines": translate("Azure", "Azure ML starts the machines."),
        "Azure ML builds the environment": translate(
            "Azure", "Azure ML builds the environment; the first time this takes a while."
        ),
        "in the queue of the compute": translate(
            "Azure", "Queued: the compute is busy, or its machines are starting."
        ),
        "Azure ML stores the results": translate("Azure", "Azure ML stores the results."),
        DOWNLOADING: translate("Azure", "Downloading the results."),
    }
    if activity.startswith("submitted as "):
        return translate("Azure", "Submitted.")
    return known.get(activity, "")
