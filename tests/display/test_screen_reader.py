"""What a screen reader is given of each page, asked over AT-SPI as Orca asks."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from phi3studio.gui.shortcuts import PAGES
from tests.display.conftest import Open
from tests.display.hands import Program, until
from tests.display.test_whole_way import go_on
from tests.showcase.runs import write_showcase

# The system's own Python has the bindings. Prints, for what shows of the program's windows, role,
# name and states of each object.
READER = """
import json, sys
import gi
gi.require_version("Atspi", "2.0")
from gi.repository import Atspi
found = []
def walk(item, path):
    states = {state.value_nick for state in item.get_state_set().get_states()}
    if "showing" in states:
        role = item.get_role_name()
        found.append([role, item.get_name() or "", sorted(states), path])
        for at in range(item.get_child_count()):
            child = item.get_child_at_index(at)
            if child is not None:
                walk(child, path + [role])
desktop = Atspi.get_desktop(0)
for at in range(desktop.get_child_count()):
    program = desktop.get_child_at_index(at)
    for window in range(program.get_child_count()):
        walk(program.get_child_at_index(window), [])
print(json.dumps(found))
"""
SYSTEM_PYTHON = "/usr/bin/python3"
CONTROLS = {
    "push button", "button", "toggle button", "check box", "radio button", "combo box", "entry",
    "password text", "text", "spin button", "slider", "list", "table", "tree", "tree table",
    "link", "page tab", "progress bar", "menu item",
}  # fmt: skip


class Said(NamedTuple):
    """One object as a screen reader knows it; ``path``: the roles above it."""

    role: str
    name: str
    states: list[str]
    path: list[str]


Read = Callable[[], list[Said]]


def lacking() -> str:
    """What of AT-SPI is not installed; empty: nothing."""
    if shutil.which("dbus-daemon") is None:
        return "dbus-daemon"
    code = "import gi; gi.require_version('Atspi', '2.0'); from gi.repository import Atspi"
    asked = [SYSTEM_PYTHON, "-c", code]
    there = (
        Path(SYSTEM_PYTHON).exists()
        and not subprocess.run(asked, capture_output=True, check=False, timeout=60).returncode
    )
    bus = Path("/usr/share/dbus-1/services/org.a11y.Bus.service").exists()
    return "" if there and bus else "python3-pyatspi and at-spi2-core"


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


def reader(program: Program, bus: str) -> Read:
    def read() -> list[Said]:
        done = subprocess.run(
            [SYSTEM_PYTHON, "-c", READER],
            env=program.screen.environment | {"DBUS_SESSION_BUS_ADDRESS": bus, "PYTHONPATH": ""},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        # An object that goes away while it is asked is an error: look again.
        return [Said(*item) for item in json.loads(done.stdout)] if done.returncode == 0 else []

    return read


def check(read: Read, page: str) -> list[Said]:
    """All that is said of a page: each control with a name and usable, one that takes the focus."""
    said = until(lambda: found if len(found := read()) > 10 else [], f"AT-SPI knows {page}", 60)
    nameless = [item for item in said if item.role in CONTROLS and not item.name.strip()]
    assert not nameless, f"{page}: {nameless}"
    controls = [item for item in said if item.role in CONTROLS]
    assert any("focusable" in item.states for item in controls), page
    off = [item for item in controls if "enabled" in item.states and "sensitive" not in item.states]
    assert not off, f"{page}: {off}"
    return said


def test_no_control_of_any_page_is_without_a_name_for_a_screen_reader(
    opened: Open, bus: str, tmp_path: Path
) -> None:
    write_showcase(tmp_path / "home" / "runs", "emotions.jsonl", False)
    program = opened(DBUS_SESSION_BUS_ADDRESS=bus, QT_LINUX_ACCESSIBILITY_ALWAYS_ON="1")
    read = reader(program, bus)
    roles = set()
    for number, page in enumerate(PAGES, start=1):
        program.press(f"ctrl+{number}")
        said = check(read, page)
        rail = [i for i in said if i.name in ("Home", "Settings") and i.role in CONTROLS]
        assert {item.role for item in rail} == {"push button"}, rail
        roles |= {item.role for item in said}
    for page in ("Doctor", "Settings"):
        program.click(page, of="_RailButton")
        roles |= {item.role for item in check(read, page)}
    assert {"label", "combo box", "push button"} <= roles
    program.press("ctrl+2")
    program.click("Emotions in a sentence", of="Button")
    for step in ("data", "model", "tuning", "target", "review"):
        last = step == "review"
        leave = "Start" if last else "Continue"
        until(lambda leave=leave: program.there(leave, of="Button")["enabled"], f"{step} is whole")
        said = check(read, step)
        assert any((item.role, item.name) == ("push button", leave) for item in said), step
        if not last:
            go_on(program)
