"""What the desktop is told of a run that has ended."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from phi3studio.app.files import write_json
from phi3studio.app.paths import Home
from phi3studio.domain.events.run_events import Finished, Paused
from phi3studio.runs.demo import demo_recipe
from phi3studio.runs.relocate import hold
from phi3studio.runs.shown import desktop_note
from phi3studio.runs.shown.ending import tell_desktop
from phi3studio.runs.shown.run_notes import change_notes
from tests.notification_service import Bus, missing, session_bus
from tests.showcase.runs import course, write_run

FAILED = Finished(outcome="failed", code="memory.short", message="No room in /home/anna.")
ENDS = {
    "completed": list(course()),
    "failed": [*course(until=3), (20.0, FAILED)],
    "interrupted": list(course(until=3)),
    "paused": [*course(until=3), (20.0, Paused())],
    "cancelled": [*course(until=3), (20.0, Finished(outcome="cancelled"))],
}


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bus]:
    if sys.platform != "linux" or missing():
        pytest.skip("needs dbus-daemon")
    with session_bus() as found:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", found.address)
        for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
            monkeypatch.setenv(name, "C.UTF-8")
        yield found


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("completed", "The run is done."),
        ("failed", "The run has failed. Its page says why and what to do."),
        ("interrupted", "The run stopped unexpectedly. Its work is kept: resume it."),
        ("paused", None),
        ("cancelled", None),
    ],
)
def test_an_end_is_shown_with_the_runs_name_and_nothing_else_of_it(
    home: Home, bus: Bus, state: str, said: str | None
) -> None:
    run = write_run(home.runs, demo_recipe(), ENDS[state], age_s=900)
    change_notes(run, name="Moods & <feelings>")
    assert run.state() == state
    assert tell_desktop(run) is (said is not None)
    if said is not None:
        assert bus.notes.get(timeout=5) == ("Moods & <feelings>", said)
    assert bus.notes.empty()


def test_it_speaks_the_windows_language_and_is_silent_where_nobody_wants_it(
    home: Home, bus: Bus
) -> None:
    run = write_run(home.runs, demo_recipe(), course(), age_s=900)
    write_json(home.root / "window.json", {"version": 1, "language": "it", "notify": "on"})
    assert tell_desktop(run)
    assert bus.notes.get(timeout=5) == ("demo", "L’esecuzione è conclusa.")
    window = hold(home.root)
    assert window is not None
    # Another process, as the window is.
    asked = "import sys; from pathlib import Path; from phi3studio.runs.store import RunFolder; "
    asked += "from phi3studio.runs.shown.ending import tell_desktop; "
    asked += "print(tell_desktop(RunFolder(Path(sys.argv[1]))))"
    command = [sys.executable, "-c", asked, str(run.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    window.release()
    write_json(home.root / "window.json", {"version": 1, "notify": "off"})
    assert not tell_desktop(run)
    assert bus.notes.empty()


def test_no_bus_and_no_service_are_passed_over(
    home: Home, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
    assert not desktop_note.show("a", "b")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "nonsense")
    assert not desktop_note.show("a", "b")
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/nowhere")
    assert not desktop_note.show("a", "b")


@pytest.mark.parametrize(
    ("platform", "program"), [("win32", "powershell"), ("darwin", "osascript")]
)
def test_words_are_never_part_of_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str, program: str
) -> None:
    if sys.platform == "win32":
        pytest.skip("a script stands in for the system's own")
    written = tmp_path / "seen"
    script = tmp_path / program
    script.write_text(
        f'#!/bin/sh\nprintf "%s|%s" "${desktop_note.TITLE_VARIABLE}"'
        f' "${desktop_note.TEXT_VARIABLE}" > {written}\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert desktop_note.show('"; rm $HOME', "`text`", platform)
    assert written.read_text() == '"; rm $HOME|`text`'
    assert not any("rm $HOME" in word for word in desktop_note.command(platform))
    script.unlink()
    assert not desktop_note.show("a", "b", platform)
