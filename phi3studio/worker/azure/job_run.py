"""A run whose work is a job in Azure ML: submitted, followed, cancelled, its results downloaded.

The run's folder becomes that of a local run: the job's events and log arrive in it, and the
results at the end. Closing the laptop ends only the following; a later attempt finds the job by
the name that the folder keeps.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from phi3studio import __version__
from phi3studio.app.files import folder_bytes
from phi3studio.domain.azure import Azure
from phi3studio.domain.errors import Cancelled, InputError, RunError, UserFacingError
from phi3studio.domain.events.run_events import Artifact, Finished, Progress, Started, notice
from phi3studio.domain.messages import Phrase
from phi3studio.domain.recipe import Recipe
from phi3studio.runs.azure_job import KnownJob, known_job, new_job
from phi3studio.runs.store import RunFolder
from phi3studio.worker.azure import results
from phi3studio.worker.azure.azure_failures import translate, translated
from phi3studio.worker.azure.connect import Workspace, connect
from phi3studio.worker.azure.job_check import check_before_submit
from phi3studio.worker.azure.keep import Kept, read_kept
from phi3studio.worker.azure.patience import Clock, Patience
from phi3studio.worker.azure.relay import Reader, Relay, read_from
from phi3studio.worker.azure.spec import JOB, output_path, write_job
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
    job_run = JobRun(run, recipe, recipe.azure, emit, control, clock or Clock())
    try:
        job_run.follow()
    except Cancelled:
        cancel_job(run, emit, job_run.workspace)
        raise
    except PauseRequested:
        emit(notice("azure.left"))
        raise


def cancel_job(
    run: RunFolder, emit: Callable[..., None], workspace: Workspace | None = None
) -> None:
    """Cancel the run's job in Azure ML, once; reports when that did not succeed."""
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
            emit(notice("azure.not_cancelled", level="error", job=job.name, reason=error))
            return
    else:
        emit(notice("azure.cancel_sent", job=job.name))
    job.having(cancel_sent=True).save(run)


@dataclass
class JobRun:
    """One attempt's view of the job."""

    run: RunFolder
    recipe: Recipe
    azure: Azure
    emit: Callable[..., None]
    control: Control
    clock: Clock
    _job: KnownJob | None = None
    workspace: Workspace | None = None
    _status: str = ""

    # --- the course --------------------------------------------------------------------------

    def follow(self) -> None:
        """Submit or find the job, and follow it to its end."""
        self._job = known_job(self.run)
        self.say("signing in to Azure")
        workspace = self.workspace = connect(self.azure, retries=0)
        if self._job is None or not self._job.submitted:
            workspace.sign_in()
        self.patience = Patience(self.azure, self.clock, self.wait, self.emit)
        job = self._job
        if job is None:
            job = self._submit(workspace)
        elif (end := self._end_of(job)) is not None:
            job = self._submit_again(workspace, job, end)
        else:
            self.emit(notice("azure.found", job=job.name))
        self._job = job
        relay = self._relay(workspace, job)
        self._conclude(workspace, job, relay)

    def _end_of(self, job: KnownJob) -> str | None:
        """How *job* ended without results; ``None`` while it goes on or has some."""
        if job.cancel_sent:
            return "cancelled"
        try:
            self._status = self._ask_status(job)
        except RunError as exc:
            if exc.code != "azure.no_job":
                raise
            return "gone"
        return {"Failed": "failed", "Canceled": "cancelled"}.get(self._status)

    def _submit_again(self, workspace: Workspace, old: KnownJob, end: str) -> KnownJob:
        """Submit another job, which goes on from the checkpoints of *old* where it left any."""
        self._status = ""
        if not old.submitted:  # it was stopped in between: nobody has heard of that job
            return self._submit(workspace)
        kept = self._find_kept(workspace, old) if "train" in self.recipe.steps else None
        ending = Phrase("azure.ending", variant=end, job=old.name)
        if kept is None:
            self.emit(notice("azure.anew", ending=ending))
        else:
            self.emit(
                notice(
                    "azure.anew",
                    variant="checkpoint",
                    ending=ending,
                    step=kept.step,
                    job=kept.job,
                )
            )
        return self._submit(workspace, kept)

    def _find_kept(self, workspace: Workspace, old: KnownJob) -> Kept | None:
        """The checkpoints that *old* left, or those that it had begun from itself."""
        self.say("looking for checkpoints of the job before")
        for name in filter(None, (old.name, old.continues)):
            path = output_path(name)
            folder = self.patience(lambda p=path: workspace.folder(self.azure.datastore, p))  # type: ignore[misc]
            kept = self.patience(lambda n=name, f=folder: read_kept(f, n))  # type: ignore[misc]
            if kept is not None:
                return kept
        return None

    def _submit(self, signed_in: Workspace, kept: Kept | None = None) -> KnownJob:
        """Make a job of the recipe and submit it."""
        from azure.ai.ml import load_job

        workspace = connect(self.azure, credential=signed_in.credential)
        job = new_job(self.run).having(continues=kept.job if kept is not None else None)
        job.save(self.run)
        self._job = job
        folder = self.run.work / "azure"
        shutil.rmtree(folder, ignore_errors=True)
        self.say("looking at the workspace")
        check_before_submit(self.azure, workspace)
        self.say("packing the job")
        write_job(self.recipe, folder, job.name, kept.address(self.azure) if kept else None)
        self.say("uploading what the job needs")
        with translated(self.azure), no_git():
            entity = load_job(folder / JOB)
            made = workspace.client.jobs.create_or_update(entity)
        studio = getattr((made.services or {}).get("Studio"), "endpoint", None)
        job = job.having(submitted=True, studio=studio)
        job.save(self.run)
        self.say(f"submitted as {job.name}")
        page = "page" if studio else ""
        where = self.azure.where
        self.emit(
            notice("azure.submitted", variant=page, job=job.name, workspace=where, page=studio)
        )
        return job

    def _relay(self, workspace: Workspace, job: KnownJob) -> Relay:
        """Pass on what the job writes until it has ended and its last event was read."""
        relay = Relay(self.run, lambda payload, t: self.emit(payload, t))
        reader: Reader | None = None
        looks, left = 0, _LAST_LOOKS
        while True:
            requests = 0
            quiet = True
            if reader is not None:
                requests += 1
                quiet = not self.patience(reader.read_events)
            if quiet or looks % _STATUS_EVERY == 0 or relay.finished is not None:
                requests += 1
                self._report_status(self._ask_status(job))
            if reader is None and self._status in _WORKING:
                many = self.azure.processes > 1
                reader = Reader(self.run, workspace, job, relay, _to_log, many=many)
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
            self.emit(notice("azure.cancelled", level="warning", job=job.name))
            raise Cancelled
        if last is not None and last.outcome == "failed":
            raise _error_of(last)
        if self._status == "Failed":
            page = "page" if job.studio else ""
            raise RunError("azure.job_failed", variant=page, job=job.name, page=job.studio)
        self.say("downloading the results")
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

    def _report_status(self, status: str) -> None:
        if status != self._status:
            self._status = status
            if status in _SAID:
                self.say(_SAID[status])

    def _on_bytes(self, done: int, total: int) -> None:
        self.control.check()
        self.emit(Progress(step=done, total=total, activity="downloading the results"))


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
    area = (last.code or "").split(".")[0]
    kind = InputError if area in ("data", "template", "recipe", "model") else RunError
    return kind.from_json({"code": "azure.job_failed"} | last.model_dump(exclude_none=True))


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
