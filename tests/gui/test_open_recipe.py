"""A double click on a recipe: the wizard shows it, and nothing starts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from phi3studio.domain.recipe import Recipe
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.page_set import PageSet, Services
from phi3studio.gui.pages.wizard.wizard_page import WizardPage
from phi3studio.gui.single_instance import SingleInstance
from phi3studio.gui.widgets.states import ErrorState
from phi3studio.runs.recipe_files import SUFFIX, read_recipe, write_recipe
from tests.gui.conftest import SAMPLE
from tests.worker.running import tiny_recipe


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """A recipe with its rows beside it, as a user gets it from someone else."""
    folder = tmp_path / "da Müller"
    folder.mkdir()
    (folder / "rows.jsonl").write_bytes(SAMPLE.read_bytes())
    file = folder / f"tone{SUFFIX}"
    write_recipe(tiny_recipe(Path("starter"), folder / "rows.jsonl", name="tone"), file)
    return file


def wizard(window: MainWindow) -> WizardPage:
    page = window.page("new")
    assert isinstance(page, WizardPage)
    return page


def test_a_recipe_file_is_yaml_with_paths_next_to_it(recipe: Path) -> None:
    assert "source: rows.jsonl" in recipe.read_text("utf-8")
    read = read_recipe(recipe)
    assert isinstance(read, Recipe)
    assert read.data is not None
    assert read.data.source == str(recipe.parent / "rows.jsonl")


def test_it_is_shown_in_the_wizard(
    make_window: Callable[..., MainWindow], recipe: Path, qtbot: QtBot
) -> None:
    window = make_window()
    window.open_file(str(recipe))
    qtbot.waitUntil(lambda: wizard(window).session.draft.name == "tone", timeout=5000)
    qtbot.waitUntil(lambda: window.current is wizard(window))
    assert wizard(window).session.draft.source.source == str(recipe.parent / "rows.jsonl")
    assert window.runs.live_count() == 0


def test_it_waits_for_a_window_without_pages(
    context, services: Services, make_window: Callable[..., MainWindow], recipe: Path, qtbot: QtBot
) -> None:
    window = MainWindow(context.theme, context.preferences)
    qtbot.addWidget(window)
    window.open_file(str(recipe))
    window.add_pages(PageSet(context, services))
    qtbot.waitUntil(lambda: wizard(window).session.draft.name == "tone", timeout=5000)


def test_a_file_that_is_no_recipe_is_said_to_be_none(
    make_window: Callable[..., MainWindow], tmp_path: Path, qtbot: QtBot
) -> None:
    file = tmp_path / f"broken{SUFFIX}"
    file.write_text("data: [")
    window = make_window()
    window.open_file(str(file))
    qtbot.waitUntil(lambda: bool(wizard(window).findChildren(ErrorState)), timeout=5000)
    qtbot.waitUntil(lambda: window.current is wizard(window))
    assert wizard(window).session.draft.name == ""


def test_a_second_start_hands_its_file_to_the_first(
    qapp, tmp_path: Path, recipe: Path, qtbot: QtBot
) -> None:
    first = SingleInstance(tmp_path)
    assert first.first()
    with qtbot.waitSignal(first.called, timeout=5000) as heard:
        assert not SingleInstance(tmp_path).first(str(recipe))
    assert heard.args == [str(recipe)]
    with qtbot.waitSignal(first.called, timeout=5000) as heard:
        assert not SingleInstance(tmp_path).first()
    assert heard.args == [""]
    first.close()


def test_macos_hands_a_file_to_the_application() -> None:
    """There it comes as an event, in a process that has no other application object."""
    code = """
from PySide6.QtCore import QEvent
from PySide6.QtGui import QFileOpenEvent
from phi3studio.gui.application import Application
app = Application(["studio"])
app.file_opened.connect(print)
assert app.sendEvent(app, QFileOpenEvent("/Users/José/tone.phi3studio"))
app.sendEvent(app, QEvent(QEvent.Type.User))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "/Users/José/tone.phi3studio\n"
