"""Exporting the model of a real run from its page."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from phi3studio.app.paths import Home
from phi3studio.gui.context import Context
from phi3studio.gui.lifecycle import Helpers
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.pages.run.export_dialog import ExportArea, ExportQuestion, Wish
from phi3studio.gui.pages.run.run_page import RunPage
from phi3studio.gui.widgets.basic import Callout
from phi3studio.runs.store import RunFolder
from tests.conftest import Pair
from tests.gui.conftest import spin
from tests.gui.test_home import button

Make = Callable[..., MainWindow]


@pytest.fixture
def helpers(context: Context) -> Iterator[Helpers]:
    found = Helpers.make()
    yield found
    spin(found.close())


@pytest.fixture
def run(pair: Pair, home: Home) -> RunFolder:
    home.runs.mkdir(parents=True)
    shutil.copytree(pair.first.path, home.runs / pair.first.name)
    return RunFolder(home.runs / pair.first.name)


@pytest.fixture
def area(make_window: Make, helpers: Helpers, run: RunFolder, qtbot: QtBot) -> ExportArea:
    window = make_window(helpers.services())
    window.show_run(run)
    page = window.page("run")
    assert isinstance(page, RunPage)
    qtbot.waitUntil(lambda: page._result.isVisible(), timeout=10_000)
    return page._result.export


def said(area: ExportArea) -> list[str]:
    return [finding.text.text() for finding in area.findChildren(Callout)]


def test_it_asks_what_and_how(area: ExportArea, qtbot: QtBot) -> None:
    qtbot.mouseClick(area.button, Qt.MouseButton.LeftButton)
    question = area.window().findChild(ExportQuestion)
    assert question is not None
    assert list(question.whats) == ["model", "adapter"], "this run keeps no merged model"
    question.whats["adapter"].setChecked(True)
    question.zip.setChecked(True)
    wishes: list[Wish] = []
    question.wished.disconnect()
    question.wished.connect(wishes.append)
    qtbot.mouseClick(button(question, "Choose where…"), Qt.MouseButton.LeftButton)
    assert wishes == [Wish("adapter", True, True)]


def test_the_model_is_written_as_a_folder_and_as_a_zip(
    area: ExportArea, folder: Path, qtbot: QtBot
) -> None:
    area.export(folder / "bundle", Wish("model", False, True))
    qtbot.waitUntil(lambda: any("Exported to" in text for text in said(area)), timeout=120_000)
    names = {str(f.relative_to(folder / "bundle")) for f in (folder / "bundle").rglob("*")}
    assert {"SHA256SUMS", "prompt.json"} <= names
    assert any(name.endswith("olive-config.json") for name in names)
    area.export(folder / "bundle.zip", Wish("adapter", True, False))
    qtbot.waitUntil(area.button.isEnabled, timeout=60_000)
    with zipfile.ZipFile(folder / "bundle.zip") as archive:
        assert any("adapter_model" in name for name in archive.namelist())


def test_a_place_that_is_taken_is_refused(area: ExportArea, folder: Path, qtbot: QtBot) -> None:
    (folder / "mine").mkdir()
    (folder / "mine" / "letter.txt").write_text("dear")
    area.export(folder / "mine", Wish("model", False, False))
    qtbot.waitUntil(lambda: any("exists already" in text for text in said(area)), timeout=20_000)
    assert (folder / "mine" / "letter.txt").read_text() == "dear"
    assert area.button.isEnabled()


def test_a_cancelled_export_leaves_nothing(area: ExportArea, folder: Path, qtbot: QtBot) -> None:
    area.export(folder / "bundle", Wish("model", False, False))
    area._stop.set()
    qtbot.waitUntil(lambda: any("cancelled" in text for text in said(area)), timeout=20_000)
    assert list(folder.iterdir()) == []
