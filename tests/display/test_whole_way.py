"""From a table with defects to the model in use elsewhere, by mouse and keyboard."""

from __future__ import annotations

from pathlib import Path

import pytest

from phi3studio.app.paths import Home
from tests.display.conftest import Open
from tests.display.hands import Program, until

DEFECTS = (
    ";urgent",  # no question
    "Nobody picks up the phone;High",
    "  spaces all around  ;low ",
    "Same question here;high",
    "Same question here;low",
    "broken ÃœmlÃ¤ut text;high",
)
RUN_S = 1200.0


def defective(file: Path) -> Path:
    """A table as a support desk exports it: semicolons, repeated rows, spellings of labels."""
    kinds = {"low": "a pen is missing", "high": "the printer is down", "urgent": "there is smoke"}
    rows = [
        f"On floor {place} {what}, says desk {place * 7 % 13};{kind}"
        for place in range(16)
        for kind, what in kinds.items()
    ]
    file.write_text("\n".join(["ticket;priority", *rows, *rows[:3], *DEFECTS]) + "\n", "utf-8")
    return file


def go_on(program: Program) -> None:
    until(lambda: program.there("Continue", of="Button")["enabled"], "the page may be left")
    program.click("Continue", of="Button")


def choose_place(program: Program, place: Path) -> None:
    """Answer the dialog that asks where to write."""
    program.click("Choose where…", of="Button")
    program.there("", of="QFileDialog")
    program.press("ctrl+a")
    program.type(str(place))
    program.press("Return")


@pytest.mark.timeout(2400)  # trains, exports, measures and makes a GGUF file
def test_a_table_with_defects_becomes_a_model_that_is_used_elsewhere(
    opened: Open, tmp_path: Path, starter: Home
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "models").symlink_to(starter.models)
    program = opened(1024, 700)
    program.drop(defective(tmp_path / "tickets.csv"), 500, 350)
    until(lambda: program.find("Fix all", of="Button"), "the check has found the defects", RUN_S)
    program.click("Fix all", of="Button")
    until(lambda: program.find("Fix all", of="Button") is None, "nothing is left to repair")
    go_on(program)
    go_on(program)
    program.click("Quick look")
    go_on(program)
    go_on(program)
    program.click("Start", of="Button")
    until(lambda: program.find("Pause", of="Button"), "the run is at work")
    until(lambda: program.find("", of="OutcomeCard"), "the run is done", RUN_S)
    assert not program.says("Traceback")

    program.click("Use it elsewhere", of="Button")
    program.click("Copy: Ollama", of="Button")
    program.click("Export: llama.cpp", of="Button")
    choose_place(program, tmp_path / "gguf")
    until(lambda: program.says("llama-server -m tickets-q8_0.gguf"), "the line that starts it")
    assert (tmp_path / "gguf" / "tickets-q8_0.gguf").is_file()

    program.click("Export…" if program.find("Export…", of="Button") else "Export", of="Button")
    program.click("As one zip file", of="QRadioButton")
    choose_place(program, tmp_path / "bundle.zip")
    until(lambda: (tmp_path / "bundle.zip").is_file(), "the bundle is written")
    until(lambda: program.says(str(tmp_path / "bundle.zip")), "the page says where")
