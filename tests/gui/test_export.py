"""Exporting the model of a real run from its page."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from phi3studio.app.paths import Home
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.pages.run.run_page import RunPage
from phi3studio.gui.pages.run.sharing.elsewhere import ElsewhereDialog
from phi3studio.gui.pages.run.sharing.export_area import ExportArea
from phi3studio.gui.pages.run.sharing.export_question import ExportQuestion
from phi3studio.gui.widgets.ask import Question
from phi3studio.gui.widgets.basic import Callout
from phi3studio.runs.bundle import browser_library
from phi3studio.runs.store import RunFolder
from phi3studio.services import run_export
from phi3studio.services.run_export import Wish
from tests.conftest import Pair
from tests.gui.test_home import button, names

Make = Callable[..., MainWindow]


@pytest.fixture
def run(pair: Pair, home: Home) -> RunFolder:
    home.runs.mkdir(parents=True)
    shutil.copytree(pair.first.path, home.runs / pair.first.name)
    return RunFolder(home.runs / pair.first.name)


@pytest.fixture
def area(make_window: Make, run: RunFolder, qtbot: QtBot) -> ExportArea:
    window = make_window()
    window.show_run(run)
    page = window.page("run")
    assert isinstance(page, RunPage)
    qtbot.waitUntil(lambda: page._result.isVisible(), timeout=10_000)
    return page._result.export


def said(area: ExportArea) -> list[str]:
    return [finding.text.text() for finding in area.findChildren(Callout)]


def stand_in(folder: Path) -> Path:
    """The files of a page's library, which nothing runs here."""
    folder.mkdir()
    for name in browser_library.FILES:
        (folder / name).write_text(name)
    return folder


def test_it_asks_what_and_how(area: ExportArea, qtbot: QtBot) -> None:
    qtbot.mouseClick(area.button, Qt.MouseButton.LeftButton)
    question = area.window().findChild(ExportQuestion)
    assert question is not None
    offered = [question.places.itemText(at) for at in range(question.places.count())]
    # This run keeps no merged model.
    assert offered == [
        "Python or C# (ONNX)", "Ollama (GGUF)", "LM Studio, Jan (GGUF)", "llama.cpp (GGUF)",
        "Foundry Local (ONNX)", "A web page (ONNX)", "Only the adapter (PEFT)",
    ]  # fmt: skip
    assert question.wish == Wish(olive=True)
    assert question.kinds.isHidden()
    question.places.setCurrentText("LM Studio, Jan (GGUF)")
    assert question.apart.isHidden(), "LM Studio loads no adapter"
    assert question.olive.isHidden()
    question.kinds.setCurrentIndex(1)
    assert question.wish == Wish(place="lmstudio", kind="iq4_nl")
    question.places.setCurrentText("Ollama (GGUF)")
    question.apart.setChecked(True)
    question.zip.setChecked(True)
    wishes: list[tuple[Wish, bool]] = []
    question.wished.disconnect()
    question.wished.connect(lambda *wish: wishes.append(wish))
    qtbot.mouseClick(button(question, "Choose where…"), Qt.MouseButton.LeftButton)
    assert wishes == [(Wish("adapter", "ollama", "iq4_nl"), True)]


def test_the_model_is_written_as_a_folder_and_as_a_zip(
    area: ExportArea, folder: Path, qtbot: QtBot
) -> None:
    area.export(folder / "bundle", Wish(olive=True))
    qtbot.waitUntil(lambda: any("Exported to" in text for text in said(area)), timeout=120_000)
    names = {str(f.relative_to(folder / "bundle")) for f in (folder / "bundle").rglob("*")}
    assert {"SHA256SUMS", "prompt.json"} <= names
    assert any(name.endswith("olive-config.json") for name in names)
    area.export(folder / "bundle.zip", Wish("adapter"))
    qtbot.waitUntil(area.button.isEnabled, timeout=60_000)
    with zipfile.ZipFile(folder / "bundle.zip") as archive:
        assert any("adapter_model" in name for name in archive.namelist())


def test_a_place_that_is_taken_is_refused(area: ExportArea, folder: Path, qtbot: QtBot) -> None:
    (folder / "mine").mkdir()
    (folder / "mine" / "letter.txt").write_text("dear")
    area.export(folder / "mine", Wish())
    qtbot.waitUntil(lambda: any("exists already" in text for text in said(area)), timeout=20_000)
    assert (folder / "mine" / "letter.txt").read_text() == "dear"
    assert area.button.isEnabled()


def test_a_cancelled_export_leaves_nothing(area: ExportArea, folder: Path, qtbot: QtBot) -> None:
    area.export(folder / "bundle", Wish())
    qtbot.wait(1)  # it is drawn
    qtbot.mouseClick(button(area, "Cancel"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: any("cancelled" in text for text in said(area)), timeout=20_000)
    assert list(folder.iterdir()) == []


def test_a_copy_for_ollama_is_made_measured_and_said_how_to_start(
    area: ExportArea, folder: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = area.window().findChild(RunPage)
    assert page is not None
    way = page.outcome.buttons.get("elsewhere", page._elsewhere)
    qtbot.mouseClick(way, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: area.window().findChild(ElsewhereDialog) is not None)
    places = area.window().findChild(ElsewhereDialog)
    assert places is not None
    qtbot.waitUntil(lambda: "Export: Ollama" in names(places))
    qtbot.mouseClick(button(places, "Export: Ollama"), Qt.MouseButton.LeftButton)
    question = area.window().findChild(ExportQuestion)
    assert question is not None
    assert question.wish == Wish(place="ollama")
    question.reject()
    # Heard rather than looked at: a small file is written between two looks.
    steps: list[str] = []
    shown = area.show_progress

    def show(said: str, done: int, total: int) -> None:
        steps.append(said)
        shown(said, done, total)

    monkeypatch.setattr(area, "show_progress", show)
    area.export(folder / "tones", question.wish)
    qtbot.waitUntil(area.button.isEnabled, timeout=120_000)
    assert "Writing the GGUF file" in steps
    assert "Measuring the GGUF file in llama.cpp" in steps
    texts = [text.text() for text in area.findChildren(QLabel)]
    assert "ollama create first -f Modelfile && ollama run first" in texts
    assert any(text.startswith("Proven as q8_0: it answers as") for text in texts), texts
    assert (folder / "tones" / "Modelfile").is_file()
    area.ask("ollama")
    again = area.window().findChildren(ExportQuestion)[-1]
    qtbot.waitUntil(lambda: again.about.text().startswith("Proven as q8_0"), timeout=5_000)
    again.reject()


def test_a_gguf_file_that_is_cancelled_leaves_nothing(
    area: ExportArea, folder: Path, run: RunFolder, qtbot: QtBot
) -> None:
    area.export(folder / "out", Wish(place="llamacpp"))
    qtbot.waitUntil(lambda: "Measuring" in area._said.text(), timeout=120_000)
    qtbot.mouseClick(button(area, "Cancel"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: any("cancelled" in text for text in said(area)), timeout=20_000)
    assert list(folder.iterdir()) == []
    assert not list(run.path.glob("verify-*"))
    assert run.view().proofs == {}


def test_what_a_page_runs_on_is_downloaded_after_a_question(
    area: ExportArea, folder: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = stand_in(folder.parent / "library")
    fetched: list[Path] = []
    monkeypatch.setattr(run_export, "library_host", lambda: "npm.example")
    monkeypatch.setattr(run_export, "library_folder", lambda home: None)
    monkeypatch.setattr(
        run_export, "download_library", lambda home: (fetched.append(library), library)[1]
    )

    def asked() -> Question:
        area.export(folder / "page", Wish(place="browser"))
        qtbot.waitUntil(lambda: bool(area.findChildren(Question)), timeout=20_000)
        return area.findChildren(Question)[-1]

    question = asked()
    assert any("from npm.example" in text.text() for text in question.findChildren(QLabel))
    qtbot.mouseClick(question.cancel, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not area.findChildren(Question), timeout=5_000)
    assert (list(folder.iterdir()), fetched) == ([], [])
    assert area.button.isEnabled()
    qtbot.mouseClick(button(asked(), "Download"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: any("Exported to" in text for text in said(area)), timeout=120_000)
    assert fetched == [library]
    assert (folder / "page" / "index.html").is_file()
    texts = [text.text() for text in area.findChildren(QLabel)]
    assert "python -m http.server --bind 127.0.0.1" in texts


def test_what_is_begun_at_the_foot_of_the_page_is_seen_and_has_the_focus(
    area: ExportArea, folder: Path, qtbot: QtBot
) -> None:
    window = area.window()
    assert isinstance(window, MainWindow)
    page = window.page("run")
    assert isinstance(page, RunPage)
    assert page.scroll_area is not None
    scrolled = page.scroll_area.verticalScrollBar()
    qtbot.waitUntil(lambda: scrolled.maximum() > 600, timeout=5000)
    scrolled.setValue(scrolled.maximum())
    area.button.setFocus()
    area.export(folder / "model", Wish())
    qtbot.waitUntil(lambda: not area.visibleRegion().isEmpty(), timeout=5000)
    assert window.focusWidget() is area
    qtbot.waitUntil(lambda: not area.busy, timeout=60_000)
    assert window.focusWidget() is area


def test_two_exports_at_once_are_not_begun(area: ExportArea, folder: Path, qtbot: QtBot) -> None:
    area.export(folder / "one", Wish())
    area.export(folder / "two", Wish())
    area.ask()
    assert area.window().findChild(ExportQuestion) is None
    qtbot.waitUntil(area.button.isEnabled, timeout=60_000)
    assert [item.name for item in folder.iterdir()] == ["one"]
