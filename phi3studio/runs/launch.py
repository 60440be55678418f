"""Starting, stopping and resuming the worker process of a run.

The worker is a process of its own in a session of its own: it outlives the window or terminal
that started it. It is asked to stop through marker files and ended by force when it does not.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from filelock import FileLock, Timeout

from phi3studio.app import allocator
from phi3studio.app.files import write_atomically
from phi3studio.app.paths import user_home
from phi3studio.app.process_tree import end_processes, process_tree
from phi3studio.app.program import program as program
from phi3studio.app.settings import read_settings
from phi3studio.app.telemetry import PROCESS_VARIABLES
from phi3studio.domain.errors import InputError, UserFacingError
from phi3studio.domain.run import LIVE_STATES, RunState, state_phrase
from phi3studio.runs.result_check import drop_damaged
from phi3studio.runs.store import RunFolder, RunStore
from phi3studio.runtime_pack.use import runtime_for

RESUMABLE: frozenset[RunState] = frozenset({"interrupted", "paused", "failed", "cancelled"})

# How long a worker may take to stop on its own before its process tree is ended.
CANCEL_GRACE_S = 1.5
_KILLED_S = 2.0
# The same where the cancel has to be carried on to a job in Azure ML.
JOB_CANCEL_GRACE_S = 65.0
LEAST_FREE = 2_000_000
"""With fewer bytes on its disk a run is not resumed: not even what stops it could be kept."""
# How long a start waits for the worker's sign of life.
_START_S = 30.0


COMPUTING: Mapping[str, str] = {
    # Intel's matrix library sums in another order with every number of threads, on AMD's processors
    # in products of a few rows: a run would become another one when another program takes a core.
    # Costs nothing (a training step on Zen 3: 3.07 ms a token with it, 3.20 without).
    "MKL_CBWR": "AUTO,STRICT",
    # OpenMP's idle threads spin without end by default, which costs several times the speed when
    # another program wants the core; not at all costs half of it always.
    "GOMP_SPINCOUNT": "10000",
    # glibc keeps small free blocks for the next small one. They lie between a training's large
    # ones, which then never join: the heap becomes a long list of pieces that every allocation
    # walks along, and tensors come to lie where the cache has nothing.
    "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0",
}
"""How a process that computes uses cores and memory; what its user has set goes first."""


def worker_environment(run: RunFolder, base: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a worker: nothing is sent anywhere, caches stay inside the run."""
    environment = dict(os.environ if base is None else base)
    work = run.work
    # Only rows of a hub data set have to come from outside.
    data = run.recipe().data
    offline = "0" if data is not None and data.format == "hub" else "1"
    environment.update(
        {
            **PROCESS_VARIABLES,
            "HF_HUB_OFFLINE": offline,
            "HF_DATASETS_OFFLINE": offline,
            "HF_DATASETS_CACHE": str(work / "datasets"),
        }
    )
    return computing(environment)


def computing(environment: Mapping[str, str]) -> dict[str, str]:
    """*environment* with what makes a process compute quickly; what is set there goes first."""
    heap = {} if "LD_PRELOAD" in environment else allocator.settings()
    return {**COMPUTING, **heap, **environment}


def start(run: RunFolder, at: float | None = None) -> int:
    """Start the worker of *run* and return its process id, once it lives or has ended. It waits
    until the time *at* (seconds since the epoch), if one is given.

    Raises :class:`InputError` if one is alive already. Blocks for about half a second.
    """
    try:
        # Two starts at once: the second one finds a living worker.
        with FileLock(run.start_lock, timeout=_START_S):
            return _start(run, at)
    except Timeout as exc:
        raise InputError("run.busy", run=run.name) from exc


def _start(run: RunFolder, at: float | None) -> int:
    if run.alive():
        raise InputError("run.busy", run=run.name)
    run.work.mkdir(exist_ok=True)
    start_now(run)
    if at is not None:
        write_atomically(run.start_at_file, repr(at))
    for marker in (run.cancel_marker, run.pause_marker, run.leave_marker, run.set_aside_marker):
        marker.unlink(missing_ok=True)
    runtime = runtime_for(run.recipe(), user_home())
    creation: int = 0
    if sys.platform == "win32":
        creation = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    with run.log_file.open("ab") as log:
        process = subprocess.Popen(
            runtime.program("worker", "run", str(run.path)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=runtime.environment(worker_environment(run)),
            cwd=run.path,
            start_new_session=sys.platform != "win32",
            creationflags=creation,
        )
    _CHILDREN.append(process)
    limit = time.monotonic() + _START_S
    while run.worker() is None and process.poll() is None and time.monotonic() < limit:
        if run.alive():
            # It is about to write down its number, unless the disk is full.
            limit = min(limit, time.monotonic() + 1)
        time.sleep(0.01)
    return process.pid


# Kept so that ended workers of this process are reaped; see reap().
_CHILDREN: list[subprocess.Popen[bytes]] = []


def reap() -> None:
    """Collect ended workers that this process started, so that none stays a zombie."""
    _CHILDREN[:] = [child for child in _CHILDREN if child.poll() is None]


def request_cancel(run: RunFolder) -> None:
    """Ask the worker to stop for good; returns at once."""
    run.cancel_marker.touch()


def request_pause(run: RunFolder) -> None:
    """Ask the worker to keep its work and end; returns at once."""
    run.pause_marker.touch()


def request_leave(run: RunFolder) -> None:
    """Tell the worker that the session ends: it keeps what it can; returns at once."""
    run.leave_marker.touch()


def cancel(run: RunFolder, grace_s: float = CANCEL_GRACE_S) -> None:
    """Stop the run: ask, wait *grace_s* seconds, then end the whole process tree.

    Blocks for at most about *grace_s*; the window calls it off its own thread.
    """
    alive = run.alive()
    state = run.state()
    # Following a job can fail while the job itself goes on.
    followed = state == "failed" and run.job_file.is_file()
    if not alive and state not in {"interrupted", "paused"} and not followed:
        raise InputError("run.not_running", run=run.name, state=state_phrase(state))
    if not alive and run.job_file.is_file():
        # The job may go on without anybody following it: a worker has to cancel it there.
        start(run)
    _cancel_worker(run, grace_s)
    if run.job_file.is_file() and run.view().finished is None:
        # The worker was ending when it was asked (a power cut): nobody has cancelled the job.
        start(run)
        _cancel_worker(run, grace_s)


def _cancel_worker(run: RunFolder, grace_s: float) -> None:
    request_cancel(run)
    if run.job_file.is_file():
        grace_s = max(grace_s, JOB_CANCEL_GRACE_S)
    worker = run.worker()
    tree = process_tree(worker) if worker is not None else []
    limit = time.monotonic() + grace_s
    while run.alive() and time.monotonic() < limit:
        reap()
        time.sleep(0.02)
    if run.alive() and (worker := run.worker()) is not None:
        tree = process_tree(worker)
    end_processes(tree)
    # The system frees a killed process's lock with its last thread, which may take a moment.
    limit = time.monotonic() + _KILLED_S
    while tree and run.alive() and time.monotonic() < limit:
        time.sleep(0.02)
    reap()


def start_now(run: RunFolder) -> None:
    """Let a run that waits for its time begin as soon as the machine is free."""
    run.start_at_file.unlink(missing_ok=True)


def resume(run: RunFolder) -> int:
    """Start a run again where its work was kept, a completed one where a result is damaged;
    returns the process id."""
    state = run.state()
    free = shutil.disk_usage(run.path).free
    if state in RESUMABLE | {"completed"} and free < LEAST_FREE:
        raise InputError(
            "disk.too_little", variant="run", needed=LEAST_FREE, folder=run.path, free=free
        )
    if state not in RESUMABLE and not (state == "completed" and drop_damaged(run)):
        raise InputError(
            "run.not_resumable",
            variant="live" if state in LIVE_STATES else "",
            run=run.name,
            state=state_phrase(state),
            recipe=run.recipe_file,
        )
    return start(run)


def log_tail(path: Path, lines: int = 20) -> str:
    """The last lines of a log file."""
    try:
        data = path.read_bytes()[-64 * 1024 :]
    except OSError:
        return ""
    return "\n".join(data.decode("utf-8", "replace").splitlines()[-lines:])


# --- what a shutdown, a logout or a power cut ended -----------------------------------------------


def interrupted_runs(store: RunStore) -> list[RunFolder]:
    """The interrupted runs that were not set aside, oldest first; blocking."""
    return [run for run in reversed(store.all()) if _is_interrupted(run)]


def _is_interrupted(run: RunFolder) -> bool:
    try:
        return not run.set_aside_marker.exists() and run.state() == "interrupted"
    except (UserFacingError, OSError):
        return False


def go_on(runs: Iterable[RunFolder]) -> list[RunFolder]:
    """Resume them in their order; those that started. The others say why when they are opened."""
    started = []
    for run in runs:
        with contextlib.suppress(UserFacingError, OSError):
            resume(run)
            started.append(run)
    return started


def set_aside(runs: Iterable[RunFolder]) -> None:
    """Offer them no more."""
    for run in runs:
        with contextlib.suppress(OSError):
            run.set_aside_marker.touch()


def at_start(store: RunStore) -> tuple[list[RunFolder], list[RunFolder]]:
    """The runs to offer, and those that were gone on with as the settings say; blocking."""
    found = interrupted_runs(store)
    if not read_settings(store.home).resume_runs:
        return found, []
    started = go_on(found)
    return [run for run in found if run not in started], started
