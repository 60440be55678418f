"""What a screen reader is given of each page, asked over AT-SPI as Orca asks."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from phi3studio.domain.events.event_line import Event
from phi3studio.domain.events.run_events import Progress
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


def test_runs_and_dialogs_are_read_and_what_came_of_a_run_is_said_unasked(
    opened: Open, bus: str, tmp_path: Path
) -> None:
    runs = write_showcase(tmp_path / "home" / "runs", "emotions.jsonl", True)
    for folder in (runs["done"].model, runs["done"].adapter):
        folder.mkdir(exist_ok=True)
    program = opened(DBUS_SESSION_BUS_ADDRESS=bus, QT_LINUX_ACCESSIBILITY_ALWAYS_ON="1")
    read = reader(program, bus)
    with listening(program, bus) as heard:
        for name, title in (
            ("live", "emotions-joy"),
            ("failed", "support-bot"),
            ("done", "emotions"),
        ):
            program.press("ctrl+1")
            program.fill("Search runs", runs[name].name, of="SearchField")
            cards = until(lambda: program.find("Runs", of="CardView"), "the cards")
            program.point(cards["area"][0] + 60, cards["area"][1] + 40)
            program.screen.xdotool("click", 1)
            until(lambda title=title: program.find(title, of="Elided"), f"the page of {title}")
            said = check(read, f"run {name}")
            assert any(title in item.name for item in said), name
            bars = [item for item in said if item.role == "progress bar"]
            assert bool(bars) == (name == "live"), bars
            if name == "live":
                event = Event(seq=900, t=time.time(), payload=Progress(step=180, total=184))
                with runs["live"].events_file.open("a", encoding="utf-8") as file:
                    file.write(event.to_line() + "\n")
                until(lambda: any("step 180 of 184" in text for text in heard), "a tenth is said")
        until(lambda: any("It learned the task" in text for text in heard), "the outcome is said")
        assert any("The memory was not enough" in text for text in heard), heard
    for opening, title in (
        ("Use it elsewhere", "Use it elsewhere"),
        ("Export…", "Export"),
        ("Upload…", "Upload to the hub"),
    ):
        program.click(opening, of="Button")
        said = until(
            lambda title=title: (
                [i for i in read() if title in (i.name, *i.path[-1:])] and check(read, title)
            ),
            title,
            60,
        )
        assert any(item.role == "dialog" and item.name == title for item in said), title
        program.press("Escape")
