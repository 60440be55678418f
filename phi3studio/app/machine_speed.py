"""This machine's processor, and how fast it multiplies matrices, as the worker measured it."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass
from pathlib import Path

from phi3studio.app.files import write_json
from phi3studio.app.paths import Home
from phi3studio.domain.parsing import parse_json


@dataclass(frozen=True)
class MachineSpeed:
    """Matrix work in floating-point operations a second, per number format; 0 where it is of no
    use. ``key`` names what was measured: another library or processor is measured again."""

    key: str
    float32: float
    bfloat16: float = 0.0

    def of(self, precision: str) -> float:
        """Operations a second in that format; what is not known is as fast as float32."""
        return (self.bfloat16 if precision == "bfloat16" else 0.0) or self.float32


def read_speed(home: Home, key: str | None = None) -> MachineSpeed | None:
    """What was measured before; ``None`` if nothing was, or with another *key*."""
    try:
        values = parse_json(_file(home).read_text("utf-8"))
        found = MachineSpeed(
            str(values["key"]), float(values["float32"]), float(values["bfloat16"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if key is None or key == found.key else None


def write_speed(home: Home, speed: MachineSpeed) -> None:
    """Keep what was measured. Raises :class:`OSError`."""
    file = _file(home)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(file, asdict(speed))


def _file(home: Home) -> Path:
    return home.cache / "machine.json"


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
