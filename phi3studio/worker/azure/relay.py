"""From the job's files in the cloud into the run's own: events, and the log."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from phi3studio.domain.events.event_line import AnyPayload, Event, parse_event
from phi3studio.domain.events.run_events import Artifact, Finished, Paused, Started, Waiting, notice
from phi3studio.runs.azure_job import KnownJob
from phi3studio.runs.store import RunFolder
from phi3studio.worker.azure.connect import ARTIFACTS, Workspace
from phi3studio.worker.azure.spec import EVENTS

Emit = Callable[[AnyPayload, float | None], None]


def read_from(blob: Any, offset: int) -> bytes:
    """What a growing file has after *offset* bytes; one request. Nothing if it is not there yet."""
    from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

    try:
        return bytes(blob.download_blob(offset=offset, max_concurrency=1).readall())
    except ResourceNotFoundError:
        return b""
    except HttpResponseError as exc:
        if exc.status_code == 416:  # nothing after the offset
            return b""
        raise


class Relay:
    """Passes the job's events on, each once, with the time that the job gave it.

    The job's last event and its results are kept back: the run is finished when the results are
    here and verified.
    """

    def __init__(self, run: RunFolder, emit: Emit) -> None:
        self._emit = emit
        # An earlier attempt passed some on already.
        self._passed = {_mark(event) for event in run.events()}
        self._buffer = b""
        self.offset = 0
        self.finished: Finished | None = None
        self.artifacts: list[Artifact] = []

    def take(self, data: bytes) -> int:
        """Pass on the whole lines of *data*, which follows what came before; returns how many."""
        self.offset += len(data)
        lines = (self._buffer + data).split(b"\n")
        self._buffer = lines.pop()
        events = [event for line in lines if (event := parse_event(line)) is not None]
        for event in events:
            self._take(event)
        return len(events)

    def _take(self, event: Event) -> None:
        match event.payload:
            case Finished() as last:
                self.finished = last
            case Artifact() as made:
                self.artifacts.append(made)
            case Waiting() | Paused():
                pass
            case Started() as begun:
                found = notice("azure.begun", device=begun.device, threads=begun.threads)
                self._pass(Event(seq=0, t=event.t, payload=found))
            case _:
                self._pass(event)

    def _pass(self, event: Event) -> None:
        mark = _mark(event)
        if mark not in self._passed:
            self._passed.add(mark)
            self._emit(event.payload, event.t)


class Reader:
    """Reads the files that the job writes while it runs. One request a read.

    *log* takes what is new of the job's log; *many*: the job has several processes.
    """

    def __init__(
        self,
        run: RunFolder,
        workspace: Workspace,
        job: KnownJob,
        relay: Relay,
        log: Callable[[bytes], object],
        *,
        many: bool,
    ) -> None:
        self._run = run
        self._workspace = workspace
        self._job = job
        self._relay = relay
        self._log = log
        self._folder: Any = None
        self._log_name = "user_logs/std_log_process_0.txt" if many else "user_logs/std_log.txt"

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
        data = read_from(self._folder.blob(self._log_name), self._job.log_bytes)
        if data:
            self._log(data)
            self._job = self._job.having(log_bytes=self._job.log_bytes + len(data))
            self._job.save(self._run)
        return 1


def _mark(event: Event) -> str:
    """The same for the same event of the job, whoever numbered it."""
    return json.dumps([round(event.t, 3), event.payload.model_dump(mode="json")], sort_keys=True)
