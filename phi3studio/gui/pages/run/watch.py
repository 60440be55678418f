"""A run as it changes on disk, for the window."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import psutil
from PySide6.QtCore import QObject, QTimer, Signal

from phi3studio.app.process_tree import process_tree
from phi3studio.domain.errors import UserFacingError
from phi3studio.domain.events.event_line import Event
from phi3studio.domain.run import Curves, RunState, RunView, fold, fold_curves
from phi3studio.domain.watchdog import ProcessFacts, StallReason, stall
from phi3studio.gui.tasks import Tasks
from phi3studio.runs.follow import Follower
from phi3studio.runs.shown.overall import Overall, overall
from phi3studio.runs.store import RunFolder

_POLL_MS = 200
_LOOK_S = 1.0


@dataclass(frozen=True)
class Snapshot:
    """All that the page draws. Times in seconds since the epoch."""

    view: RunView
    curves: Curves
    state: RunState
    stall: StallReason | None
    overall: Overall
    now: float


class RunWatch(QObject):
    """Follows one run's events file; ``changed`` carries a :class:`Snapshot`.

    The first reading, which can be long, happens in a thread; after that the new lines of each
    200 ms are few and are read here. The process is looked at once a second, in a thread.
    """

    changed = Signal(object)
    failed = Signal(object)
    events_read = Signal(object)

    def __init__(self, run: RunFolder, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.run = run
        self._tasks = tasks
        self._follower = Follower(run)
        self._view = RunView()
        self._curves = Curves()
        self._state: RunState | None = None
        self._overall: Overall | None = None
        self._probe = _Probe(run)
        self._facts = ProcessFacts(alive=False)
        self._looked = 0.0
        self._busy = False
        self._stopped = False
        self._task: asyncio.Task[None] | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self._poll)

    @property
    def snapshot(self) -> Snapshot | None:
        """The present state, once the first look has been taken."""
        if self._state is None:
            return None
        now = time.time()
        why = stall(self._view, self._state, self._facts, now)
        self._overall = overall(self._view, now, self._overall)
        return Snapshot(self._view, self._curves, self._state, why, self._overall, now)

    def start(self) -> None:
        """Read what is there, then keep following."""
        self._busy = True
        self._task = self._tasks.run(self._first(), None, self.failed.emit)

    def stop(self) -> None:
        """Follow no more; what is being read is dropped."""
        self._stopped = True
        self._timer.stop()
        if self._task is not None:
            self._task.cancel()

    def look_again(self) -> None:
        """Look at the process at the next poll, not in a second: something was just asked."""
        self._looked = 0.0

    async def _first(self) -> None:
        def read() -> tuple[list[Event], RunView, Curves]:
            events = self._follower.begin()
            return events, fold(events), fold_curves(events)

        events, self._view, self._curves = await asyncio.to_thread(read)
        await self._look()
        self.events_read.emit(events)
        self._busy = False
        if not self._stopped:
            self._timer.start()

    def _poll(self) -> None:
        if self._busy:
            return
        try:
            events = self._follower.read()
        except UserFacingError as error:
            self.stop()
            self.failed.emit(error)
            return
        if events:
            self._view = fold(events, self._view)
            self._curves = fold_curves(events, self._curves)
            self.events_read.emit(events)
        if time.time() - self._looked >= _LOOK_S or any(
            e.payload.type in {"finished", "paused", "started"} for e in events
        ):
            self._busy = True
            self._task = self._tasks.run(self._look_and_go_on())
        elif events:
            self._report()

    async def _look_and_go_on(self) -> None:
        try:
            await self._look()
        finally:
            self._busy = False

    async def _look(self) -> None:
        view = self._view
        self._state, self._facts = await asyncio.to_thread(self._probe.look, view)
        self._looked = time.time()
        self._report()

    def _report(self) -> None:
        snapshot = self.snapshot
        if snapshot is not None and not self._stopped:
            self.changed.emit(snapshot)


class _Probe:
    """Asks the system about the worker; blocking, used from one thread at a time."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self._process: psutil.Process | None = None
        self._last: tuple[float, float, int, int] | None = None

    def look(self, view: RunView) -> tuple[RunState, ProcessFacts]:
        worker = self._run.worker()
        state = self._run.state(view)
        if worker is None:
            self._last = None
            # One that lives in a container next to this system tells nothing of itself.
            return state, ProcessFacts(alive=True, cpu=1.0)
        now = time.monotonic()
        spent = 0.0
        try:
            # The worker itself only supervises; its child computes.
            for process in process_tree(worker):
                times = process.cpu_times()
                spent += times.user + times.system
        except psutil.Error:
            return state, ProcessFacts(alive=False)
        swap = psutil.swap_memory()
        received = sum(
            counters.bytes_recv
            for name, counters in psutil.net_io_counters(pernic=True).items()
            if name not in {"lo", "lo0"}
        )
        traffic = swap.sin + swap.sout
        last, self._last = self._last, (now, spent, traffic, received)
        if last is None or now <= last[0]:
            return state, ProcessFacts(alive=True, cpu=1.0)
        passed = now - last[0]
        return state, ProcessFacts(
            alive=True,
            cpu=(spent - last[1]) / passed,
            swapped=(traffic - last[2]) / passed,
            received=(received - last[3]) / passed,
        )
