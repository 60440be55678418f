"""Runs in Azure ML against a stand-in on loopback, through the real SDK: submit, follow, end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

pytest.importorskip("azure.ai.ml")

from phi3studio.app.paths import Home
from phi3studio.app.process_tree import end_processes, process_tree
from phi3studio.domain.azure import Azure
from phi3studio.domain.errors import Cancelled, InputError, RunError
from phi3studio.domain.events.event_line import Event
from phi3studio.domain.events.measured_events import Metrics
from phi3studio.domain.events.run_events import (
    Artifact,
    Finished,
    Notice,
    Progress,
    Stage,
    StageDone,
    Started,
)
from phi3studio.domain.recipe import Recipe
from phi3studio.runs import launch
from phi3studio.runs.azure_job import known_job
from phi3studio.runs.store import RunFolder, RunStore
from phi3studio.worker.azure.job_run import run_job
from phi3studio.worker.azure.patience import Clock
from phi3studio.worker.azure.results import write_results
from phi3studio.worker.process.control import Control, PauseRequested
from phi3studio.worker.process.emit import Emitter
from tests.worker import azure_standin as az
from tests.worker.azure_standin import AzureStandIn, Job
from tests.worker.running import story, tiny_recipe, wait_for_end, wait_for_event

EVENTS = "logs/phi3studio/events.jsonl"
LOG = "user_logs/std_log.txt"

# The SDK uses marshmallow as it was before its release 4.
pytestmark = pytest.mark.filterwarnings("ignore:The `context` parameter:DeprecationWarning")


class FastClock(Clock):
    """A clock that only sleeping moves; *on_sleep* hears the new time."""

    def __init__(self) -> None:
        self.time = 0.0
        self.on_sleep: Callable[[float], None] = lambda time: None

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        self.on_sleep(self.time)


@pytest.fixture
def clock() -> FastClock:
    return FastClock()


@pytest.fixture
def standin(
    tmp_path: Path, clock: FastClock, home: Home, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AzureStandIn]:
    """The services, found by this process and its children."""
    with AzureStandIn(tmp_path / "azure", clock.now) as made:
        for name, value in made.environment().items():
            monkeypatch.setenv(name, value)
        yield made


def section(**changes: Any) -> Azure:
    """The section azure of the stand-in's workspace."""
    values: dict[str, Any] = {
        "subscription": az.SUBSCRIPTION,
        "resource_group": az.GROUP,
        "workspace": az.WORKSPACE,
        "compute": "cpu-cluster",
        "gpus": 0,
    }
    return Azure(**values | changes)


def cloud_recipe(model: Path, data: Path, azure: Azure | None = None, **changes: Any) -> Recipe:
    recipe = tiny_recipe(model, data, "cloud", **changes)
    target = recipe.target.model_copy(update={"train_on": "azureml"})
    return recipe.model_copy(update={"target": target, "azure": azure or section()})


@pytest.fixture
def recipe(tiny_phi3: Path, phrases: Path) -> Recipe:
    return cloud_recipe(tiny_phi3, phrases)


@pytest.fixture
def run(home: Home, recipe: Recipe) -> RunFolder:
    made = RunStore(home).create(recipe)
    made.work.mkdir()
    return made


class Attempt:
    """One attempt in this process, on the fast clock."""

    def __init__(self, run: RunFolder, clock: Clock) -> None:
        self.run = run
        self.clock = clock

    def __call__(self) -> None:
        """Follow the run to its end; raises what the worker would report."""
        control = Control(self.run, lambda: None)  # not entered: no thread, no signals
        attempt = self.run.view().attempt + 1
        with Emitter(self.run) as emit:
            run_job(self.run, self.run.recipe(), emit, control, attempt, self.clock)


@pytest.fixture
def attempt(run: RunFolder, clock: FastClock) -> Attempt:
    return Attempt(run, clock)


# --- a job that does not compute: what it writes is scripted --------------------------------------


def lines_of(payloads: list[Any], begun: float = 1000.0) -> list[str]:
    """The job's events as lines, a second apart."""
    return [
        Event(seq=at, t=begun + at, payload=payload).to_line() + "\n"
        for at, payload in enumerate(payloads, start=1)
    ]


def training(steps: int) -> list[Any]:
    """What a job tells of a training; without its last word."""
    told: list[Any] = [
        Started(device="cuda", threads=24),
        Stage(name="prepare", index=1, count=5),
        StageDone(name="prepare", seconds=1.0),
        Stage(name="train", index=2, count=5),
    ]
    told += [Progress(step=n, total=steps, loss=3.0 - n / steps) for n in range(1, steps + 1)]
    told += [StageDone(name="train", seconds=9.0), Artifact(kind="adapter", path="adapter")]
    told += [Artifact(kind="model", path="model")]
    told += [Metrics(model="exported", rows=6, accuracy=0.5, perplexity=2.0, stops=1.0)]
    return told


class Script:
    """A job's life by the clock: queued, running with events, then its end."""

    def __init__(
        self,
        results: Path,
        payloads: list[Any],
        *,
        queued_s: float = 30,
        running_s: float = 120,
        status: str = "Completed",
        last: Finished | None = None,
    ) -> None:
        self.results = results
        self.last = last or Finished(outcome="completed")
        self.lines = lines_of([*payloads, self.last])
        self.queued_s, self.running_s, self.status = queued_s, running_s, status
        self.written = 0

    def __call__(self, standin: AzureStandIn, job: Job) -> None:
        if job.status in ("Completed", "Failed", "Canceled"):
            return
        spent = standin.clock() - job.submitted_at
        if spent < self.queued_s:
            job.status = "Queued" if spent < self.queued_s / 2 else "Preparing"
            return
        share = min(1.0, (spent - self.queued_s) / self.running_s)
        wanted = int(share * len(self.lines))
        for line in self.lines[self.written : wanted]:
            # In two parts, as a file that grows is seen.
            standin.put_log(job, EVENTS, line)
            standin.put_log(job, LOG, f"a line of the log, number {self.written}\n")
            self.written += 1
        job.status = "Running"
        if share == 1.0:
            job.status = self.status
            if self.status == "Completed":
                standin.put_output(job, self.results)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A job's output folder: a few files with their checksums."""
    made = RunFolder(tmp_path / "made")
    made.path.mkdir()
    with Emitter(made) as emit:
        for name, size in (
            ("adapter/adapter_model.safetensors", 5000), ("model/model.onnx", 90_000),
        ):  # fmt: skip
            file = made.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(os.urandom(size))
            emit(Artifact(kind=name.partition("/")[0], path=name.partition("/")[0]))
    write_results(made, tmp_path / "output")
    return tmp_path / "output"


def payloads(run: RunFolder, kind: type) -> list[Any]:
    return [event.payload for event in run.events() if isinstance(event.payload, kind)]


def codes(run: RunFolder) -> list[str]:
    return [notice.code for notice in payloads(run, Notice)]


def the_steps(run: RunFolder) -> list[int]:
    return [p.step for p in payloads(run, Progress) if p.loss is not None]


def test_a_job_is_submitted_followed_and_its_results_are_downloaded(
    standin, run, attempt, results, capfdbinary
) -> None:
    standin.life = Script(results, training(20))
    attempt()
    assert the_steps(run) == list(range(1, 21))
    assert [p.name for p in payloads(run, Stage)] == ["prepare", "train"]
    view = run.view()
    assert view.device == "azureml"
    assert view.metrics["exported"].accuracy == 0.5
    assert {"azure.submitted", "azure.begun"} <= set(codes(run))
    activities = [p.activity for p in payloads(run, Progress) if p.activity]
    for said in ("signing in to Azure", "in the queue of the compute", "downloading the results"):
        assert said in activities
    # Only what is here and verified is told of.
    assert {p.kind for p in payloads(run, Artifact)} == {"adapter", "model"}
    listed = json.loads((results / "checksums.json").read_text())["files"]
    assert set(listed) == {"adapter/adapter_model.safetensors", "model/model.onnx"}
    for name in listed:
        assert (run.path / name).read_bytes() == (results / name).read_bytes()
    log = capfdbinary.readouterr().out.decode()
    assert [f"a line of the log, number {n}\n" in log for n in range(20)] == [True] * 20
    # The job's own times are kept: curves are those of the job.
    steps = [e.t for e in run.events() if isinstance(e.payload, Progress) and e.payload.loss]
    assert steps == [1000.0 + at for at in range(5, 25)]


def test_a_ten_minute_run_asks_less_than_once_in_five_seconds(
    standin, run, attempt, results, clock
) -> None:
    standin.life = Script(results, training(300), queued_s=120, running_s=480)
    attempt()
    spent = clock.now()
    assert 600 <= spent < 680
    assert standin.counted() <= spent / 5, standin.counted()
    assert the_steps(run) == list(range(1, 301))


def test_a_minute_without_a_network_loses_no_event(standin, run, attempt, results, clock) -> None:
    standin.life = Script(results, training(100), running_s=300)

    def on_sleep(now: float) -> None:
        standin.down = 100 <= now < 160

    clock.on_sleep = on_sleep
    attempt()
    assert the_steps(run) == list(range(1, 101))
    assert codes(run).count("azure.unreachable") == 1
    assert codes(run).count("azure.back") == 1
    assert (run.model / "model.onnx").is_file()


def test_a_throttled_follower_waits_as_long_as_it_is_asked_to(
    standin, run, attempt, results, clock
) -> None:
    standin.life = Script(results, training(50), running_s=200)
    throttled: list[float] = []

    def fault(method: str, host: str, path: str) -> az.Reply | None:
        if 80 <= clock.now() < 110 and "/jobs/" in path:
            throttled.append(clock.now())
            return az.error(429, "TooManyRequests", "Too many requests.", Retry_After="45")
        return None

    standin.faults.append(fault)
    attempt()
    # The first refusal asks for 45 seconds; nothing asks again before.
    assert len(throttled) == 1
    after = [r.at for r in standin.requests if r.at > throttled[0]]
    assert min(after) >= throttled[0] + 45
    assert "azure.throttled" in codes(run)
    assert the_steps(run) == list(range(1, 51))


def test_a_login_that_expires_meanwhile_is_waited_for(
    standin, run, attempt, results, clock
) -> None:
    standin.life = Script(results, training(50), running_s=200)
    out: list[float] = []

    def on_sleep(now: float) -> None:
        if now >= 80 and not out:
            standin.sign_out()
            out.append(now)
        if out and now >= 300 and standin.token == "":
            standin.sign_in()

    clock.on_sleep = on_sleep
    attempt()
    assert the_steps(run) == list(range(1, 51))
    (told,) = [n for n in payloads(run, Notice) if n.code == "azure.login"]
    assert "az login" in told.said().hint
    assert "The job goes on" in told.said().message


def test_a_login_that_stays_expired_ends_the_following_and_a_resume_takes_it_up(
    standin, run, attempt, results, clock
) -> None:
    standin.life = Script(results, training(50), running_s=200)
    clock.on_sleep = lambda now: standin.sign_out() if 80 <= now < 81 else None
    with pytest.raises(InputError) as caught:
        attempt()
    assert caught.value.code == "azure.login"
    assert "az login" in caught.value.hint
    standin.sign_in()
    clock.on_sleep = lambda now: None
    attempt()
    assert len(standin.jobs) == 1
    assert the_steps(run) == list(range(1, 51))
    assert (run.model / "model.onnx").is_file()


def test_an_expired_login_is_reported_before_anything_is_made(standin, run, attempt) -> None:
    standin.sign_out()
    with pytest.raises(InputError) as caught:
        attempt()
    assert caught.value.code == "azure.login"
    assert "AADSTS70043" in caught.value.message
    assert standin.jobs == {}
    assert standin.blobs == {}


def test_a_token_that_the_service_takes_for_expired_is_renewed(
    standin, run, attempt, results, clock
) -> None:
    standin.life = Script(results, training(30), running_s=200)
    renewed: list[float] = []

    def on_sleep(now: float) -> None:
        if now >= 100 and not renewed:
            renewed.append(now)
            standin.sign_in()  # the old token is refused from now on

    clock.on_sleep = on_sleep
    attempt()
    assert the_steps(run) == list(range(1, 31))
    assert any(request.status == 401 for request in standin.requests)


def test_the_jobs_own_error_is_the_runs(standin, run, attempt, results) -> None:
    last = Finished(
        outcome="failed", code="data.no_rows", message="The file has no rows.", hint="Add some."
    )
    standin.life = Script(results, training(3), status="Failed", last=last)
    with pytest.raises(InputError) as caught:
        attempt()
    assert (caught.value.code, caught.value.message) == ("data.no_rows", "The file has no rows.")
    assert the_steps(run) == [1, 2, 3]


def test_a_job_that_fails_before_it_began_names_its_page(standin, run, attempt, results) -> None:
    def life(standin: AzureStandIn, job: Job) -> None:
        job.status = "Failed"

    standin.life = life
    with pytest.raises(RunError) as caught:
        attempt()
    assert caught.value.code == "azure.job_failed"
    assert "https://ml.azure.com/runs/" in caught.value.hint
    # Going on makes a new job: the old one is over.
    standin.life = Script(results, training(3))
    attempt()
    assert len(standin.jobs) == 2
    assert (run.model / "model.onnx").is_file()


def test_a_job_that_was_cancelled_in_the_studio_cancels_the_run(
    standin, run, attempt, results
) -> None:
    standin.life = Script(results, training(3), status="Canceled")
    with pytest.raises(Cancelled):
        attempt()
    assert "azure.cancelled" in codes(run)


def test_events_that_azure_did_not_show_come_with_the_results(
    standin, run, attempt, results
) -> None:
    told = lines_of([*training(10), Finished(outcome="completed")])
    (results / "events.jsonl").write_text("".join(told))

    def life(standin: AzureStandIn, job: Job) -> None:
        if standin.clock() - job.submitted_at < 60:
            job.status = "Running"
        elif job.status == "Running":
            job.status = "Completed"
            standin.put_output(job, results)

    standin.life = life
    attempt()
    assert the_steps(run) == list(range(1, 11))
    assert set(run.view().artifacts) == {"adapter", "model"}


def test_a_cancel_reaches_the_service(standin, run, attempt, results, clock) -> None:
    standin.life = Script(results, training(50))

    def on_sleep(now: float) -> None:
        if now >= 60:
            run.cancel_marker.touch()

    clock.on_sleep = on_sleep
    with pytest.raises(Cancelled):
        attempt()
    assert standin.job.status == "Canceled"
    assert standin.job.cancelled_at is not None
    assert standin.job.cancelled_at - 60 <= 2
    assert "azure.cancel_sent" in codes(run)


def test_a_cancel_that_cannot_be_delivered_is_reported(
    standin, run, attempt, results, clock
) -> None:
    standin.life = Script(results, training(50))

    def on_sleep(now: float) -> None:
        if now >= 60:
            standin.down = True
            run.cancel_marker.touch()

    clock.on_sleep = on_sleep
    with pytest.raises(Cancelled):
        attempt()
    (told,) = [n for n in payloads(run, Notice) if n.code == "azure.not_cancelled"]
    assert told.level == "error"
    assert "cost money" in told.said().hint


def test_a_pause_leaves_the_job_alone_and_a_resume_finds_it(
    standin, run, attempt, results, clock
) -> None:
    standin.life = Script(results, training(60), running_s=300)

    def on_sleep(now: float) -> None:
        if 150 <= now < 151:
            run.pause_marker.touch()

    clock.on_sleep = on_sleep
    with pytest.raises(PauseRequested):
        attempt()
    seen = the_steps(run)
    assert seen
    assert len(seen) < 60
    assert standin.job.status == "Running"
    clock.on_sleep = lambda now: None
    run.pause_marker.unlink()
    assert codes(run)[-1] == "azure.left"
    attempt()
    assert len(standin.jobs) == 1
    assert the_steps(run) == list(range(1, 61))  # each once
    assert "azure.found" in codes(run)


def test_a_submission_that_is_throttled_is_tried_again(standin, run, attempt, results) -> None:
    standin.life = Script(results, training(3))
    refused: list[str] = []

    def fault(method: str, host: str, path: str) -> az.Reply | None:
        if method == "PUT" and "/jobs/" in path and not refused:
            refused.append(path)
            return az.error(429, "TooManyRequests", "Too many requests.", Retry_After="1")
        return None

    standin.faults.append(fault)
    attempt()
    assert len(refused) == 1
    assert len(standin.jobs) == 1


def test_a_submission_that_azure_refuses_says_why(standin, run, attempt) -> None:
    def fault(method: str, host: str, path: str) -> az.Reply | None:
        if method == "PUT" and "/jobs/" in path:
            return az.error(400, "UserError", "The specified instance type was not found.")
        return None

    standin.faults.append(fault)
    with pytest.raises(RunError) as caught:
        attempt()
    assert caught.value.code == "azure.refused"
    assert "instance type was not found" in caught.value.message


def test_no_network_at_all_is_reported(standin, run, attempt) -> None:
    standin.down = True
    with pytest.raises(RunError) as caught:
        attempt()
    assert caught.value.code == "azure.unreachable"
    assert standin.jobs == {}


# --- results -----------------------------------------------------------------------------------


def test_damaged_results_are_not_placed_and_downloaded_again_by_a_resume(
    standin, run, attempt, results
) -> None:
    standin.life = Script(results, training(3))
    fault = damage(standin, "model/model.onnx")
    with pytest.raises(RunError) as caught:
        attempt()
    assert caught.value.code == "azure.damaged"
    assert "model/model.onnx" in caught.value.message
    assert not run.model.exists()
    assert not run.adapter.exists()
    standin.faults.remove(fault)
    attempt()
    assert len(standin.jobs) == 1
    assert (run.model / "model.onnx").read_bytes() == (results / "model/model.onnx").read_bytes()


def damage(standin: AzureStandIn, name: str) -> Callable[[str, str, str], az.Reply | None]:
    def fault(method: str, host: str, path: str) -> az.Reply | None:
        if method == "GET" and path.endswith(name) and ".blob." in host:
            data = standin.blobs[az.BLOBS, path.split("/", 2)[2]]
            wrong = bytes([data[0] ^ 1]) + data[1:]
            return az._ranged(wrong, f"bytes=0-{len(wrong) - 1}")
        return None

    standin.faults.append(fault)
    return fault


@pytest.mark.parametrize(
    "name", ["../../outside", "recipe.json", "model/../../x", "C:/x", "work/x", "/etc/x"]
)
def test_results_outside_of_a_run_are_refused(standin, run, attempt, results, name) -> None:
    listed = json.loads((results / "checksums.json").read_text())
    listed["files"][name] = {"bytes": 1, "sha256": "0" * 64}
    (results / "checksums.json").write_text(json.dumps(listed))
    standin.life = Script(results, training(3))
    with pytest.raises(RunError) as caught:
        attempt()
    assert caught.value.code == "azure.damaged"
    assert not run.model.exists()


def test_a_job_without_results_says_so(standin, run, attempt, tmp_path) -> None:
    (tmp_path / "nothing").mkdir()
    standin.life = Script(tmp_path / "nothing", training(3))
    with pytest.raises(RunError) as caught:
        attempt()
    assert caught.value.code == "azure.no_results"


# --- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"datastore": "nowhere"}, "azure.no_datastore"),
        ({"data": "azureml://datastores/absent/paths/a.jsonl"}, "azure.no_datastore"),
        ({"compute": "absent"}, "azure.no_compute"),
        ({"compute": "cpu-cluster", "gpus": 1}, "azure.no_gpu"),
        ({"compute": "stopped"}, "azure.compute_stopped"),
        ({"nodes": 8}, "azure.too_many_nodes"),
        ({"workspace": "elsewhere"}, "azure.not_found"),
    ],
)
def test_what_would_stop_the_job_is_reported_before_it_is_submitted(
    standin, home, recipe, clock, changes, code
) -> None:
    standin.computes["stopped"] = az.compute_instance("stopped", "Stopped")
    run = RunStore(home).create(recipe.model_copy(update={"azure": section(**changes)}))
    run.work.mkdir()
    with pytest.raises(InputError) as caught:
        Attempt(run, clock)()
    assert caught.value.code == code, caught.value.message
    assert caught.value.hint
    assert standin.jobs == {}


# --- the program itself, and jobs that really compute ---------------------------------------------


def compute(standin: AzureStandIn, job: Job, folder: Path, python: str = sys.executable) -> None:
    """Do a job as Azure ML would: its code and inputs mounted, its command run, its files read."""
    properties = job.body["properties"]
    code = standin.code_of(job, folder / "code")
    (work,) = [item for item in (code, *code.iterdir()) if (item / "start.py").is_file()]
    command = str(properties["command"])
    for name, given in properties["inputs"].items():
        path = standin.uploaded(given["uri"], folder / "inputs" / name)
        command = command.replace(f"${{{{inputs.{name}}}}}", str(path))
    output = folder / "output"
    command = command.replace("${{outputs.run}}", str(output))
    environment = {
        key: value
        for key, value in os.environ.items()
        if key not in ("PHI3STUDIO_HOME", "PYTHONPATH", "HTTPS_PROXY", "https_proxy")
    }
    environment |= properties["environmentVariables"]
    environment |= {"AZUREML_RUN_ID": job.name, "TMPDIR": str(folder), "OMP_NUM_THREADS": "1"}
    job.status = "Running"
    assert command.startswith("python ")
    with (folder / "std_log.txt").open("wb") as log:
        process = subprocess.Popen(
            ["/bin/sh", "-c", f"exec {python} {command.removeprefix('python ')}"],
            cwd=work,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        sent = {EVENTS: 0, LOG: 0}
        while True:
            ended = process.poll() is not None
            for name, file in ((EVENTS, work / EVENTS), (LOG, folder / "std_log.txt")):
                data = file.read_bytes()[sent[name] :] if file.is_file() else b""
                standin.put_log(job, name, data)
                sent[name] += len(data)
            if ended:
                break
            if job.status == "Canceled":
                process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
    # What was written to the mounted output is there, however the job ended.
    standin.put_output(job, output)
    if job.status != "Canceled":
        job.status = "Completed" if process.returncode == 0 else "Failed"


class Machine:
    """A compute that does the first job it sees, in a thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.thread: threading.Thread | None = None
        self._start = lambda standin, job: threading.Thread(
            target=compute, args=(standin, job, folder), daemon=True
        )

    def __call__(self, standin: AzureStandIn, job: Job) -> None:
        if self.thread is None:
            self.folder.mkdir(parents=True)
            self.thread = self._start(standin, job)
            self.thread.start()

    def wait(self) -> None:
        if self.thread is not None:
            self.thread.join(60)


class Watched:
    """Looks again and again whether a secret stands in the process list."""

    def __init__(self, *secrets: str) -> None:
        self._secrets = secrets
        self._end = threading.Event()
        self._seen: set[int] = set()
        self.found: list[str] = []
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watched:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    @property
    def processes(self) -> int:
        """How many processes were seen."""
        return len(self._seen)

    def _look(self) -> None:
        while not self._end.wait(0.05):
            for process in psutil.process_iter(["pid"]):
                with contextlib.suppress(psutil.Error):
                    said = " ".join([*process.cmdline(), *process.environ().values()])
                    self._seen.add(process.pid)
                    self.found += [secret for secret in self._secrets if secret in said]


def program(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """The command line, as a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "phi3studio", *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stderr[-3000:]
    return done


@pytest.mark.slow
def test_the_program_trains_in_the_cloud_and_the_model_answers_here(
    standin, home, recipe, tmp_path, tiny_phi3
) -> None:
    from phi3studio.runs.recipe_files import write_recipe

    machine = Machine(tmp_path / "machine")
    standin.clock = time.time
    standin.life = machine
    changed = recipe.model_copy(
        update={"target": recipe.target.model_copy(update={"quantisation": "int4"})}
    )
    write_recipe(changed, tmp_path / "recipe.yaml")
    with Watched(az.ACCOUNT_KEY, "secretsignature", "the-signature-of-the") as watched:
        done = program("run", "recipe.yaml", "--json", folder=tmp_path)
    machine.wait()
    assert watched.processes > 3
    assert watched.found == []
    (run,) = RunStore(home).all()
    assert done.returncode == 0, story(run)
    assert json.loads(done.stdout)["state"] == "completed"
    assert the_steps(run) == list(range(1, 9))
    assert set(run.view().metrics) == {"base", "merged", "exported"}
    assert (run.model / "genai_config.json").is_file()
    # Nothing is reported to anybody else.
    assert standin.hosts == {"management.azure.com", "studiostorage.blob.core.windows.net"}
    assert (run.path / "card" / "README.md").is_file()
    assert set(run.view().artifacts) == {"data", "adapter", "model", "card"}
    # The job's log is the run's, and neither knows a secret.
    assert "Running pass" in run.log_file.read_text("utf-8", "replace")
    answer = program("chat", run.name, "--prompt", "Hello", "--json", folder=tmp_path)
    assert answer.returncode == 0, answer.stderr
    for secret in (az.ACCOUNT_KEY, "secretsignature", "the-signature-of-the-code-upload"):
        for file in [*home.root.rglob("*"), *(tmp_path / "machine").rglob("*")]:
            if file.is_file():
                assert secret.encode() not in file.read_bytes(), file


def test_a_cancel_of_the_program_reaches_the_service_in_two_seconds(
    standin, home, recipe, results
) -> None:
    standin.clock = time.time
    standin.life = Script(results, training(50), queued_s=3600)
    run = RunStore(home).create(recipe)
    launch.start(run)
    wait_for_event(
        run, lambda e: isinstance(e.payload, Notice) and e.payload.code == "azure.submitted"
    )
    asked = time.time()
    launch.cancel(run)
    assert wait_for_end(run) == "cancelled", story(run)
    assert standin.job.cancelled_at is not None
    assert standin.job.cancelled_at - asked <= 2


def test_a_job_whose_following_failed_can_be_cancelled(
    standin, home, recipe, results, run, attempt, clock
) -> None:
    standin.life = Script(results, training(50), queued_s=3600)
    clock.on_sleep = lambda now: run.pause_marker.touch()
    with pytest.raises(PauseRequested):
        attempt()
    run.pause_marker.unlink()
    with Emitter(run) as emit:
        emit(Finished(outcome="failed", code="azure.login", message="x", hint="y"))
    assert run.state() == "failed"
    launch.cancel(run)
    assert wait_for_end(run) == "cancelled", story(run)
    assert standin.job.status == "Canceled"


def test_a_job_without_a_follower_is_cancelled_all_the_same(standin, home, recipe, results) -> None:
    standin.clock = time.time
    standin.life = Script(results, training(50), queued_s=3600)
    run = RunStore(home).create(recipe)
    launch.start(run)
    wait_for_event(
        run, lambda e: isinstance(e.payload, Notice) and e.payload.code == "azure.submitted"
    )
    worker = run.worker()
    assert worker is not None
    end_processes(process_tree(worker))  # as a power cut
    launch.reap()
    assert standin.job.status != "Canceled"
    launch.cancel(run)
    assert wait_for_end(run) == "cancelled", story(run)
    assert standin.job.status == "Canceled", story(run)
    known = known_job(run)
    assert known is not None
    assert known.cancel_sent
