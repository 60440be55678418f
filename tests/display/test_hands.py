"""What a person's mouse and keyboard do to the window, on a real display."""

from __future__ import annotations

from phi3studio.resources import resources
from tests.display.conftest import Open
from tests.display.hands import Program, until

SAMPLES = resources() / "samples"
MOST_HELPERS = 3


def with_sample(program: Program) -> None:
    """Take the sample into the wizard."""
    program.click("New fine-tune", of="Button")
    program.click("Use the sample (emotions)", of="Button")
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
    program.click("Which file", of="QComboBox")
    program.press("Down", "Return")
    until(lambda: program.says("Asking Olive"), "Olive is asked")
    most = 0
    program.click("Name of the run", of="QLineEdit")
    for _ in range(8):
        program.type("ten letter")
        most = max(most, len(program.helpers()))
    until(lambda: program.there("Name of the run")["text"] == "ten letter" * 8, "all is typed")
    assert most <= MOST_HELPERS
    until(lambda: program.says('"passes"'), "Olive's answer is shown")
