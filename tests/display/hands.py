"""A screen with a window manager, the program on it, and hands that use it: xdotool's events."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any, TypeVar

import psutil

ROOT = Path(__file__).resolve().parents[2]
MANAGERS = ("openbox", "xfwm4")
PATIENCE_S = 180.0
T = TypeVar("T")


def missing() -> str:
    """What of the needed programs is not installed; empty: nothing."""
    lacking = [name for name in ("Xvfb", "xdotool") if shutil.which(name) is None]
    if not any(shutil.which(name) for name in MANAGERS):
        lacking.append(" or ".join(MANAGERS))
    return ", ".join(lacking)


def until(look: Callable[[], T], what: str = "", patience_s: float = PATIENCE_S) -> T:
    """The first true value of *look*."""
    end = time.monotonic() + patience_s
    while not (found := look()):
        assert time.monotonic() < end, f"never happened: {what or look}"
        time.sleep(0.05)
    return found


class Screen:
    """An X server of its own with a window manager."""

    def __init__(self, width: int, height: int) -> None:
        self.size = width, height
        read, write = os.pipe()
        self._server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{width}x{height}x24"],
            pass_fds=[write],
            stderr=subprocess.DEVNULL,
        )
        os.close(write)
        with os.fdopen(read) as pipe:
            self.display = f":{pipe.readline().strip()}"
        self.environment = {**os.environ, "DISPLAY": self.display}
        for name in ("WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
            self.environment.pop(name, None)
        manager = next(name for name in MANAGERS if shutil.which(name))
        self._manager = subprocess.Popen(
            [manager], env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def xdotool(self, *words: object) -> str:
        """One command of xdotool, through the X server's own test extension."""
        done = subprocess.run(
            ["xdotool", *map(str, words)],
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
        return done.stdout

    def picture(self, file: Path) -> None:
        """A picture of the whole screen, with ImageMagick."""
        subprocess.run(
            ["import", "-window", "root", str(file)], env=self.environment, check=True, timeout=30
        )

    def close(self) -> None:
        """End the server and all that shows on it."""
        for process in (self._manager, self._server):
            process.terminate()
            process.wait(10)


class Widget(dict[str, Any]):
    """What was seen of a widget; see ``program_with_eyes.described``."""

    @property
    def said(self) -> str:
        """Its text, or its accessible name."""
        return str(self["text"] or self["name"])

    @property
    def middle(self) -> tuple[int, int]:
        """A point of its visible part, in pixels of the screen."""
        x, y, width, height = self["shown"]
        return x + width // 2, y + height // 2


class Program:
    """The running program as its user has it, once a widget of the class *first* shows."""

    def __init__(
        self, screen: Screen, home: Path, first: str = "HomePage", **environment: str
    ) -> None:
        self.screen = screen
        self._mouse = (-1, -1)
        self.clicks = self.keys = 0
        """How often the person clicked or dropped, and how many keys were pressed."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.display.program_with_eyes"],
            cwd=ROOT,
            env=screen.environment
            | {
                "PHI3STUDIO_HOME": str(home),
                "HOME": str(home),
                "PYTHONPATH": str(ROOT),
                "LANG": "en_GB.UTF-8",
            }
            | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        until(lambda: any(widget["class"] == first for widget in self.widgets()), first)
        self.wait_for_front()

    def _ask(self, question: str) -> list[Widget]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(question + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("@"):
                return [Widget(item) for item in json.loads(line[1:])]
        raise AssertionError("the program has ended")

    def widgets(self) -> list[Widget]:
        """All that is visible, also what is scrolled away."""
        return self._ask("widgets")

    def focused(self) -> str:
        """The accessible name or text of what has the focus."""
        return next((widget["name"] or widget["text"] for widget in self._ask("focus")), "")

    def front(self) -> str:
        """The class of the window or dialog that takes mouse and keyboard; empty: none yet."""
        return next((str(widget["class"]) for widget in self._ask("front")), "")

    def wait_for_front(self) -> None:
        """Wait, as eyes do, until the window or dialog in front takes mouse and keyboard."""
        until(self.front, "the window in front takes the keyboard")

    def alive(self) -> bool:
        """Whether it still runs: a test may have closed it."""
        return self.process.poll() is None

    def slow(self) -> list[str]:
        """The events that held the window up so far."""
        return [found["text"] for found in self._ask("slow")]

    def late(self) -> list[float]:
        """How late each beat of 10 ms came since the last time this was asked, in seconds."""
        return [found["late"] for found in self._ask("late")]

    def find(self, said: str, of: str = "") -> Widget | None:
        """The visible widget with this text or accessible name, of this class."""
        for widget in self.widgets():
            if said in (widget["text"], widget["name"]) and of in ("", widget["class"]):
                return widget
        return None

    def there(self, said: str, of: str = "") -> Widget:
        """The same, waited for."""
        return until(lambda: self.find(said, of), f"“{said}” is there")

    def says(self, part: str) -> bool:
        """Whether a visible text contains *part*."""
        return any(part in widget["text"] for widget in self.widgets())

    def click(self, said: str, of: str = "") -> None:
        """Click on it with the mouse; it is scrolled to first."""
        self.wait_for_front()
        before = None
        # A page that is still being drawn moves what it shows.
        while before != (widget := self.reach(said, of))["shown"]:
            before = widget["shown"]
            time.sleep(0.1)
        self.point(*widget.middle)
        self.screen.xdotool("click", 1)
        self.clicks += 1

    def reach(self, said: str, of: str = "") -> Widget:
        """Turn the wheel over the page until the whole widget can be seen."""
        self.there(said, of)
        height = self.screen.size[1]
        for _ in range(60):
            widget = self.there(said, of)
            below = widget["area"][1] + widget["area"][3] > height
            if widget["shown"][3] >= min(widget["area"][3], 20) and not below:
                return widget
            front = until(lambda: self._ask("front"))[0]
            x, y, wide, high = front["area"]
            above = widget["area"][1] < y + high // 3
            # In the page's margin: a table under the mouse would scroll first.
            self.point(x + wide - (24 if front["class"] == "MainWindow" else 60), y + high // 2)
            self.screen.xdotool("click", 4 if above else 5)
        raise AssertionError(f"“{said}” cannot be scrolled to")

    def point(self, x: int, y: int) -> None:
        """Move the mouse."""
        # xdotool waits 15 s for a mouse to move that is there already.
        if (x, y) != self._mouse:
            self.screen.xdotool("mousemove", "--sync", x, y)
        self._mouse = (x, y)

    def wheel(self, said: str, down: int, of: str = "") -> None:
        """Turn the wheel over a widget."""
        self.point(*self.reach(said, of).middle)
        self.screen.xdotool("click", "--repeat", down, 5)

    def type(self, text: str) -> None:
        """Type on the keyboard."""
        self.wait_for_front()
        self.keys += len(text)
        self.screen.xdotool("type", "--delay", 15, text)

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        self.wait_for_front()
        self.keys += len(keys)
        self.screen.xdotool("key", "--delay", 30, *keys)

    def fill(self, said: str, text: str, of: str = "") -> None:
        """Replace a field's content as a person does: click, select all, type."""
        self.click(said, of)
        until(lambda: self.focused() == said, f"“{said}” has the focus")
        self.press("ctrl+a")
        self.type(text)

    def drop(self, file: Path, x: int, y: int) -> None:
        """Drag a file out of another window and let it go at a place of the screen."""
        source = subprocess.Popen(
            [sys.executable, "-m", "tests.display.drag_source", str(file)],
            cwd=ROOT,
            env=self.screen.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert source.stdout is not None
        assert source.stdout.readline().strip() == "ready"
        self.point(20, 15)
        self.screen.xdotool("mousedown", 1)
        for step in range(11):
            self.point(20 + (x - 20) * step // 10, 15 + (y - 15) * step // 10)

        aside = cycle((3, 0))

        def taken() -> bool:
            # What is let go before the window has answered for this place is dropped nowhere: a
            # hand goes on moving until it sees that.
            by = next(aside)
            self.point(x + by, y + by)
            return any(
                abs(place["area"][0] - x - by) + abs(place["area"][1] - y - by) < 3
                for place in self._ask("drag")
            )

        until(taken, "the window shows that it takes the file", 60)
        self.screen.xdotool("mouseup", 1)
        self.clicks += 1
        try:
            source.wait(15)
        finally:
            source.kill()
            source.wait()
            source.stdout.close()

    def title(self) -> str:
        """What the window manager shows as the title of the window in front."""
        return self.screen.xdotool("getactivewindow", "getwindowname").strip()

    def helpers(self) -> list[psutil.Process]:
        """The processes that the window has started and that still live."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def close(self) -> None:
        """End the program; by force if it does not want to."""
        for process in [*self.helpers(), psutil.Process(self.process.pid)]:
            process.terminate()
        self.process.wait(20)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
