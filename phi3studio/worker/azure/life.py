"""A run whose work is a job in Azure ML: submitted, followed, cancelled, its results fetched.

The run's folder tells the same as that of a run here: the job's events and log arrive in it, and
the results at the end. Closing the laptop ends only the following; a later attempt finds the job
by the name that the folder keeps.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from phi3studio import __version__
from phi3studio.domain.azure import Azure
from phi3studio.domain.errors import Cancelled, InputError, RunError, UserFacingError
from phi3studio.domain.events import Artifact, Finished, Notice, Progress, Started
from phi3studio.domain.recipe import Recipe
from phi3studio.runs.files import folder_bytes
from phi3studio.runs.store import RunFolder
from phi3studio.worker.azure import results
from phi3studio.worker.azure.check import check_before_submit
from phi3studio.worker.azure.connect import ARTIFACTS, Workspace, connect
from phi3studio.worker.azure.failures import translate
from phi3studio.worker.azure.known import KnownJob, known_job, new_job
from phi3studio.worker.azure.patience import Clock, Patience
from phi3studio.worker.azure.relay import Relay, read_from
from phi3studio.worker.azure.spec import EVENTS, JOB, output_path, write_job
from phi3studio.worker.process.control import Control, PauseRequested

ENDED = frozenset({"Completed", "Failed", "Canceled"})
_WORKING = frozenset({"Running", "Finalizing", "CancelRequested", *ENDED})
_SAID = {
    "NotStarted": "waiting for Azure ML to take the job",
    "Starting": "Azure ML starts the job",
    "Provisioning": "Azure ML starts the machines",
    "Preparing": "Azure ML builds the environment",
    "Queued": "in the queue of the compute",
    "Finalizing": "Azure ML stores the results",
}
# One request costs this much waiting: on the whole, fewer than one every five seconds.
_WAIT_PER_REQUEST_S = 8.0
_SLICE_S = 0.5
# Files reach the store a while after the job wrote them.
_LAST_LOOKS = 4
_STATUS_EVERY, _LOG_EVERY = 3, 4


def run_job(
    run: RunFolder,
    recipe: Recipe,
    emit: Callable[..., None],
    control: Control,
    attempt: int,
    clock: Clock | None = None,
) -> None:
    """Do one attempt: submit or find the job, follow it to its end, place its results.

    Raises :class:`Cancelled` and :class:`PauseRequested` when asked (a pause leaves the job
    alone), and the job's own error when it failed.
    """
    assert recipe.azure is not None
    emit(
        Started(
            attempt=attempt,
            pid=os.getpid(),
            device="azureml",
            versions=_versions(),
            stages=recipe.stages,
        )
    )
    life = Life(run, recipe, recipe.azure, emit, control, clock or Clock())
    try:
        life.live()
    except Cancelled:
        cancel_job(run, emit, life.workspace)
        raise
    except PauseRequested:
        text = "The job goes on in Azure ML; phi3studio resume follows it again."
        emit(Notice(code="azure.left", text=text))
        raise


def cancel_job(
    run: RunFolder, emit: Callable[..., None], workspace: Workspace | None = None
) -> None:
    """Cancel the run's job in Azure ML, once; tells when that did not succeed."""
    job = known_job(run)
    azure = run.recipe().azure
    if job is None or azure is None or job.cancel_sent:
        return
    try:
        workspace = workspace or connect(azure)
        workspace.client.jobs.begin_cancel(job.name)
    except Exception as exc:
        error = translate(exc, azure, job=job.name)
        if error.code != "azure.no_job":  # else it was not submitted yet
            text = (
                f"The job {job.name} could not be cancelled: {error.message} It may go on and "
                "cost money; cancel it again, or in the studio."
            )
            emit(Notice(level="error", code="azure.not_cancelled", text=text))
            return
    else:
        emit(Notice(code="azure.cancel_sent", text=f"The job {job.name} is cancelled."))
    job.having(cancel_sent=True).save(run)


@dataclass
class Life:
    """One attempt's view of the job."""

    run: RunFolder
    recipe: Recipe
    azure: Azure
    emit: Callable[..., None]
    control: Control
    clock: Clock
    log: Callable[[bytes], object] = field(default=lambda data: _to_log(data))
    _job: KnownJob | None = None
    workspace: Workspace | None = None
    _status: str = ""

    # --- the course --------------------------------------------------------------------------

    def live(self) -> None:
        """Submit or find the job, and see it through."""
        self._job = known_job(self.run)
        self.say("signing in to Azure")
        workspace = self.workspace = connect(self.azure, retries=0)
        if self._job is None or not self._job.submitted:
            workspace.sign_in()
        self.patience = Patience(self.azure, self.clock, self.wait, self.emit)
        job = self._job
        if job is None or self._is_over(job):
            job = self._submit(connect(self.azure, credential=workspace.credential))
        else:
            self.emit(Notice(code="azure.found", text=f"Going on with the job {job.name}."))
        self._job = job
        relay = self._follow(workspace, job)
        self._conclude(workspace, job, relay)

    def _is_over(self, job: KnownJob) -> bool:
        """Whether a new job is needed: the old one failed, was cancelled, or is not there."""
        try:
            self._status = self._ask_status(job)
        except RunError as exc:
            if exc.code != "azure.no_job":
                raise
            return True
        return self._status in ("Failed", "Canceled")

    def _submit(self, workspace: Workspace) -> KnownJob:
        """Make a job of the recipe and submit it."""
        from azure.ai.ml import load_job

        job = new_job(self.run)
        job.save(self.run)
        self._job = job
        folder = self.run.work / "azure"
        shutil.rmtree(folder, ignore_errors=True)
        self.say("looking at the workspace")
        check_before_submit(self.azure, workspace)
        self.say("packing the job")
        write_job(self.recipe, folder, job.name)
        self.say("uploading what the job needs")
        with self._told(job), no_git():
            entity = load_job(folder / JOB)
            made = workspace.client.jobs.create_or_update(entity)
        studio = getattr((made.services or {}).get("Studio"), "endpoint", None)
        job = job.having(submitted=True, studio=studio)
        job.save(self.run)
        self.say(f"submitted as {job.name}")
        at = f" Its page: {studio}" if studio else ""
        text = f"The job {job.name} was submitted to {self.azure.where}.{at}"
        self.emit(Notice(code="azure.submitted", text=text))
        return job

    def _follow(self, workspace: Workspace, job: KnownJob) -> Relay:
        """Pass on what the job writes until it has ended and its last word was read."""
        relay = Relay(self.run, lambda payload, t: self.emit(payload, t))
        reader: _Reader | None = None
        looks, left = 0, _LAST_LOOKS
        while True:
            requests = 0
            quiet = True
            if reader is not None:
                requests += 1
                quiet = not self.patience(reader.read_events)
            if quiet or looks % _STATUS_EVERY == 0 or relay.finished is not None:
                requests += 1
                self._tell_status(self._ask_status(job))
            if reader is None and self._status in _WORKING:
                reader = _Reader(self, workspace, job, relay)
                requests += 2
                self.patience(reader.open)
                self.patience(reader.read_events)
            ended = self._status in ENDED
            if reader is not None and (ended or looks % _LOG_EVERY == 0):
                requests += self.patience(reader.read_log)
            if ended and (relay.finished is not None or left <= 0):
                return relay
            if ended:
                left -= 1
            looks += 1
            self.wait(_WAIT_PER_REQUEST_S * requests)

    def _conclude(self, workspace: Workspace, job: KnownJob, relay: Relay) -> None:
        """From the job's end to the run's."""
        last = relay.finished
        if self._status == "Canceled" or (last is not None and last.outcome == "cancelled"):
            text = f"The job {job.name} was cancelled in Azure ML."
            self.emit(Notice(level="warning", code="azure.cancelled", text=text))
            raise Cancelled
        if last is not None and last.outcome == "failed":
            raise _error_of(last)
        if self._status == "Failed":
            at = f" The job's page: {job.studio}" if job.studio else ""
            raise RunError(
                "azure.job_failed",
                f"The job {job.name} failed in Azure ML before the training could tell why.",
                "Its log is in the run's log.txt, if there was one: often the environment could "
                f"not be built or an input not be mounted.{at}",
            )
        self.say("fetching the results")
        folder = self.patience(
            lambda: workspace.folder(self.azure.datastore, output_path(job.name))
        )
        if relay.finished is None:
            rest = folder.blob(results.EVENTS)
            relay.take(self.patience(lambda: read_from(rest, relay.offset)))
        placed = results.Results(folder, self.patience, self._on_bytes).fetch(self.run)
        for made in {made.kind: made for made in relay.artifacts}.values():
            if made.path.partition("/")[0] in placed:
                size = folder_bytes(self.run.path / made.path)
                self.emit(Artifact(kind=made.kind, path=made.path, bytes=size))
        if any(made.kind == "card" for made in relay.artifacts):
            from phi3studio.runs.card import write_card

            card = write_card(self.run)
            self.emit(Artifact(kind="card", path=card.name, bytes=folder_bytes(card)))
        shutil.rmtree(self.run.work, ignore_errors=True)

    # --- small ones --------------------------------------------------------------------------

    def say(self, activity: str) -> None:
        """Report what is being done, and stop here if the user asked to."""
        self.control.check()
        self.emit(Progress(step=0, total=0, activity=activity))

    def wait(self, seconds: float) -> None:
        """Sleep, in slices: a pause ends it, a cancel too."""
        until = self.clock.now() + seconds
        while (left := until - self.clock.now()) > 0:
            self.control.check()
            if self.control.pause_requested:
                raise PauseRequested
            self.clock.sleep(min(left, _SLICE_S))

    def _ask_status(self, job: KnownJob) -> str:
        assert self.workspace is not None
        client = self.workspace.client
        status = self.patience(lambda: client.jobs.get(job.name).status, job.name)
        return str(getattr(status, "value", status))

    def _tell_status(self, status: str) -> None:
        if status != self._status:
            self._status = status
            if status in _SAID:
                self.say(_SAID[status])

    def _on_bytes(self, done: int, total: int) -> None:
        self.control.check()
        self.emit(Progress(step=done, total=total, activity="fetching the results"))

    @contextlib.contextmanager
    def _told(self, job: KnownJob) -> Iterator[None]:
        try:
            yield
        except Exception as exc:
            error = translate(exc, self.azure)
            if error is exc:
                raise
            raise error from exc


class _Reader:
    """Reads the files that the job writes while it runs. One request a read."""

    def __init__(self, life: Life, workspace: Workspace, job: KnownJob, relay: Relay) -> None:
        self._life = life
        self._workspace = workspace
        self._job = job
        self._relay = relay
        self._folder: Any = None
        many = life.azure.processes > 1
        self._log = "user_logs/std_log_process_0.txt" if many else "user_logs/std_log.txt"

    def open(self) -> None:
        """Find the store of what jobs write."""
        path = f"ExperimentRun/dcid.{self._job.name}"
        self._folder = self._workspace.folder(ARTIFACTS, path)

    def read_events(self) -> int:
        """Pass on the new events; returns how many."""
        data = read_from(self._folder.blob(EVENTS), self._relay.offset)
        return self._relay.take(data) if data else 0

    def read_log(self) -> int:
        """Append what is new of the job's log to the run's; returns the requests made."""
        data = read_from(self._folder.blob(self._log), self._job.log_bytes)
        if data:
            self._life.log(data)
            self._job = self._job.having(log_bytes=self._job.log_bytes + len(data))
            self._job.save(self._life.run)
        return 1


@contextlib.contextmanager
def no_git() -> Iterator[None]:
    """Keep the SDK from looking for a repository around the run's folder and telling of it."""
    name = "GIT_CEILING_DIRECTORIES"
    before = os.environ.get(name)
    os.environ[name] = os.path.dirname(os.getcwd())  # noqa: PTH109, PTH120
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _error_of(last: Finished) -> UserFacingError:
    """The job's own error, raised again here."""
    code, message = last.code or "azure.job_failed", last.message or "The job failed."
    kind = InputError if code.split(".")[0] in ("data", "template", "recipe", "model") else RunError
    return kind(code, message, last.hint or "Look into the run's log.txt.")


def _versions() -> dict[str, str]:
    found = {"phi3studio": __version__, "python": sys.version.split()[0]}
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        found["azure-ai-ml"] = importlib.metadata.version("azure-ai-ml")
    return found


def _to_log(data: bytes) -> None:
    """The worker's output is the run's log.txt."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
