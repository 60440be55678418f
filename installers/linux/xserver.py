"""A display without a screen: windows are counted and photographed on it."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from installers.product import BuildError
from installers.tools import run

SIZE = "1400x900"
_GRAB = """
import sys
from PySide6.QtGui import QGuiApplication
app = QGuiApplication([])
picture = app.primaryScreen().grabWindow(0)
assert picture.save(sys.argv[1])
small = picture.toImage().scaled(350, 225)
print(len({small.pixel(x, y) for x in range(350) for y in range(225)}))
"""
_WINDOW = re.compile(r'^\s+(0x[0-9a-f]+) "(.*?)": \(.*?\)\s+(\d+)x(\d+)', re.MULTILINE)


@dataclass(frozen=True)
class Display:
    """A running X server; ``name`` is what ``DISPLAY`` has to be."""

    name: str

    def windows(self) -> list[str]:
        """The titles of all windows that can be seen and are larger than an icon."""
        environment = os.environ | {"DISPLAY": self.name}
        tree = subprocess.run(
            ["xwininfo", "-root", "-tree"],
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        ).stdout
        found = []
        for window, title, width, height in _WINDOW.findall(tree):
            if int(width) < 100 or int(height) < 100:
                continue
            said = subprocess.run(
                ["xwininfo", "-id", window],
                env=environment,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
            ).stdout
            if "Map State: IsViewable" in said:
                found.append(title)
        return found

    def wait_for(self, title: str, limit_s: float, every_s: float = 0.05) -> float:
        """Seconds until a window of that title is seen; raises :class:`BuildError` at the limit."""
        began = time.monotonic()
        while time.monotonic() - began < limit_s:
            if title in self.windows():
                return time.monotonic() - began
            time.sleep(every_s)
        raise BuildError(f"No window “{title}” within {limit_s:.0f} s; seen: {self.windows()}")

    def photograph(self, file: Path, python: Path) -> int:
        """Save a picture of the whole screen; returns how many colours it has."""
        file.parent.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {"DISPLAY": self.name, "QT_QPA_PLATFORM": "xcb"}
        environment.pop("WAYLAND_DISPLAY", None)
        return int(run([python, "-c", _GRAB, file], environment=environment).split()[-1])


@contextlib.contextmanager
def x_server() -> Iterator[Display]:
    """Run Xvfb on a free display."""
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{SIZE}x24", "-ac", "-nolisten", "tcp"],
        pass_fds=(write,),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    try:
        with os.fdopen(read) as stream:
            number = stream.readline().strip()
        if not number:
            raise BuildError("Xvfb did not start.")
        yield Display(f":{number}")
    finally:
        server.terminate()
        server.wait(10)
