"""Tests with a real display; left out where it cannot be had."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.display.hands import Program, Screen, missing
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

        def start(width: int = 1440, height: int = 900, **environment: str) -> Program:
            home = tmp_path / "home"
            home.mkdir(exist_ok=True)
            screen = stack.enter_context(closing(Screen(width, height)))
            started.append(stack.enter_context(closing(Program(screen, home, **environment))))
            return started[-1]

        yield start
        slow = [said for program in started if program.alive() for said in program.slow()]
        assert not slow, f"events over {1000 * LIMIT_S:.0f} ms: {slow}"
