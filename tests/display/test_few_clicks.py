"""From a first start to an answer of a model of one's own, with few clicks and no typing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from phi3studio.app.paths import Home
from tests.display.conftest import Open
from tests.display.hands import Program, Widget, until
from tests.display.test_whole_way import RUN_S, go_on

FIXTURES = Path(__file__).parents[1] / "fixtures" / "olive"
OFFER = "Ask it something that it was not trained on:"


def with_starter(tmp_path: Path, starter: Home) -> None:
    """A home of a first start in which the starter model is there already."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "models").symlink_to(starter.models)


def first_example(program: Program) -> str:
    """The question that is offered first in an empty chat."""

    def below(offer: Widget) -> list[Widget]:
        left, top = offer["area"][0], offer["area"][1]
        return [
            widget
            for widget in program.widgets()
            if widget["class"] == "Button" and widget["area"][0] == left and widget["area"][1] > top
        ]

    found = until(lambda: below(program.there(OFFER)), "a question is offered")
    return min(found, key=lambda widget: widget["area"][1]).said


def ask_the_example(program: Program) -> None:
    until(lambda: program.find("", of="OutcomeCard"), "the run is done", RUN_S)
    program.click("Chat", of="Button")
    program.click(first_example(program), of="Button")
    until(lambda: program.says("to the first token"), "the model has answered")
    assert not program.says("Traceback")


def train_on_a_rating(program: Program) -> None:
    program.click("Good answer", of="Button")
    program.click("Ratings", of="Button")
    program.click("Train on these", of="Button")
    until(lambda: program.says("Only 1 row"), "the wizard has read the rating")


@pytest.mark.timeout(2400)  # trains, exports and measures
def test_the_demo_is_three_clicks(opened: Open, tmp_path: Path, starter: Home) -> None:
    with_starter(tmp_path, starter)
    program = opened(1366, 768)
    program.click("Try it now", of="Button")
    ask_the_example(program)
    assert (program.clicks, program.keys) == (3, 0)
    train_on_a_rating(program)
    assert (program.clicks, program.keys) == (6, 0)


@pytest.mark.timeout(2400)  # trains, exports and measures
def test_a_clean_table_is_eight_clicks_and_no_typing(
    opened: Open, tmp_path: Path, starter: Home
) -> None:
    with_starter(tmp_path, starter)
    table = tmp_path / "tickets.csv"
    kinds = {"low": "a pen is missing", "high": "the printer is down", "urgent": "there is smoke"}
    rows = [
        f"On floor {place} {what} near desk {place * 7 % 13},{kind}"
        for place in range(40)
        for kind, what in kinds.items()
    ]
    table.write_text("\n".join(["ticket,priority", *rows]) + "\n", "utf-8")
    program = opened(1366, 768)
    program.drop(table, 700, 400)
    for _ in range(4):
        go_on(program)
    program.click("Start", of="Button")
    ask_the_example(program)
    assert (program.clicks, program.keys) == (8, 0)


def test_an_olive_config_is_dropped_on_home_and_becomes_a_draft(
    opened: Open, tmp_path: Path
) -> None:
    values = json.loads((FIXTURES / "lora-phrases.json").read_text("utf-8"))
    values["data_configs"][0]["load_dataset_config"]["params"]["data_files"] = "<your data>"
    config = tmp_path / "olive-config.json"
    config.write_text(json.dumps(values), "utf-8")
    program = opened(1024, 700)
    program.drop(config, 500, 350)
    program.there("What becomes of the settings", of="_DecisionTable")
    program.press("Escape")
    until(lambda: program.find("", of="ConfigDialog") is None, "the dialog is closed")
    program.drop(Path(shutil.copy(config, tmp_path / "again.json")), 500, 350)
    program.click("Write it: Data", of="Button")
    until(lambda: program.focused() == "Choose file…", "the field has the focus")
