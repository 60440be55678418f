"""Whether a killed process was killed by the system because memory ran out.

The kernel says nobody which process it ended, but it counts: over the whole machine
(``/proc/vmstat``) and per control group. Killers in user space (earlyoom, macOS) count nothing,
but only strike when hardly any memory is left.
"""

from __future__ import annotations

import contextlib
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

from phi3studio.worker.process.repeating import Repeating

_SAMPLE_S = 0.5
# The sample to compare with is from before the kill: so many samples back.
_KEPT = 6
_FULL = 0.95
# A process that held less than this share of the memory was not the one to be killed for it.
_LARGE = 0.25


@dataclass(frozen=True)
class Sample:
    """Kills counted so far, the share of memory in use, the share that the process holds."""

    kills: int
    used: float
    own: float


class PressureWatch(Repeating):
    """Looks at the memory twice a second while process *pid* lives. Use as a context."""

    def __init__(self, pid: int, proc: Path = Path("/proc"), cgroups: Path | None = None) -> None:
        super().__init__("memory-pressure", _SAMPLE_S, self.sample)
        self._proc = proc
        self._cgroups = cgroups or Path("/sys/fs/cgroup")
        self._process: psutil.Process | None = None
        with contextlib.suppress(psutil.Error):
            self._process = psutil.Process(pid)
        self._samples: deque[Sample] = deque(maxlen=_KEPT)

    def __enter__(self) -> Self:
        self.sample()
        return super().__enter__()

    def was_killed_for_memory(self) -> bool:
        """Judge a death by SIGKILL, right after it."""
        before = self._samples[0]
        if self.kills() > before.kills:
            return True
        return any(sample.used >= _FULL and sample.own >= _LARGE for sample in self._samples)

    def sample(self) -> None:
        """Take one look."""
        total = psutil.virtual_memory()
        used, own_bytes, limit = 1 - total.available / total.total, 0, total.total
        if self._process is not None:
            with contextlib.suppress(psutil.Error):
                own_bytes = self._process.memory_info().rss
        group = self._group_usage()
        if group is not None and group[1] < limit:
            limit = group[1]
            used = max(used, group[0] / limit)
        self._samples.append(Sample(self.kills(), used, own_bytes / limit))

    def kills(self) -> int:
        """Kills that the kernel has counted; 0 where it counts none."""
        files = [self._proc / "vmstat"]
        for version, folder in self._groups():
            files.append(folder / ("memory.events" if version == 2 else "memory.oom_control"))
        return sum(_count(file, "oom_kill") for file in files)

    def _group_usage(self) -> tuple[int, int] | None:
        """Bytes in use and allowed in the control group; ``None`` without one or its limit."""
        for version, folder in self._groups():
            names = (
                ("memory.current", "memory.max")
                if version == 2
                else ("memory.usage_in_bytes", "memory.limit_in_bytes")
            )
            with contextlib.suppress(OSError, ValueError):
                used, limit = (int((folder / name).read_text("ascii")) for name in names)
                if 0 < limit < 2**60:
                    return used, limit
        return None

    def _groups(self) -> list[tuple[int, Path]]:
        """The control groups of this process that have to do with memory."""
        found: list[tuple[int, Path]] = []
        with contextlib.suppress(OSError):
            for line in (self._proc / "self" / "cgroup").read_text("utf-8").splitlines():
                number, controllers, path = line.split(":", 2)
                if number == "0":
                    found.append((2, self._cgroups / path.lstrip("/")))
                elif "memory" in controllers.split(","):
                    found.append((1, self._cgroups / "memory" / path.lstrip("/")))
        return found


def _count(file: Path, name: str) -> int:
    with contextlib.suppress(OSError, ValueError):
        for line in file.read_text("ascii", "replace").splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    return 0
