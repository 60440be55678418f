"""What a person's mouse and keyboard do to the window, on a real display."""

from __future__ import annotations

from pathlib import Path

import pytest
from filelock import FileLock

from phi3studio.app.paths import Home
from phi3studio.resources import resources
from phi3studio.runs.demo import demo_recipe
from phi3studio.runs.shown.chats import ChatShelf
from phi3studio.runs.shown.transcript import Ask, Transcript, Turn
from phi3studio.runs.store import RunStore
from tests.display.conftest import Open
from tests.display.hands import Program, until
from tests.showcase.runs import course, write_run

SAMPLES = resources() / "samples"
MOST_HELPERS = 3


def with_sample(program: Program) -> None:
    """Take the sample into the wizard."""
    program.click("New fine-tune", of="Button")
    program.click("Emotions in a sentence", of="Button")
    until(lambda: program.find("Continue", of="Button") and continuable(program), "it is read")


def continuable(program: Program) -> bool:
    return bool(program.there("Continue", of="Button")["enabled"])


def go_on(program: Program) -> None:
    until(lambda: continuable(program), "the page may be left")
    program.click("Continue", of="Button")


def test_typing_a_name_starts_no_processes(opened: Open) -> None:
    program = opened()
    with_sample(program)
    for _ in range(4):
        go_on(program)
    program.click("Show", of="Button")
    program.click("Which file", of="ComboBox")
    program.press("Down", "Return")
    until(lambda: program.says("Writing the Olive config"), "Olive is asked")
    most = 0
    program.click("Name of the run", of="LineEdit")
    program.press("ctrl+a")
    for _ in range(8):
        program.type("ten letter")
        most = max(most, len(program.helpers()))
    until(lambda: program.there("Name of the run")["text"] == "ten letter" * 8, "all is typed")
    assert most <= MOST_HELPERS
    until(lambda: program.says('"passes"'), "Olive's answer is shown")


def on_tuning(program: Program) -> None:
    """Go to the page Tuning, all settings shown."""
    with_sample(program)
    go_on(program)
    go_on(program)
    program.click("Show", of="Button")
    program.there("Rank (r)", of="NumberEdit")


def test_a_number_that_is_refused_holds_the_page_back(opened: Open) -> None:
    program = opened()
    on_tuning(program)
    program.fill("Rank (r)", "5000", of="NumberEdit")
    until(lambda: program.there("Rank (r)", of="NumberEdit")["invalid"], "the field is red")
    assert not continuable(program)
    assert program.says("the value is not used")
    program.press("ctrl+a")
    program.type("32")
    until(lambda: continuable(program), "32 is taken")
    program.fill("Epochs", "1,000", of="NumberEdit")
    program.press("Tab")
    assert program.there("Epochs", of="NumberEdit")["text"] == "1000"


def test_the_wheel_scrolls_the_page_over_a_list(opened: Open) -> None:
    program = opened()
    on_tuning(program)
    before = program.reach("Schedule", of="ComboBox")
    program.wheel("Schedule", 3, of="ComboBox")
    until(lambda: program.there("Schedule", "ComboBox")["area"] != before["area"], "it scrolls")
    assert program.there("Schedule", of="ComboBox")["text"] == before["text"]


@pytest.mark.parametrize(("width", "height"), [(1024, 700), (1366, 768)])
@pytest.mark.parametrize("scale", ["1", "1.5", "2"])
def test_the_first_window_fits_the_screen(
    opened: Open, width: int, height: int, scale: str
) -> None:
    program = opened(width, height, QT_SCALE_FACTOR=scale)
    for said, of in (("Settings", "_RailButton"), ("Try it now", "Button")):
        x, y, wide, high = program.there(said, of)["shown"]
        assert wide > 0
        assert x >= 0
        assert x + wide <= width
        assert y >= 0
        assert y + high <= height
    program.click("New fine-tune", of="_RailButton")
    x, y, wide, high = program.there("Continue", of="Button")["area"]
    assert x + wide <= width
    assert y + high <= height


def test_the_focus_goes_nowhere_by_itself(opened: Open) -> None:
    program = opened()
    with_sample(program)
    for _ in range(4):
        go_on(program)
    program.click("Back", of="Button")
    until(lambda: program.find("Train on", of="Card"), "the page Target")
    for page in ("Tuning", "Model", "Data"):
        program.press("space")
        until(lambda page=page: program.there("Continue", of="Button"), page)
    # Back has gone with the first page; Space must do nothing more.
    until(lambda: program.find("Back", of="Button") is None, "the first page")
    assert program.focused() not in ("Start over", "Continue")
    program.press("space", "Return")
    assert program.find("Start over?", of="QLabel") is None


@pytest.mark.parametrize("place", ["Teach a small model your own task", "Hugging Face data set"])
def test_a_file_may_be_dropped_on_home_and_on_the_field_of_the_drop_zone(
    opened: Open, tmp_path: Path, place: str
) -> None:
    file = tmp_path / "dropped.jsonl"
    file.write_bytes((SAMPLES / "emotions.jsonl").read_bytes())
    program = opened()
    if not program.find(place):
        program.click("New fine-tune", of="Button")
    program.drop(file, *program.reach(place).middle)
    until(lambda: program.find("dropped.jsonl"), "the file is taken")


def test_the_title_says_how_far_the_run_is_and_the_queue_pauses_it(
    opened: Open, tmp_path: Path
) -> None:
    run = write_run(tmp_path / "home" / "runs", demo_recipe(), course(until=92), age_s=90)
    with FileLock(run.life_lock):
        program = opened()
        until(lambda: " % · " in program.title(), "the title says how far it is")
        program.press("ctrl+5")
        until(lambda: program.says("step 92 of 184"), "the queue shows the step")
        program.click("Pause", of="Button")
        until(run.pause_marker.exists, "the run is asked to pause")


def test_a_chat_is_opened_renamed_deleted_and_brought_back(opened: Open, tmp_path: Path) -> None:
    home = tmp_path / "home"
    run = write_run(home / "runs", demo_recipe(), course(), age_s=9000)
    shelf = ChatShelf(RunStore(Home(home)))
    said = Transcript("emotions").added(Turn(Ask("Is it raining?"), "Sad"))
    shelf.write("one", run.model, said)
    program = opened()
    program.press("ctrl+3")
    x, y, _, _ = program.there("Chats", of="_List")["area"]
    program.point(x + 60, y + 45)
    program.screen.xdotool("click", 1)
    until(lambda: program.says("Is it raining?"), "the chat is opened")
    # The question is the next thing that one types.
    until(lambda: program.focused() == "Your message", "the input has the focus")
    program.point(x + 60, y + 45)
    program.screen.xdotool("click", 1)
    program.click("Chats", of="_List")
    program.press("Home", "Down", "F2", "ctrl+a")
    program.type("Weather")
    program.press("Return")
    until(lambda: [c.title for c in shelf.all()] == ["Weather"], "it is renamed")
    program.press("Delete")
    until(lambda: shelf.all() == [], "it is deleted")
    program.click("Undo", of="Button")
    until(lambda: [c.title for c in shelf.all()] == ["Weather"], "it is back")


def test_runs_are_chosen_deleted_brought_back_and_the_language_changes(
    opened: Open, tmp_path: Path
) -> None:
    runs = tmp_path / "home" / "runs"
    made = [write_run(runs, demo_recipe(), course(), age_s=age) for age in (5000, 9000)]
    program = opened()
    cards = until(lambda: program.find("Runs", of="CardView"), "the cards")
    x, y, _, _ = cards["area"]
    program.screen.xdotool("keydown", "ctrl")
    for at in (x + 100, x + 450):
        program.point(at, y + 60)
        program.screen.xdotool("click", 1)
    program.screen.xdotool("keyup", "ctrl")
    program.click("Delete", of="Button")
    until(lambda: not any(run.path.exists() for run in made), "both are in the trash")
    program.click("Undo", of="Button")
    until(lambda: all(run.path.exists() for run in made), "both are back")
    program.press("F1")
    until(lambda: program.find("Everywhere"), "the list of keys")
    program.press("Escape")
    until(lambda: program.find("Everywhere") is None, "it is closed")
    program.press("ctrl+comma")
    program.click("Language", of="ComboBox")
    program.press("End", "Return")
    until(lambda: program.find("Impostazioni"), "the language is Italian at once")
