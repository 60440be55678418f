"""One run at a time: who may use the machine, and who is next.

Each waiting worker holds a ticket, a file whose name gives its place in the line. The first
living ticket whose time has come takes the machine lock, which the system frees when its holder
dies. Tickets of dead workers are swept away by whoever looks.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from phi3studio.runs.store import RunFolder

_POLL_S = 0.3
_TICKET = re.compile(r"\d{1,20}--.+")


class MachineQueue:
    """The line of runs below one ``runs`` folder."""

    def __init__(self, runs: Path) -> None:
        self._runs = runs
        self._tickets = runs / ".queue"

    def waiting(self) -> list[RunFolder]:
        """The runs that wait, next first; tickets without a living worker are removed."""
        line: list[RunFolder] = []
        for ticket in self._sorted():
            run = RunFolder(self._runs / ticket.name.split("--", 1)[1])
            if not run.alive():
                ticket.unlink(missing_ok=True)
            else:
                line.append(run)
        return line

    def move(self, run: RunFolder, place: int) -> None:
        """Put a waiting run at *place* (0 is next)."""
        tickets = {t.name.split("--", 1)[1]: t for t in self._sorted()}
        mine = tickets.pop(run.name, None)
        if mine is None:
            return
        others = list(tickets.values())
        others.insert(place, mine)
        base = self._next_number()
        for index, ticket in enumerate(others):
            name = ticket.name.split("--", 1)[1]
            if ticket.exists():
                ticket.rename(self._tickets / f"{base + index:020d}--{name}")

    def acquire(self, run: RunFolder, on_wait: Callable[[int, float | None], None]) -> FileLock:
        """Wait for the machine; *on_wait* hears at each look how many are ahead, and the run's
        time where that has not come yet.

        Called by the worker of *run*. The returned lock is held until released or the process
        ends. *on_wait* may raise to give up; the ticket is then withdrawn.
        """
        self._tickets.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self._tickets / "machine.lock")
        # One that a killed worker of this run left would be taken for a living one's.
        self._withdraw(run)
        (self._tickets / f"{self._next_number():020d}--{run.name}").touch()
        try:
            while True:
                late = _time_to_come(run)
                # Who waits for a time of day lets the others pass until then.
                line = [r.name for r in self.waiting() if r == run or _time_to_come(r) is None]
                ahead = line.index(run.name) if run.name in line else 0
                if ahead == 0 and late is None:
                    try:
                        lock.acquire(timeout=0)
                        return lock
                    except Timeout:
                        pass
                on_wait(ahead + (late is None), late)
                time.sleep(_POLL_S)
        finally:
            self._withdraw(run)

    def _withdraw(self, run: RunFolder) -> None:
        for ticket in self._sorted():
            if ticket.name.split("--", 1)[1] == run.name:
                ticket.unlink(missing_ok=True)

    def _next_number(self) -> int:
        """Behind all others, also where the clock was set back."""
        last = max((int(t.name.split("--", 1)[0]) for t in self._sorted()), default=0)
        return max(time.time_ns(), last + 1)

    def _sorted(self) -> list[Path]:
        if not self._tickets.is_dir():
            return []
        return sorted(item for item in self._tickets.iterdir() if _TICKET.fullmatch(item.name))


def _time_to_come(run: RunFolder) -> float | None:
    """The time at which the run may begin, if that lies ahead."""
    at = run.start_at()
    return at if at is not None and at > time.time() else None
