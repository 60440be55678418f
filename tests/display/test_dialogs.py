"""Every dialog over AT-SPI: its name, its controls with names and states, and where the focus is
afterwards."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy
import pytest
from safetensors.numpy import save_file

from phi3studio.app.paths import Home
from phi3studio.domain.ratings.rating import Question as Asked
from phi3studio.domain.ratings.rating import Rating
from phi3studio.models.model_store import ModelStore
from phi3studio.runs.shown.rating_shelf import RatingShelf
from phi3studio.runs.store import RunStore
from tests.display.conftest import Open
from tests.display.hands import Program, until
from tests.display.screen_reader import CONTROLS, Read, Said, judge, reader
from tests.display.test_hands import with_sample
from tests.display.test_whole_way import choose_place
from tests.showcase.runs import write_showcase

FIXTURES = Path(__file__).parents[1] / "fixtures" / "olive"
CHECKED = {"check box", "radio button"}


class Way(NamedTuple):
    """How a person opens a dialog, and what has the focus once Escape has closed it."""

    title: str
    open: Callable[[], object]
    back: str


def check_dialog(program: Program, read: Read, title: str) -> list[Said]:
    """What is said of the dialog in front: the keyboard is in it, all its controls can be used."""
    program.wait_for_front()

    seen: list[Said] = []

    def ready() -> bool:
        seen[:] = [item for item in read() if item.role == "dialog" or "dialog" in item.path]
        dialog = next((item for item in seen if item.role == "dialog"), None)
        return (
            dialog is not None
            and dialog.name.startswith(title)
            and {"active", "showing", "visible"} <= set(dialog.states)
            and any("focused" in item.states for item in seen if item is not dialog)
        )

    try:
        until(ready, f"“{title}” is announced and has the keyboard", 60)
    except AssertionError as error:
        raise AssertionError(f"{error}: {seen}") from None
    inside = seen
    judge(inside, title)
    for item in inside:
        if item.role in CHECKED:
            assert "checkable" in item.states, item
        if item.role in CONTROLS:
            assert "visible" in item.states, item
    return inside


def walk(program: Program, read: Read, ways: list[Way]) -> None:
    for title, open_it, back in ways:
        open_it()
        check_dialog(program, read, title)
        program.press("Escape")
        until(lambda: program.front() == "MainWindow", f"“{title}” is closed")
        if back:
            until(lambda back=back: program.focused() == back, f"after “{title}”: “{back}”", 20)


def choose_card(program: Program, name: str) -> None:
    """Search for the run, and take its card without opening it."""
    program.press("ctrl+1")
    program.fill("Search runs", name, of="SearchField")
    until(lambda: program.there("Search runs", of="SearchField")["text"] == name, name)
    x, y, _, _ = program.there("Runs", of="CardView")["area"]
    program.point(x + 60, y + 40)
    program.screen.xdotool("keydown", "ctrl", "click", 1, "keyup", "ctrl")
    until(lambda: program.focused() == "Runs", "the cards have the focus")


@pytest.mark.timeout(1200)  # a screen reader asks for each object apart
def test_the_dialogs_of_runs_models_and_settings_are_read(
    opened: Open, bus: str, tmp_path: Path
) -> None:
    share, other = tmp_path / "share", tmp_path / "home" / "another"
    home = share / "phi3studio"
    runs = write_showcase(home / "runs", "emotions.jsonl", True)
    for folder in (runs["done"].model, runs["done"].adapter):
        folder.mkdir(exist_ok=True)
    own = tmp_path / "mine"
    own.mkdir()
    for name in ("config.json", "tokenizer.json"):
        (own / name).write_text("{}", "utf-8")
    save_file({"weight": numpy.zeros((2, 2), numpy.float32)}, own / "model.safetensors")
    ModelStore(Home(home)).add_folder("mine", own)
    rating = Rating(Asked("What now?"), runs["done"].name, "Wait.", "up", time=1.0)
    RatingShelf(RunStore(Home(home))).add([rating])
    (home / "last-crash.txt").write_text("Phi-3 Studio\n\nValueError: a fault\n", "utf-8")
    program = opened(
        DBUS_SESSION_BUS_ADDRESS=bus,
        QT_LINUX_ACCESSIBILITY_ALWAYS_ON="1",
        PHI3STUDIO_HOME="",
        XDG_DATA_HOME=str(share),
        XDG_CONFIG_HOME=str(tmp_path / "config"),
        PATH=str(tmp_path),  # no program opens a folder
    )
    read = reader(program, bus)
    # A pack whose installation has begun can be removed.
    (home / "runtime" / "cache").mkdir(parents=True)

    def click(said: str) -> Callable[[], None]:
        return lambda: program.click(said, of="Button")

    def show_live() -> None:
        program.press("ctrl+1")
        program.fill("Search runs", runs["live"].name, of="SearchField")
        x, y, _, _ = program.there("Runs", of="CardView")["area"]
        program.point(x + 60, y + 40)
        program.screen.xdotool("click", 1)
        program.click("Cancel", of="Button")

    def choose_home() -> None:
        program.click("Change the data directory…", of="Button")
        program.there("", of="QFileDialog")
        program.press("ctrl+a")
        program.type(str(other))
        program.press("Return")

    other.mkdir(parents=True)
    until(lambda: program.front() == "CrashDialog", "the last session's fault is shown")
    walk(program, read, [Way("Something went wrong", lambda: None, "")])
    choose_card(program, runs["failed"].name)
    walk(
        program,
        read,
        [
            Way("Keys", lambda: program.press("F1"), "Runs"),
            Way("Name, tags and note", lambda: program.press("F2"), "Runs"),
        ],
    )
    program.press("Delete")
    program.there("Undo", of="Button")
    walk(program, read, [Way("Trash", click("Trash"), "Trash")])
    walk(
        program,
        read,
        [
            Way("Cancel “emotions-joy”?", show_live, "Cancel"),
            Way("1 run is still in progress", lambda: program.press("alt+F4"), "Cancel"),
        ],
    )
    program.press("ctrl+1")
    program.fill("Search runs", runs["done"].name, of="SearchField")
    x, y, _, _ = program.there("Runs", of="CardView")["area"]
    program.point(x + 60, y + 40)
    program.screen.xdotool("click", 1)
    walk(program, read, [Way("Search exports", click("Search exports…"), "Search exports…")])
    program.press("ctrl+3")
    walk(program, read, [Way("Ratings", click("Ratings"), "Ratings")])
    program.press("ctrl+6")
    unlist = "Remove mine from the list"
    walk(
        program,
        read,
        [
            Way("Remove “mine” from the list?", click(unlist), unlist),
            Way("Delete the model “emotions”?", click("Delete emotions"), "Delete emotions"),
            Way("No program could be started for it", click("Open folder"), "Open folder"),
        ],
    )
    program.press("ctrl+comma")
    unpack = "Remove the runtime pack"
    walk(
        program,
        read,
        [
            Way("About Phi-3 Studio", click("Version and licences"), "Version and licences"),
            Way("Remove the runtime pack?", click(unpack), unpack),
            Way("Keep everything in", choose_home, "Change the data directory…"),
        ],
    )


@pytest.mark.skipif(shutil.which("npm") is None, reason="needs npm")
def test_the_question_before_a_download_is_read(opened: Open, bus: str, tmp_path: Path) -> None:
    run = write_showcase(tmp_path / "home" / "runs", "emotions.jsonl", False)["done"]
    config = {"model_type": "llama"}
    for name, values in (("config", config), ("genai_config", {}), ("studio", {})):
        (run.model / f"{name}.json").write_text(json.dumps(values), "utf-8")
    with (run.model / "model.onnx").open("wb") as file:  # as large as its event says
        file.truncate(128_000_000)
    program = opened(DBUS_SESSION_BUS_ADDRESS=bus, QT_LINUX_ACCESSIBILITY_ALWAYS_ON="1")

    def export_a_page() -> None:
        program.click("Export…", of="Button")
        program.click("Where it is used", of="ComboBox")
        for _ in range(2):  # after Python and Foundry Local
            program.press("Down")
        program.press("Return")
        choose_place(program, tmp_path / "page")

    program.fill("Search runs", run.name, of="SearchField")
    x, y, _, _ = program.there("Runs", of="CardView")["area"]
    program.point(x + 60, y + 40)
    program.screen.xdotool("click", 1)
    walk(program, reader(program, bus), [Way("Download?", export_a_page, "Export…")])
    assert not (tmp_path / "page").exists()


@pytest.mark.timeout(1200)  # a screen reader asks for each object apart
def test_the_dialogs_of_a_new_fine_tune_are_read(opened: Open, bus: str, tmp_path: Path) -> None:
    configs = tmp_path / "configs"
    configs.mkdir()
    values = json.loads((FIXTURES / "lora-phrases.json").read_text("utf-8"))
    values["data_configs"][0]["load_dataset_config"]["params"]["data_files"] = "<your data>"
    for name in ("one.json", "two.json"):
        (configs / name).write_text(json.dumps(values), "utf-8")
    single = Path(shutil.copy(configs / "one.json", tmp_path / "olive-config.json"))
    program = opened(DBUS_SESSION_BUS_ADDRESS=bus, QT_LINUX_ACCESSIBILITY_ALWAYS_ON="1")
    read = reader(program, bus)
    with_sample(program)
    table = program.reach("Rows of the data", of="RowsTable")
    program.point(table["shown"][0] + 60, table["shown"][1] + 50)
    program.screen.xdotool("click", 1)
    until(lambda: program.focused() == "Rows of the data", "a row is chosen")

    def press(said: str) -> Callable[[], None]:
        return lambda: program.click(said, of="Button")

    walk(
        program,
        read,
        [
            Way("Row ", lambda: program.press("Return"), "Rows of the data"),
            Way("New row", press("Add a row"), "Add a row"),
            Way("Find and replace", press("Find and replace"), "Find and replace"),
            Way("Start over?", press("Start over"), "Start over"),
            Way("Olive config olive-config.json", lambda: program.drop(single, 700, 450), ""),
            Way("2 Olive configs", lambda: program.drop(configs, 700, 450), ""),
        ],
    )


@pytest.mark.parametrize("gone", [True, False])
def test_what_is_asked_before_the_window_comes_is_read(
    opened: Open, bus: str, tmp_path: Path, gone: bool
) -> None:
    config, full = tmp_path / "config" / "phi3studio", tmp_path / "full"
    for folder in (config, full, tmp_path / "share" / "phi3studio"):
        folder.mkdir(parents=True)
    (full / "file").touch()
    chosen = (
        {"home": str(tmp_path / "gone")} if gone else {"next": {"home": str(full), "move": True}}
    )
    (config / "home.json").write_text(json.dumps({"version": 1, **chosen}), "utf-8")
    program = opened(
        first="StartDialog" if gone else "MoveDialog",
        DBUS_SESSION_BUS_ADDRESS=bus,
        QT_LINUX_ACCESSIBILITY_ALWAYS_ON="1",
        PHI3STUDIO_HOME="",
        XDG_DATA_HOME=str(tmp_path / "share"),
        XDG_CONFIG_HOME=str(tmp_path / "config"),
    )
    answer = "Use the standard folder" if gone else "Keep the present folder"
    program.there(answer, of="Button")
    said = check_dialog(program, reader(program, bus), "Phi-3 Studio")
    assert any((item.role, item.name) == ("push button", answer) for item in said), said
    program.click(answer, of="Button")
    until(lambda: program.find("", of="HomePage"), "the window comes")
