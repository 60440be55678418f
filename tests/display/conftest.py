"""Tests with a real display; left out where it cannot be had."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.display.hands import Program, Screen, missing
from tests.display.screen_reader import lacking
from tests.event_watch import LIMIT_S

HERE = Path(__file__).parent
Open = Callable[..., Program]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They take seconds each and need programs of the system."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("slow")


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Starts the program on a screen of its own: ``opened(width, height, QT_SCALE_FACTOR="2")``."""
    if lacking := missing():
        pytest.skip(f"needs {lacking}")
    started: list[Program] = []
    with ExitStack() as stack:

        def start(
            width: int = 1440, height: int = 900, first: str = "HomePage", **environment: str
        ) -> Program:
            home = tmp_path / "home"
            home.mkdir(exist_ok=True)
            screen = stack.enter_context(closing(Screen(width, height)))
            program = Program(screen, home, first, **environment)
            started.append(stack.enter_context(closing(program)))
            return program

        yield start
        slow = [said for program in started if program.alive() for said in program.slow()]
        assert not slow, f"events over {1000 * LIMIT_S:.0f} ms: {slow}"


@pytest.fixture
def bus() -> Iterator[str]:
    """A session's bus of its own; AT-SPI's starts on it when it is asked for."""
    if missing := lacking():
        pytest.skip(f"needs {missing}")
    with subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--print-address"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as daemon:
        assert daemon.stdout is not None
        yield daemon.stdout.readline().strip()
        daemon.terminate()
