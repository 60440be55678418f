"""What a screen reader is given of the program, asked and heard over AT-SPI as Orca does."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.display.hands import Program, until

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
# Prints what the program lets a screen reader say unasked, a line each, until it is ended.
LISTENER = """
import gi
gi.require_version("Atspi", "2.0")
from gi.repository import Atspi
def heard(event):
    print(event.any_data, flush=True)
listener = Atspi.EventListener.new(heard)
listener.register("object:announcement")
print("listening", flush=True)
Atspi.event_main()
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


@contextmanager
def listening(program: Program, bus: str) -> Iterator[list[str]]:
    """What a screen reader hears meanwhile."""
    heard: list[str] = []
    with subprocess.Popen(
        [SYSTEM_PYTHON, "-c", LISTENER],
        env=program.screen.environment | {"DBUS_SESSION_BUS_ADDRESS": bus, "PYTHONPATH": ""},
        stdout=subprocess.PIPE,
        text=True,
    ) as listener:
        assert listener.stdout is not None
        assert listener.stdout.readline() == "listening\n"
        ears = threading.Thread(target=lambda: heard.extend(map(str.strip, listener.stdout)))
        ears.start()
        try:
            yield heard
        finally:
            listener.terminate()
            ears.join(10)


def check(read: Read, page: str) -> list[Said]:
    """All that is said of a page, once there is much."""
    said = until(lambda: found if len(found := read()) > 10 else [], f"AT-SPI knows {page}", 60)
    judge(said, page)
    return said


def judge(said: list[Said], page: str) -> None:
    """Each control has a name and can be used, and one takes the focus."""
    nameless = [item for item in said if item.role in CONTROLS and not item.name.strip()]
    assert not nameless, f"{page}: {nameless}"
    controls = [item for item in said if item.role in CONTROLS]
    assert any("focusable" in item.states for item in controls), page
    off = [item for item in controls if "enabled" in item.states and "sensitive" not in item.states]
    assert not off, f"{page}: {off}"
