"""What a screen reader is given of each page, asked over AT-SPI as Orca asks."""

from __future__ import annotations

import time
from pathlib import Path

from phi3studio.domain.events.event_line import Event
from phi3studio.domain.events.run_events import Progress
from phi3studio.gui.shortcuts import PAGES
from tests.display.conftest import Open
from tests.display.hands import until
from tests.display.screen_reader import CONTROLS, check, listening, reader
from tests.display.test_whole_way import go_on
from tests.showcase.runs import write_showcase


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
