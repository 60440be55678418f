"""What kind of processor this machine has."""

from __future__ import annotations

import platform
from pathlib import Path


def processor_name() -> str:
    """The processor's name as people know it."""
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            if line.lower().startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def is_intel() -> bool:
    """Whether Intel made the processor; Windows names the maker, Linux the brand."""
    return "intel" in processor_name().lower()
