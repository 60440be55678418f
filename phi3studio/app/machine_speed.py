"""This machine's processor, how fast it multiplies matrices, and how long stages take on it.

The formulas know a model's and a file's size and one figure of the machine; how far they are off
for one kind of stage here is learned from each run that went through undisturbed.
"""

from __future__ import annotations

import platform
import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from phi3studio.app.files import write_json
from phi3studio.app.paths import Home
from phi3studio.domain.parsing import parse_json

_LAST = 5
_FEWEST, _MOST = 0.1, 10.0


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


def read_ratios(home: Home) -> dict[str, float]:
    """Kind of stage → the median of its last ratios of time taken to time estimated."""
    return {kind: statistics.median(ratios) for kind, ratios in _read(home).items()}


def add_ratios(home: Home, ratios: Mapping[str, float]) -> None:
    """Note what a finished run showed. Raises :class:`OSError`."""
    known = _read(home)
    for kind, ratio in ratios.items():
        known[kind] = [*known.get(kind, []), min(_MOST, max(_FEWEST, ratio))][-_LAST:]
    file = _stages_file(home)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(file, known)


def _read(home: Home) -> dict[str, list[float]]:
    try:
        values = parse_json(_stages_file(home).read_text("utf-8"))
        found = {str(kind): [float(ratio) for ratio in ratios] for kind, ratios in values.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
    return {
        kind: [ratio for ratio in ratios[-_LAST:] if _FEWEST <= ratio <= _MOST]
        for kind, ratios in found.items()
        if any(_FEWEST <= ratio <= _MOST for ratio in ratios[-_LAST:])
    }


def _stages_file(home: Home) -> Path:
    return home.cache / "stages.json"


def processor_name() -> str:
    """The processor's name as people know it."""
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            if line.lower().startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
